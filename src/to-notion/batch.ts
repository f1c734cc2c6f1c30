import type { RowImage } from '../model/change.ts';
import type { Lookups } from '../model/codecs/codec.ts';
import type { LeftOut } from '../model/filtered.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { RefusedField } from '../model/refused-field.ts';
import { leftOutAmong } from '../postgres/left-out.ts';
import { readEach } from '../postgres/read-rows.ts';
import { conflictedAmong } from '../state/conflicts.ts';
import type { OutboxEntry } from '../state/outbox.ts';
import { recordsByKey, type SyncRecord } from '../state/records.ts';
import { refusedFieldsOf } from '../state/refused-fields.ts';
import type { Source } from '../state/sources.ts';
import { type Claims, findClaims } from './claimed-page.ts';
import { guardBatch } from './clearing.ts';
import { type DeliverContext, lookupsFor } from './context.ts';
import { urgencyOf } from './failure.ts';
import { countLeaving } from './filter.ts';
import { type Preread, readBeforeWrite } from './preread.ts';
import { hasNews } from './update.ts';

/** What was read for a whole batch at once. */
export type Batch = {
  readonly table: ResolvedTable;
  readonly source: Source;
  readonly records: ReadonlyMap<RowKey, SyncRecord>;
  readonly rows: ReadonlyMap<RowKey, RowImage>;
  /** Rows that PostgreSQL does not give, and why. */
  readonly broken: ReadonlyMap<RowKey, unknown>;
  readonly lookups: Lookups;
  readonly look: Preread;
  /** What Notion refused before, by record. */
  readonly refused: (key: RowKey) => readonly RefusedField[];
  /** Records with a conflict that is not over. */
  readonly conflicted: ReadonlySet<RowKey>;
  readonly claims: Claims;
  /** Rows that are there and not to be synced. */
  readonly leftOut: ReadonlyMap<RowKey, LeftOut>;
};

export async function readBatch(
  context: DeliverContext,
  table: ResolvedTable,
  source: Source,
  entries: readonly OutboxEntry[],
): Promise<Batch> {
  const keys = entries.map((entry) => entry.key);
  // Records before rows: an edit that is applied in between shows as a moved base under the lock.
  const records = await recordsByKey(context.store, table.name, keys);
  const { rows, broken } = await readEach(context.db, table, keys);
  const leftOut = await leftOutAmong(context.db, table, keys);
  const leaving = [...leftOut.keys()].filter((key) => isShown(records.get(key)));
  if (leaving.length > 0) await countLeaving(context, { table });
  const bases = [...records.values()].map((record) => record.baseRow);
  const lookups = await lookupsFor(context, table, [...rows.values(), ...bases]);
  const updates = entries.filter((entry) => {
    const known = records.get(entry.key);
    const row = rows.get(entry.key);
    return (
      known?.page != null &&
      row !== undefined &&
      !leftOut.has(entry.key) &&
      hasNews({ entry, table, row }, known)
    );
  });
  const deletions = entries.filter(
    ({ key, kind }) => leaving.includes(key) || (kind === 'delete' && !rows.has(key) && !leftOut.has(key)),
  );
  const priority = entries[0] === undefined ? 'live' : urgencyOf(entries[0]);
  const look = await readBeforeWrite(context, table, source, updates.length + deletions.length, { priority });
  await guardBatch(context, table, lookups, [...records.values()], rows);
  const conflicted = await conflictedAmong(context.store, table.name, keys);
  const refused = await refusedFieldsOf(context.store, table.name, keys);
  const unlinked = entries.filter(({ key }) => rows.has(key) && !records.has(key) && !leftOut.has(key));
  const claims = await findClaims(context, table, source, unlinked, { priority });
  return { table, source, records, rows, broken, lookups, look, conflicted, refused, claims, leftOut };
}

const isShown = (record: SyncRecord | undefined): boolean =>
  record !== undefined && record.state !== 'resting';
