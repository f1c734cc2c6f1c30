import { createHash } from 'node:crypto';
import type { SqlText, WalTuple } from './change.ts';
import type { ResolvedTable } from './mapping.ts';

/** What one batch of the log told of a field: its value at the first and the last mention, and when that changed. */
type SeenTime = {
  readonly first: string;
  readonly firstAt: Date;
  readonly last: string;
  /** The last change within the batch; null if every mention had the same value. */
  readonly changedAt: Date | null;
};

/** By property. Values are told apart by short tokens, so that large ones do not stay in memory. */
export type SeenTimes = ReadonlyMap<string, SeenTime>;

const SHORT = 64;
const NULL = 'null';

/** As `pgnotion.merge_field_times` makes it of a base's value. */
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

const tokenOf = (text: SqlText): string =>
  text === null ? NULL : text.length <= SHORT ? `=${text}` : `#${digestOf(text)}`;

const digestOfToken = (token: string): string =>
  token === NULL ? NULL : token.startsWith('=') ? digestOf(token.slice(1)) : token.slice(1);

/**
 * Takes one more version of a row into account, committed at `at`. Only columns that the log carries: an expression, a
 * joined column and an unchanged TOAST value are not in it, and nobody can say when they changed.
 */
export function seeVersion(
  known: SeenTimes | undefined,
  table: ResolvedTable,
  tuple: WalTuple,
  at: Date,
): SeenTimes {
  const times = new Map(known);
  for (const { property, source } of table.fields) {
    const text = source.kind === 'column' ? tuple[source.column] : undefined;
    if (text === undefined) continue;
    const token = tokenOf(text);
    const before = times.get(property);
    if (before === undefined)
      times.set(property, { first: token, firstAt: at, last: token, changedAt: null });
    else if (before.last !== token) times.set(property, { ...before, last: token, changedAt: at });
  }
  return times;
}

/** As `pgnotion.merge_field_times` takes it. */
export const seenTimesJson = (times: SeenTimes | undefined): string =>
  JSON.stringify(
    Object.fromEntries(
      [...(times ?? [])].map(([property, { first, firstAt, last, changedAt }]) => [
        property,
        {
          first: digestOfToken(first),
          at: firstAt.toISOString(),
          last: digestOfToken(last),
          ...(changedAt === null ? {} : { changed: changedAt.toISOString() }),
        },
      ]),
    ),
  );
