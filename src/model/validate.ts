import type { PageValue, SqlText } from './change.ts';
import type { ColumnShape, Decoded } from './codecs/codec.ts';
import { plainDecimal } from './codecs/decimal.ts';
import { BYTES, objectionTo } from './codecs/judge.ts';
import { elementOf, quote } from './codecs/support.ts';
import { labelOf, optionName } from './codecs/values.ts';
import type { Fault, Told } from './errors.ts';
import { encodeField } from './fields.ts';
import type { ResolvedField } from './mapping.ts';
import { lookupsOver } from './page.ts';
import { rowItems } from './shown-value.ts';

/**
 * Judges a person's value before it crosses: type, emptiness, length, digits and range, labels. What a transform made
 * of it is judged too, since a cast would cut or round it without a word. A refusal carries the words for the person,
 * and what the row holds (`current`; undefined if there is no row). PostgreSQL has the last word on all else.
 */
export function validate(
  field: ResolvedField,
  value: PageValue,
  decoded: Decoded,
  current: SqlText | undefined,
): Decoded {
  if (decoded.kind === 'unresolved') return decoded;
  if (decoded.kind === 'refused')
    return refused(
      field,
      decoded.fault,
      wordsFor(field, value) ?? decoded.fault.told?.wrong ?? ownWords(decoded.fault),
      current,
    );
  const { text } = decoded;
  if (text === current) return decoded;
  const wrong = breach(text, field);
  if (wrong === null) return decoded;
  const fault = {
    path: field.property,
    message: `property "${field.property}": ${quote(text)} ${wrong}`,
    remedy: 'change the value in Notion, or the rule in PostgreSQL',
  };
  return refused(field, fault, wrong, current);
}

function refused(
  field: ResolvedField,
  fault: Fault,
  wrong: string,
  current: SqlText | undefined,
): Extract<Decoded, { readonly kind: 'refused' }> {
  return {
    kind: 'refused',
    fault: { ...fault, told: { property: field.property, wrong, ...keptIn(field, current) } },
  };
}

/**
 * What the row holds, as a person knows it; nothing where there is no row. What a relation points to only its titles can
 * tell: whoever can look them up adds them.
 */
export function keptIn(field: ResolvedField, current: SqlText | undefined): Pick<Told, 'kept'> {
  if (current === undefined) return {};
  if (current === null || rowItems(field, current).length === 0) return { kept: 'nothing' };
  if (field.type === 'relation') return {};
  if (field.type === 'people' || field.type === 'files') return { kept: rowItems(field, current).join(', ') };
  if (field.type === 'number' && field.transform === undefined) return { kept: current };
  const encoded = encodeField(field, current, NOTHING);
  const shown = encoded.kind === 'value' ? encoded.value : current;
  if (shown === null) return { kept: 'nothing' };
  if (typeof shown === 'boolean') return { kept: shown ? 'ticked' : 'unticked' };
  if (typeof shown === 'number') return { kept: String(shown) };
  if (typeof shown === 'object') return { kept: current };
  return { kept: field.type === 'select' || field.type === 'status' ? shown : quote(shown) };
}

const NOTHING = lookupsOver({ pairs: [], users: new Map() });

/** What is wrong with a text for a column, by the column's type alone; null if nothing is. */
export function breach(
  text: SqlText,
  field: Pick<ResolvedField, 'shape' | 'values' | 'property'>,
): string | null {
  const { shape } = field;
  if (text === null) return shape.nullable ? null : EMPTY;
  if (objectionTo(text, shape) === undefined) return null;
  return shape.array ? 'must be a list' : typeWords(text, shape, field);
}

const EMPTY = 'must not be empty';

/** The same for a value of the page, as it was typed; null if the type alone does not explain the refusal. */
function wordsFor(field: ResolvedField, value: PageValue): string | null {
  const isEmpty = value === null || value === '' || (Array.isArray(value) && value.length === 0);
  if (isEmpty) return field.shape.nullable ? null : EMPTY;
  // What a transform makes of the value only PostgreSQL's text can tell.
  if (field.reverseTransform !== undefined) return null;
  if (typeof value === 'number') return breach(plainDecimal(value), field);
  if (typeof value === 'string') {
    const text = labelOf(value, field.shape, field);
    // Blanks around it count for some types alone.
    return breach(text.trim(), field) ?? breach(text, field);
  }
  if (!Array.isArray(value) || !field.shape.array) return null;
  const shape = elementOf(field.shape);
  const wrong = value.flatMap((each) =>
    typeof each === 'string' ? (breach(labelOf(each, shape, field), { ...field, shape }) ?? []) : [],
  );
  return wrong[0] ?? null;
}

function typeWords(
  text: string,
  column: ColumnShape,
  field: Pick<ResolvedField, 'values' | 'property'>,
): string {
  switch (column.category) {
    case 'enum':
      return `must be one of ${column.labels.map((label) => optionName(label, field)).join(', ')}`;
    case 'uuid':
      return 'must be a UUID: 32 hexadecimal digits with dashes';
    case 'number':
      return numberWords(text, column);
    case 'boolean':
      return 'must be true or false';
    case 'date':
      return column.type === 'date'
        ? 'must be a date such as 2026-01-31'
        : 'must be a date such as 2026-01-31 or a time such as 2026-01-31 14:30Z';
    case 'json':
      return 'must be valid JSON';
    case 'range':
      return 'must be a range';
    case 'text':
    case 'other':
      return `must have at most ${column.maxLength ?? BYTES[column.type]} characters, and has ${[...text].length}`;
    default:
      return column.category satisfies never;
  }
}

const INTEGERS: Readonly<Record<string, string>> = {
  int2: 'from -32768 to 32767',
  int4: 'from -2147483648 to 2147483647',
  int8: 'from -9223372036854775808 to 9223372036854775807',
};

function numberWords(text: string, { type, precision, scale }: ColumnShape): string {
  const range = INTEGERS[type];
  if (range !== undefined) return /^[+-]?\d+$/.test(text) ? `must be ${range}` : 'must be a whole number';
  if (!/^[+-]?[\d.]+(?:e[+-]?\d+)?$/i.test(text) || precision === null) return 'must be a number';
  const places = scale ?? 0;
  const given = /^[+-]?\d*\.(\d*?)0*$/.exec(text)?.[1]?.length ?? 0;
  if (given > Math.max(places, 0))
    return places > 0 ? `must have at most ${places} decimal places` : 'must be a whole number';
  if (places < 0 || precision < places) return `must fit numeric(${precision},${places})`;
  const most = `${'9'.repeat(precision - places) || '0'}${places > 0 ? `.${'9'.repeat(places)}` : ''}`;
  return `must be from -${most} to ${most}`;
}

/** A codec's own message without the property's name, which the notice gives. */
const ownWords = ({ message }: Fault): string => message.replace(/^property ".*?": /, '');
