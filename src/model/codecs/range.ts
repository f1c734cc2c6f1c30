import type { PageValue, SqlText } from '../change.ts';
import type { CodecOptions, ColumnShape, Decoded, Encoded } from './codec.ts';
import { emptyRow, pageOutcome, refuse, refuseShape, rowOutcome } from './support.ts';
import { asDate, DAY_MS, type DateValue, dayText, instantText, type Moment, parseMoment } from './time.ts';

/** A range's text taken apart; a null bound is an open end. */
type Range = {
  readonly lower: string | null;
  readonly upper: string | null;
  readonly lowerIn: boolean;
  readonly upperIn: boolean;
};

const BOUND = '(?:"((?:[^"\\\\]|\\\\.|"")*)"|([^",\\[\\]()]*))';
const RANGE = new RegExp(`^\\s*([[(])${BOUND},${BOUND}([\\])])\\s*$`, 's');

/** Reads PostgreSQL's text of a range; `empty` for the empty range and undefined for what is none. */
export function parseRange(text: string): Range | 'empty' | undefined {
  if (/^\s*empty\s*$/i.test(text)) return 'empty';
  const match = RANGE.exec(text);
  if (!match) return undefined;
  const bound = (quoted: string | undefined, bare: string | undefined): string | null =>
    quoted?.replaceAll(/\\(.)|""/gs, (_all, escaped: string | undefined) => escaped ?? '"') ?? (bare || null);
  return {
    lower: bound(match[2], match[3]),
    upper: bound(match[4], match[5]),
    lowerIn: match[1] === '[',
    upperIn: match[6] === ']',
  };
}

const RANGES: readonly string[] = ['daterange', 'tsrange', 'tstzrange'];
export const isDateRange = (column: ColumnShape): boolean => RANGES.includes(column.type);

/**
 * A range as a Notion date. Days: `[a,b)` is shown from a to the day before b, and both ends must be there. Times:
 * start and end as they are, without an end if the range is open above. An empty range is an empty property.
 */
export function encodeRange(text: string, column: ColumnShape, options: CodecOptions): Encoded {
  const range = parseRange(text);
  if (range === 'empty') return pageOutcome(null);
  const open = range?.upper === null && column.type !== 'daterange';
  const lower = range?.lower == null ? undefined : parseMoment(range.lower);
  const upper = range?.upper == null ? undefined : parseMoment(range.upper);
  const value =
    range === undefined || lower === undefined || (upper === undefined && !open)
      ? undefined
      : column.type === 'daterange'
        ? daysOf(range, lower, upper)
        : timesOf(lower, upper);
  if (value !== undefined) return pageOutcome(value);
  return refuse(options, text, {
    message: 'is not a range that Notion can show: it needs a start, and years from 1 to 9999',
    remedy: 'give the range both ends in the row, or map the column to rich_text',
  });
}

function daysOf(range: Range, lower: Moment, upper: Moment | undefined): DateValue | undefined {
  if (upper === undefined) return undefined;
  const start = dayText(lower.ms, range.lowerIn ? 0 : 1);
  const end = dayText(upper.ms, range.upperIn ? 0 : -1);
  if (start.length > 10 || end.length > 10 || end < start) return undefined;
  return { start, end: end === start ? null : end };
}

function timesOf(lower: Moment, upper: Moment | undefined): DateValue | undefined {
  const start = instantText(lower.ms);
  const end = upper === undefined ? null : instantText(upper.ms);
  return start === undefined || end === undefined ? undefined : { start, end };
}

/**
 * A Notion date as a range. A last day without a time is meant whole. For times, a date without an end is open above, and the
 * row's present bounds stay in or out as they are.
 */
export function decodeRange(
  value: PageValue,
  column: ColumnShape,
  options: CodecOptions,
  current: SqlText,
): Decoded {
  if (value === null) return emptyRow(column, options);
  const date = asDate(value);
  const start = date && parseMoment(date.start);
  if (date === undefined || start === undefined) return refuseShape(options, value, 'date');
  const end = date.end === null ? undefined : parseMoment(date.end);
  if (column.type === 'daterange') {
    const last = end ?? start;
    if (Math.floor(last.ms / DAY_MS) < Math.floor(start.ms / DAY_MS)) return backwards(value, options);
    return rowOutcome(`[${dayText(start.ms)},${dayText(last.ms, 1)})`);
  }
  const upper = end === undefined ? null : end.day ? end.ms + DAY_MS : end.ms;
  const present = current === null ? undefined : parseRange(current);
  const known = present === 'empty' ? undefined : present;
  const open = known?.lower != null && !known.lowerIn ? '(' : '[';
  const close = known?.upper != null && known.upperIn && upper !== null ? ']' : ')';
  const isPoint = upper === start.ms && open === '[' && close === ']';
  if (upper !== null && upper <= start.ms && !isPoint) return backwards(value, options);
  const quoted = (ms: number | null): string => (ms === null ? '' : `"${timeText(ms, column)}"`);
  return rowOutcome(`${open}${quoted(start.ms)},${quoted(upper)}${close}`);
}

/** Whether two texts are the same range of days or times, however their bounds are spelled. */
export function sameRange(one: string, other: string): boolean {
  const [a, b] = [parseRange(one), parseRange(other)];
  if (a === undefined || b === undefined || a === 'empty' || b === 'empty') return one === other;
  const sameBound = (left: string | null, right: string | null): boolean =>
    left === right || (left !== null && right !== null && isSameMoment(left, right));
  return (
    a.lowerIn === b.lowerIn &&
    a.upperIn === b.upperIn &&
    sameBound(a.lower, b.lower) &&
    sameBound(a.upper, b.upper)
  );
}

function isSameMoment(left: string, right: string): boolean {
  const moment = parseMoment(left);
  return moment !== undefined && moment.ms === parseMoment(right)?.ms;
}

const backwards = (value: PageValue, options: CodecOptions): Decoded =>
  refuse(options, value, {
    message: 'does not end after it starts',
    remedy: 'set an end later than the start in Notion',
  });

/** An instant as a column with or without a time zone takes it. */
export function timeText(ms: number, column: ColumnShape): string {
  const text = `${dayText(ms)}T${new Date(ms).toISOString().slice(-13, -1)}`;
  return column.type === 'timestamp' || column.type === 'tsrange' ? text : `${text}Z`;
}
