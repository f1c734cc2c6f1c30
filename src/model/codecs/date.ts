import type { Json, PageValue, SqlText } from '../change.ts';
import { sameJson } from '../json.ts';
import type { Codec, CodecOptions, ColumnShape, Decoded, Encoded, NotionProperty } from './codec.ts';
import { decodeRange, encodeRange, isDateRange, sameRange, timeText } from './range.ts';
import {
  emptyRow,
  keepsCurrent,
  members,
  misfit,
  pageOutcome,
  reader,
  refuse,
  refuseShape,
  rowOutcome,
  singleItem,
} from './support.ts';
import { asDate, dayText, holdsDays, instantText, parseMoment, readDate, toMinute } from './time.ts';

const MOMENTS: readonly string[] = ['date', 'timestamp', 'timestamptz'];

function encode(text: SqlText, column: ColumnShape, options: CodecOptions): Encoded {
  if (text === null) return pageOutcome(null);
  if (isDateRange(column)) return encodeRange(text, column, options);
  const moment = parseMoment(text);
  const instant = moment && instantText(moment.ms);
  if (instant !== undefined)
    return pageOutcome({ start: column.type === 'date' ? instant.slice(0, 10) : instant, end: null });
  return refuse(options, text, {
    message: 'is not a date that Notion can hold: it has neither infinity nor years before 1 or after 9999',
    remedy: 'correct the row, or map the column to rich_text',
  });
}

function decode(value: PageValue, column: ColumnShape, options: CodecOptions, current: SqlText): Decoded {
  if (isDateRange(column)) return decodeAsRange(value, column, options, current);
  if (value === null) return emptyRow(column, options);
  const date = asDate(value);
  const start = date && parseMoment(date.start);
  if (date === undefined || start === undefined) return refuseShape(options, value, 'date');
  if (date.end !== null)
    return refuse(options, `${date.start} to ${date.end}`, {
      message: `has an end, and the ${column.type} column holds one date`,
      remedy: 'remove the end date in Notion, or map a daterange, tsrange or tstzrange column',
    });
  if (column.type === 'date') return rowOutcome(dayText(start.ms));
  // A day that stands for its midnight: the row may hold that very moment in its own spelling.
  const isCurrent = current !== null && parseMoment(current)?.ms === start.ms;
  return rowOutcome(isCurrent ? current : timeText(start.ms, column));
}

/** The range that the row has, in its own spelling, if the page's value stands for it. */
function decodeAsRange(
  value: PageValue,
  column: ColumnShape,
  options: CodecOptions,
  current: SqlText,
): Decoded {
  const decoded = decodeRange(value, column, options, current);
  const isCurrent =
    decoded.kind === 'value' && decoded.text !== null && current !== null && sameRange(decoded.text, current);
  return isCurrent ? rowOutcome(current) : decoded;
}

/** A date with a time of day, under a column that has none. */
function timeOfDay(property: NotionProperty, column: ColumnShape): Json | undefined {
  const content = property.type === 'date' && holdsDays(column) ? members(property.date) : undefined;
  const bounds = [content?.start, content?.end].filter((text) => typeof text === 'string');
  if (!bounds.some((text) => text.length > 10)) return undefined;
  const { start = null, end = null, time_zone = null } = content as Readonly<Record<string, Json>>;
  // A request names a zone or an offset, never both.
  const named = time_zone !== null && !bounds.some((text) => parseMoment(text)?.zoned);
  return { date: { start, end, ...(named ? { time_zone } : {}) } };
}

const read = reader('date', readDate);

/**
 * Date, for date, timestamp, timestamptz and their ranges. Timestamps without a zone are taken for UTC. `infinity`, BC and
 * years above 9999 are refused. Microseconds are cut to milliseconds on the way out, and Notion may keep minutes
 * only; the row keeps its own precision until a person changes the date. A column of days takes the day that the person
 * sees, whatever the offset, and a timestamp column takes a date without a time for midnight UTC.
 */
export const date: Codec = keepsCurrent({
  type: 'date',
  writable: true,
  check: (column, options) =>
    !column.array && (MOMENTS.includes(column.type) || isDateRange(column))
      ? []
      : [misfit(options, column, 'date', 'use rich_text for it, or cast it to timestamptz in an expression')],
  encode,
  decode: (value, column, options, { current }) => decode(value, column, options, current),
  read,
  readItems: singleItem('date', read, null),
  extras: timeOfDay,
  write: (value) => {
    const content = asDate(value);
    return { date: content === undefined ? null : { start: content.start, end: content.end } };
  },
  same: (sent, page) => sameJson(toMinute(sent), toMinute(page)),
  schema: () => ({ date: {} }),
});
