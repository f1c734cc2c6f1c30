/**
 * Which transactions a reader with this snapshot does not see yet.
 *
 * @param snapshot `pg_current_snapshot()` as text: `xmin:xmax:xip,xip…`, in 64 bits
 * @param xids of transactions that have ended or are ending, in 32 bits, as the log tells them
 */
export function unseenBy(snapshot: string, xids: Iterable<number>): number[] {
  const [, xmax = '', running = ''] = snapshot.split(':');
  const next = low32(xmax);
  const hidden = new Set(running === '' ? [] : running.split(',').map(low32));
  // Numbers wrap around, so which one is later is told by the sign of the difference, as PostgreSQL does it.
  return [...xids].filter((xid) => hidden.has(xid) || ((xid - next) | 0) >= 0);
}

const low32 = (xid: string): number => Number(BigInt.asUintN(32, BigInt(xid)));
