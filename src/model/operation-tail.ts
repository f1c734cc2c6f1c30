/** What has become of an operation, as far as figures go by it. */
export type OperationEnd = {
  readonly id: number;
  readonly table: string;
  readonly direction: 'to-notion' | 'to-postgres';
  readonly status: 'started' | 'unknown' | 'done' | 'failed';
  /** From the change to its end, in seconds; null if nobody knows, or if it belongs to a first sync. */
  readonly latency: number | null;
};

/** Which operations have been counted: all up to `last` but those of `open`. */
export type Tail = {
  readonly last: number;
  /** Those that have not ended, and numbers whose transactions may not have committed; with when each was met first. */
  readonly open: ReadonlyMap<number, number>;
};

/** Longer than any transaction of the daemon lasts: a number that is missing then is none. */
const GAP_MS = 300_000;
/** What is open for longer is decided by housekeeping, long after figures could tell anything of it. */
const OPEN_MS = 3_600_000;
const MOST_OPEN = 10_000;

/** What follows from a reading of the operations after `tail.last` and of those that were open: numbers ascend with time. */
export function afterReading(
  tail: Tail,
  read: readonly OperationEnd[],
  now: number,
): { readonly ended: readonly OperationEnd[]; readonly tail: Tail } {
  const seen = new Map(read.map((one) => [one.id, one]));
  const last = read.reduce((most, { id }) => Math.max(most, id), tail.last);
  const open = new Map<number, number>();
  for (const [id, at] of tail.open) {
    const one = seen.get(id);
    const keep = one === undefined ? now - at < GAP_MS : !hasEnded(one) && now - at < OPEN_MS;
    if (keep) open.set(id, at);
  }
  for (let id = Math.max(tail.last, last - MOST_OPEN) + 1; id <= last; id += 1) {
    const one = seen.get(id);
    if ((one === undefined || !hasEnded(one)) && open.size < MOST_OPEN) open.set(id, now);
  }
  return { ended: read.filter(hasEnded), tail: { last, open } };
}

const hasEnded = ({ status }: OperationEnd): boolean => status === 'done' || status === 'failed';
