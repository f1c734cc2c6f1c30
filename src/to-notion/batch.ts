import type { Lookups } from '../model/codecs/codec.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { isResting } from '../model/record-state.ts';
import type { OutboxEntry } from '../state/outbox.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import { lookupsFor } from '../sync/row-lookups.ts';
import { type Claims, findClaims } from './claimed-page.ts';
import { guardBatch } from './clearing.ts';
import type { DeliverContext } from './context.ts';
import { urgencyOf } from './failure.ts';
import { countLeaving } from './filter.ts';
import { type Preread, readBeforeWrite } from './preread.ts';
import type { Pairs } from './read-pairs.ts';
import { hasNews } from './update.ts';

/** Entries of one table with both sides of their records. */
export type ReadEntries = {
  readonly table: ResolvedTable;
  readonly source: Source;
  readonly entries: readonly OutboxEntry[];
  readonly pairs: Pairs;
};

/** What was read for a whole batch at once. */
export type Batch = Pairs & {
  readonly table: ResolvedTable;
  readonly source: Source;
  readonly lookups: Lookups;
  readonly look: Preread;
  readonly claims: Claims;
};

/** What a batch needs beside its two sides. */
export async function readBatch(
  context: DeliverContext,
  { table, source, entries, pairs }: ReadEntries,
): Promise<Batch> {
  const { records, rows, leftOut } = pairs;
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
  const look = await readBeforeWrite(context, table, {
    source,
    count: updates.length + deletions.length,
    ask: { priority },
  });
  await guardBatch(context, table, lookups, pairs);
  const unlinked = entries.filter(({ key }) => rows.has(key) && !records.has(key) && !leftOut.has(key));
  const claims = await findClaims(context, table, { source, entries: unlinked, ask: { priority } });
  return { ...pairs, table, source, lookups, look, claims };
}

const isShown = (record: SyncRecord | undefined): boolean => record !== undefined && !isResting(record.state);
