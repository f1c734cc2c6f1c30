import { typeText } from '../type-text.ts';
import type { CodecOptions, ColumnShape, Decoded } from './codec.ts';
import { numberObjection } from './decimal.ts';
import { type Objection, quote, refuse, rowOutcome, typeName } from './support.ts';

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const BOOLEAN = /^(t|true|y|yes|on|1|f|false|n|no|off|0)$/i;
const DAY = /^\d{4,7}-\d{2}-\d{2}( BC)?$/i;
const MOMENT =
  /^\d{4,7}-\d{2}-\d{2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)? ?(Z|UTC|[+-]\d{1,2}(:?\d{2}){0,2})?)?( BC)?$/i;
const ENDLESS = /^[+-]?infinity$/i;

/**
 * What speaks against storing a text in a column. It finds what a person can be told plainly, and what PostgreSQL
 * would change without a word: an explicit cast cuts `varchar(n)`, rounds `numeric(p,s)`, and reads `today` or
 * `01/02/2026` as some date. All else is PostgreSQL's to judge.
 */
export function objectionTo(text: string, column: ColumnShape): Objection | undefined {
  if (column.array)
    return arrayLike(text)
      ? undefined
      : must(column, 'is not an array', 'write it as {first,second}, with quotes where needed');
  switch (column.category) {
    case 'enum':
      return column.labels.includes(text) ? undefined : noSuchLabel(column);
    case 'uuid':
      return UUID.test(text)
        ? undefined
        : must(column, 'is not a UUID', 'enter 32 hexadecimal digits with dashes');
    case 'number':
      return numberObjection(text, column);
    case 'boolean':
      return BOOLEAN.test(text)
        ? undefined
        : must(column, 'is neither true nor false', 'enter true or false');
    case 'date':
      return dateObjection(text, column);
    case 'json':
      return isJson(text)
        ? undefined
        : must(column, 'is not JSON', 'enter valid JSON; a text needs double quotes');
    default:
      return tooLong(text, column);
  }
}

/** The text as a row value, or the refusal that says why not. Blanks around it are dropped where no type knows them. */
export function judged(text: string, column: ColumnShape, options: CodecOptions): Decoded {
  const keepsBlanks = !column.array && ['text', 'enum', 'json', 'other'].includes(column.category);
  const value = keepsBlanks ? text : text.trim();
  const objection = objectionTo(value, column);
  return objection === undefined ? rowOutcome(value) : refuse(options, text, objection);
}

const must = (column: ColumnShape, message: string, remedy: string): Objection => ({
  message: `${message}, and the column is ${typeName(column)}`,
  remedy,
  words: `must be ${typeText(column)}`,
});

const arrayLike = (text: string): boolean => /^(\[[^{]*\]=)?\{.*\}$/s.test(text);

function noSuchLabel(column: ColumnShape): Objection {
  const shown = column.labels.slice(0, 20).map(quote).join(', ');
  const more = column.labels.length > 20 ? ` and ${column.labels.length - 20} more` : '';
  return {
    message: `is not a label of the enum ${column.type}`,
    remedy: `choose one of ${shown}${more}, or add the label with ALTER TYPE`,
  };
}

function dateObjection(text: string, column: ColumnShape): Objection | undefined {
  if (ENDLESS.test(text)) return undefined;
  if (column.type === 'date')
    return DAY.test(text) ? undefined : must(column, 'is not a date', 'enter it as YYYY-MM-DD');
  if (!column.type.startsWith('timestamp') || MOMENT.test(text)) return undefined;
  return must(
    column,
    'is not a point in time',
    'enter it as YYYY-MM-DD HH:MM, with Z or an offset such as +02:00',
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Types that cut a longer text without a word, with the bytes that they keep. */
export const BYTES: Readonly<Record<string, number>> = { name: 63, char: 1 };

function tooLong(text: string, column: ColumnShape): Objection | undefined {
  const bytes = BYTES[column.type];
  if (bytes !== undefined && new TextEncoder().encode(text).length > bytes)
    return {
      message: `is longer than the ${typeName(column)} column takes`,
      remedy: `shorten it to ${bytes} bytes, or use a column of another type`,
    };
  const { maxLength } = column;
  if (maxLength === null || [...text].length <= maxLength) return undefined;
  return {
    message: `is longer than the ${typeName(column)} column takes`,
    remedy: `shorten it to ${maxLength} characters, or widen the column`,
  };
}
