import type { RowImage } from '../model/change.ts';
import { foundBase } from '../model/found-base.ts';
import type { RowKey } from '../model/ids.ts';
import { dropEdit, lookSoon } from '../state/edits.ts';
import { doubtfulCreate } from '../state/operations.ts';
import { markRestore } from '../state/outbox.ts';
import { link } from '../state/records.ts';
import { releaseWaiting } from '../state/waiting.ts';
import { lookupsFor } from '../sync/row-lookups.ts';
import type { InboundContext, Sighting } from './context.ts';
import { firstLinks, linkFirst } from './first-link.ts';

const NO_BASE = { baseRow: {}, basePage: {}, isEdited: false } as const;

/** The page becomes the page of the row whose key it shows. */
export const adopt = (
  context: InboundContext,
  sighting: Sighting,
  key: RowKey,
  row: RowImage | null,
): Promise<void> =>
  sighting.page.createdBy === context.botId
    ? adoptOurs(context, sighting, key, row)
    : adoptTheirs(context, sighting, key, row);

/** A page of a person's; both may hold values. */
async function adoptTheirs(
  context: InboundContext,
  sighting: Sighting,
  key: RowKey,
  row: RowImage | null,
): Promise<void> {
  const rows = new Map(row === null ? [] : [[key, row]]);
  const [linked] = await firstLinks(context, sighting.table, [{ sighting, key }], { rows, by: 'key' });
  if (linked === undefined) return adoptOurs(context, sighting, key, row);
  await context.store.transaction((sql) => linkFirst(sql, sighting, key, linked));
  context.onDirty();
}

/**
 * The page is its row's, and the first delivery makes them agree. If a request of ours has made it whose answer was lost, what
 * that one sent is their base; else they have none, and PostgreSQL wins what differs.
 */
async function adoptOurs(
  context: InboundContext,
  { table, page, image }: Sighting,
  key: RowKey,
  row: RowImage | null,
): Promise<void> {
  const sent = page.createdBy === context.botId ? await doubtfulCreate(context.store, table.name, key) : null;
  const lookups = await lookupsFor(context, table, row === null ? [] : [row]);
  const base = sent === null ? NO_BASE : foundBase(table.fields, { sent, shown: image, row, lookups });
  const record = { table: table.name, key, page: page.id };
  await context.store.transaction(async (sql) => {
    await link(sql, { ...record, ...base, pageEditedAt: page.lastEditedTime });
    await dropEdit(sql, page.id);
    if (base.isEdited) await lookSoon(sql, record);
    await releaseWaiting(sql, table.name, key);
    await markRestore(sql, { table: table.name, key, fields: [] });
  });
  context.onDirty();
}
