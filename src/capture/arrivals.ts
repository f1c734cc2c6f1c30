import { createHash } from 'node:crypto';
import type { WalTuple } from '../model/change.ts';
import type { ResolvedTable } from '../model/mapping.ts';

/**
 * Rows that came to another key in one transaction, by `table/key`, as the log showed them last. Two rows may hold a key for
 * a while if it is deferrable, and such a table's log shows former rows whole: it has REPLICA IDENTITY FULL.
 */
export type Arrivals = Map<string, Shown>;

type Shown = { readonly columns: number; readonly digest: string };

/** Bounds memory (invariant 12). In a transaction of more, a row that leaves a key is taken for the last that came there. */
const MOST = 100_000;

/** Whether a row with this former image is another one than the row that came to its key in this transaction. */
export function wasThereBefore(arrivals: Arrivals, name: string, former: WalTuple): boolean {
  const arrived = arrivals.get(name);
  if (arrived === undefined) return false;
  const { columns, digest } = shown(former);
  // A value that was left out for its size leaves nothing to be compared.
  return columns === arrived.columns && digest !== arrived.digest;
}

/** Follows a row from key to key; `now` is null if it was deleted. */
export function follow(
  arrivals: Arrivals,
  table: ResolvedTable,
  [from, to]: readonly [string, string | null],
  { former, now }: { readonly former: WalTuple; readonly now: WalTuple | null },
): void {
  if (Object.keys(former).length <= table.key.length) return;
  const isArrival = arrivals.has(from) && !wasThereBefore(arrivals, from, former);
  if (isArrival) arrivals.delete(from);
  if (to === null || now === null || (from === to && !isArrival)) return;
  if (arrivals.size < MOST) arrivals.set(to, shown(now));
}

function shown(tuple: WalTuple): Shown {
  const given = Object.entries(tuple)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    columns: given.length,
    digest: createHash('sha1').update(JSON.stringify(given)).digest('base64'),
  };
}
