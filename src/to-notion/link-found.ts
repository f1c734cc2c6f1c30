import { foundBase } from '../model/found-base.ts';
import type { NotionPage } from '../notion/client.ts';
import { readWhole } from '../notion/pages.ts';
import { lookSoon } from '../state/edits.ts';
import { doubtfulCreate } from '../state/operations.ts';
import { link } from '../state/records.ts';
import { releaseWaiting } from '../state/waiting.ts';
import type { DeliverContext, Delivered, Delivery } from './context.ts';
import { urgencyOf } from './failure.ts';
import { linkWithoutBase } from './find-created.ts';

/**
 * Ties a page to its record that was made by a request whose answer was lost. What it is to hold is compared with it by an
 * update. Where nobody knows any more what was sent there is no base, and the row's values count.
 */
export async function linkFound(
  context: DeliverContext,
  { entry, table, source, row, lookups }: Delivery,
  page: NotionPage,
): Promise<Delivered> {
  const { store, notion } = context;
  const sent = await doubtfulCreate(store, table.name, entry.key);
  const base = sent === null ? null : foundBase(table.fields, { sent, shown: await shown(), row, lookups });
  const record = { table: table.name, key: entry.key, page: page.id };
  await store.transaction(async (sql) => {
    if (base === null) await linkWithoutBase(sql, record, page);
    else {
      await link(sql, { ...record, ...base, pageEditedAt: page.lastEditedTime });
      if (base.isEdited) await lookSoon(sql, record);
    }
    await releaseWaiting(sql, table.name, entry.key);
  });
  return { kind: 'postponed', ms: 0 };

  async function shown() {
    const ask = { priority: urgencyOf(entry) };
    return (await readWhole(notion, table, { ids: source.properties, page, ask })).image;
  }
}
