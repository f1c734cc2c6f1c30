import type { Behaviour } from './behaviour.ts';
import { objectAt, stringAt } from './check.ts';
import { failed } from './errors.ts';
import type { DateValue } from './types.ts';

const MINUTE = 60_000;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const STAMP =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2}(?::?\d{2})?)?$/i;

/** Down to the minute, which is all that Notion shows of a time. */
export const floorToMinute = (at: number): number => Math.floor(at / MINUTE) * MINUTE;

/** The spelling of `created_time` and `last_edited_time`. */
export const shownTime = (at: number, { pageTimes }: Pick<Behaviour, 'pageTimes'> = MINUTES): string => {
  const unit = { minute: MINUTE, second: 1_000, millisecond: 1 }[pageTimes];
  return new Date(Math.floor(at / unit) * unit).toISOString();
};
const MINUTES = { pageTimes: 'minute' } as const;

type Kept = Pick<Behaviour, 'dateSeconds' | 'dateOffsets'>;
const AS_A_RULE: Kept = { dateSeconds: false, dateOffsets: true };

/** Reads `{start, end, time_zone}` and gives what Notion keeps of it: minutes, the offset that was given or UTC, no zone. */
export function parseDate(raw: unknown, path: string, kept = AS_A_RULE): DateValue {
  const source = objectAt(raw, path);
  const zone = source.time_zone;
  if (zone !== undefined && zone !== null && (typeof zone !== 'string' || offsetIn(zone, 0) === undefined)) {
    throw failed(`${path}.time_zone`, 'a valid time zone', zone);
  }
  const named = typeof zone === 'string' ? zone : null;
  const read = (text: unknown, at: string): string => normalised(stringAt(text, at), named, at, kept);
  const start = read(source.start, `${path}.start`);
  const end = source.end;
  if (end === undefined || end === null) return { start, end: null };
  return { start, end: read(end, `${path}.end`) };
}

/** The first instant that a date or a timestamp covers, in UTC; undefined if it is neither. */
export function instantOf(text: string): number | undefined {
  if (DATE.test(text)) return dayAt(text);
  const match = STAMP.exec(text);
  return match === null ? undefined : instantOfMatch(match);
}

export const isDay = (text: string): boolean => DATE.test(text);

function dayAt(text: string): number | undefined {
  const at = Date.parse(`${text}T00:00:00Z`);
  // Date.parse takes February 30th for March 1st.
  return Number.isNaN(at) || new Date(at).getUTCDate() !== Number(text.slice(8)) ? undefined : at;
}

function instantOfMatch(match: RegExpExecArray): number | undefined {
  const [, day = '', hour, minute, second = '0', fraction = '', offset = 'Z'] = match;
  const at = dayAt(day);
  if (at === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const millis = Math.trunc(Number(`0.${fraction || '0'}`) * 1000);
  const wall = at + Number(hour) * 60 * MINUTE + Number(minute) * MINUTE + Number(second) * 1000 + millis;
  return wall - offsetMinutes(offset) * MINUTE;
}

function offsetMinutes(offset: string): number {
  if (offset.toUpperCase() === 'Z') return 0;
  const digits = offset.replaceAll(':', '');
  const size = Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5));
  return digits.startsWith('-') ? -size : size;
}

function normalised(text: string, zone: string | null, path: string, kept: Kept): string {
  const fault = () => failed(path, 'a valid ISO 8601 date string', text);
  if (DATE.test(text)) {
    if (dayAt(text) === undefined || zone !== null) throw fault();
    return text;
  }
  const match = STAMP.exec(text);
  const at = match === null ? undefined : instantOfMatch(match);
  if (match === null || at === undefined) throw fault();
  if (zone === null) return withOffset(at, kept.dateOffsets ? offsetMinutes(match[6] ?? 'Z') : 0, kept);
  if (match[6] !== undefined) throw failed(path, 'without an offset when time_zone is given', text);
  // The zone's offset belongs to the instant, which is only known once the offset is: two steps settle it.
  const first = offsetIn(zone, at) ?? 0;
  const offset = offsetIn(zone, at - first * MINUTE) ?? 0;
  return withOffset(at - offset * MINUTE, kept.dateOffsets ? offset : 0, kept);
}

function withOffset(at: number, offset: number, { dateSeconds }: Kept): string {
  const wall = new Date((dateSeconds ? at : floorToMinute(at)) + offset * MINUTE).toISOString().slice(0, -1);
  const size = Math.abs(offset);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${wall}${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

function offsetIn(zone: string, at: number): number | undefined {
  try {
    const parts = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      timeZoneName: 'longOffset',
    }).formatToParts(at);
    const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
    return name === 'GMT' ? 0 : offsetMinutes(name.replace('GMT', ''));
  } catch {
    return undefined;
  }
}
