import type { RowImage } from '../model/change.ts';
import type { LeftOut } from '../model/filtered.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { leftOutAmong } from '../postgres/left-out.ts';
import { readEach } from '../postgres/read-rows.ts';
import { type KnownBatch, knownOfBatch } from '../state/deliveries.ts';
import type { OutboxEntry } from '../state/outbox.ts';
import type { SyncContext } from '../sync/context.ts';

/** The two sides of a batch's records, read once: a record that moves after it goes to the next batch. */
export type Pairs = KnownBatch & {
  readonly rows: ReadonlyMap<RowKey, RowImage>;
  /** Rows that PostgreSQL does not give, and why. */
  readonly broken: ReadonlyMap<RowKey, unknown>;
  /** Rows that are there and not to be synced. */
  readonly leftOut: ReadonlyMap<RowKey, LeftOut>;
};

export async function readPairs(
  { store, db }: Pick<SyncContext, 'store' | 'db'>,
  table: ResolvedTable,
  entries: readonly OutboxEntry[],
): Promise<Pairs> {
  const keys = entries.map(({ key }) => key);
  // Records before rows: a base that moves in between shows under the record's lock.
  const known = await knownOfBatch(store, table.name, keys);
  const { rows, broken } = await readEach(db, table, keys);
  return { ...known, rows, broken, leftOut: await leftOutAmong(db, table, keys) };
}

/** Those of these records, out of portions that were read one after the other. */
export function pairsOf(entries: readonly OutboxEntry[], portions: readonly Pairs[]): Pairs {
  const wanted = new Set(entries.map(({ key }) => key));
  const pick = <T>(part: (pairs: Pairs) => ReadonlyMap<RowKey, T>): ReadonlyMap<RowKey, T> =>
    new Map(portions.flatMap((pairs) => [...part(pairs)].filter(([key]) => wanted.has(key))));
  return {
    records: pick((pairs) => pairs.records),
    refused: pick((pairs) => pairs.refused),
    clearing: new Set(portions.flatMap((pairs) => [...pairs.clearing].filter((key) => wanted.has(key)))),
    rows: pick((pairs) => pairs.rows),
    broken: pick((pairs) => pairs.broken),
    leftOut: pick((pairs) => pairs.leftOut),
  };
}
