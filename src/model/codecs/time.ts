import type { Json, PageValue } from '../change.ts';
import type { ColumnShape } from './codec.ts';
import { list, members, UNKNOWN } from './support.ts';

/** A canonical date: days as `YYYY-MM-DD`, instants as UTC ISO with milliseconds. A column of days knows days only. */
export type DateValue = { readonly start: string; readonly end: string | null };

/** A date or timestamp text taken apart; `ms` reads it as UTC unless it has an offset. */
export type Moment = { readonly ms: number; readonly day: boolean; readonly zoned: boolean };

/** A day without leap seconds, as both sides count. */
export const DAY_MS = 86_400_000;
const MOMENT =
  /^(\d{4,5})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d){0,2})?)?$/i;

/** Reads what PostgreSQL prints under ISO and what Notion answers; undefined for BC, infinity and all else. */
export function parseMoment(text: string): Moment | undefined {
  const match = MOMENT.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset] = match;
  // Date.UTC takes years below 100 for years of the 20th century.
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const real = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  if (!real || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  date.setUTCHours(Number(hour), Number(minute), Number(second), Number(fraction.padEnd(3, '0').slice(0, 3)));
  return {
    ms: date.getTime() - offsetMs(offset ?? 'Z'),
    day: match[4] === undefined,
    zoned: offset !== undefined,
  };
}

function offsetMs(offset: string): number {
  if (/^z$/i.test(offset)) return 0;
  const [hours = 0, minutes = 0, seconds = 0] = (offset.match(/\d\d/g) ?? []).map(Number);
  return (offset.startsWith('-') ? -1000 : 1000) * (hours * 3600 + minutes * 60 + seconds);
}

/** The canonical text of an instant; undefined outside the years 1 to 9999, which ISO writes with four digits. */
export function instantText(ms: number): string | undefined {
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  return year >= 1 && year <= 9999 ? date.toISOString() : undefined;
}

/** The day of an instant, so many days later. The year may have five digits, as PostgreSQL takes it. */
export function dayText(ms: number, later = 0): string {
  const date = new Date(ms + later * DAY_MS);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}

/** The canonical text of a moment that Notion answers, in the zone that it names if there is one. */
function canonical(text: unknown, zone: unknown): string | undefined {
  const moment = typeof text === 'string' ? parseMoment(text) : undefined;
  if (moment === undefined) return undefined;
  if (moment.day) return instantText(moment.ms)?.slice(0, 10);
  if (moment.zoned || typeof zone !== 'string') return instantText(moment.ms);
  const ms = inZone(moment.ms, zone);
  return ms === undefined ? undefined : instantText(ms);
}

/** The day on which a person sees a moment: by its own offset or, if there is one, by the zone that is named beside it. */
function dayOf(text: unknown, zone: unknown): string | undefined {
  const moment = typeof text === 'string' ? parseMoment(text) : undefined;
  if (typeof text !== 'string' || moment === undefined) return undefined;
  const offset = moment.zoned && typeof zone === 'string' ? clockOffset(moment.ms, zone) : undefined;
  const day = offset === undefined ? text.replace(/[T ].*$/i, '') : dayText(moment.ms + offset);
  return day.length === 10 ? day : undefined;
}

/** The instant at which the clocks of a zone show what `local` says as if it were UTC. */
function inZone(local: number, zone: string): number | undefined {
  const first = clockOffset(local, zone);
  if (first === undefined) return undefined;
  // The offset is that of the instant, which is known only once the offset is: the second look settles it.
  return local - (clockOffset(local - first, zone) ?? first);
}

function clockOffset(ms: number, zone: string): number | undefined {
  try {
    const clock = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    const shown = new Map(clock.formatToParts(ms).map((part) => [part.type, Number(part.value)]));
    const at = (part: Intl.DateTimeFormatPartTypes): number => shown.get(part) ?? 0;
    const seen = Date.UTC(at('year'), at('month') - 1, at('day'), at('hour'), at('minute'), at('second'));
    return seen - Math.floor(ms / 1000) * 1000;
  } catch {
    return undefined;
  }
}

/** Whether a column holds days, so that the time of day in a property means nothing to it. */
export const holdsDays = (column: ColumnShape | undefined): boolean =>
  column?.type === 'date' || column?.type === 'daterange';

/**
 * The canonical value of a date object `{ start, end, time_zone }`; one day from itself to itself has no end. For a column
 * of days it is the day that the person sees; for all else the instant, so that another offset alone is no edit.
 */
export function readDate(content: unknown, column?: ColumnShape): PageValue | typeof UNKNOWN {
  if (content === null) return null;
  const date = members(content);
  const reading = holdsDays(column) ? dayOf : canonical;
  const start = reading(date?.start, date?.time_zone);
  const until = date?.end ?? null;
  const end = until === null ? null : reading(until, date?.time_zone);
  if (start === undefined || end === undefined) return UNKNOWN;
  return { start, end: end === start && start.length === 10 ? null : end };
}

/** A canonical date that the codec made; undefined for anything else. */
export function asDate(value: Json): DateValue | undefined {
  const date = list(value) === undefined ? members(value) : undefined;
  if (typeof date?.start !== 'string' || parseMoment(date.start) === undefined) return undefined;
  const end = date.end ?? null;
  if (end !== null && (typeof end !== 'string' || parseMoment(end) === undefined)) return undefined;
  return { start: date.start, end };
}

/** A canonical date as Notion may keep it: without seconds. */
export function toMinute(value: PageValue): PageValue {
  const date = asDate(value);
  if (date === undefined) return value;
  const cut = (text: string): string => text.slice(0, 16);
  const [start, end] = [cut(date.start), date.end === null ? null : cut(date.end)];
  return { start, end: end === start ? null : end };
}
