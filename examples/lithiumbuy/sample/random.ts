import { createHash } from 'node:crypto';

export type Row = Readonly<Record<string, unknown>>;

export type Random = {
  readonly next: () => number;
  readonly int: (low: number, high: number) => number;
  readonly pick: <T>(items: readonly T[]) => T;
  readonly uuid: () => string;
  readonly money: (low: number, high: number) => string;
};

/** A stream of numbers for each table (mulberry32), so that changing one table leaves the others as they are. */
export function randomOf(name: string): Random {
  let state = createHash('sha256').update(name).digest().readInt32LE();
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => int(0, 15).toString(16)).join('');
  return {
    next,
    int,
    pick: (items) => at(items, int(0, items.length - 1)),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    money: (low, high) => (int(low * 100, high * 100) / 100).toFixed(2),
  };
}

/** The item at an index, beginning again after the last. */
export function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new RangeError('an empty list has no items');
  return item;
}

const FIRST_DAY = Date.UTC(2026, 0, 5);

/** A time of day on a day of the sample year, to the microsecond, as PostgreSQL keeps it. */
export function moment(random: Random, day: number): string {
  const millisecond = new Date(
    FIRST_DAY + day * 86_400_000 + random.int(6 * 3600, 18 * 3600) * 1000 + random.int(0, 999),
  );
  return millisecond.toISOString().replace('Z', `${String(random.int(0, 999)).padStart(3, '0')}Z`);
}

/** When a row was made and last changed; half of them were never changed. */
export function made(random: Random, day: number): Row {
  const created = moment(random, day);
  return {
    created_at: created,
    updated_at: random.next() < 0.5 ? created : moment(random, day + random.int(1, 30)),
  };
}
