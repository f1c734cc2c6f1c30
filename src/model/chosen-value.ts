import type { SqlText } from './change.ts';
import type { ColumnShape, Decoded, Lookups } from './codecs/codec.ts';
import { messageOf } from './errors.ts';
import { type ExactJson, parseExact } from './exact-json.ts';
import { encodeField } from './fields.ts';
import type { ResolvedField } from './mapping.ts';
import { typeText } from './type-text.ts';
import { breach } from './validate.ts';

/**
 * A value that a person chose instead of both sides', as the column's text. `json` is JSON text; its numbers keep all
 * their digits. It is judged as an edit would be: what does not fit is refused, never rounded or cut.
 */
export function chosenText(json: string, field: ResolvedField, lookups: Lookups): Decoded {
  const text = read(json, field.shape);
  if ('wrong' in text) return refused(json, field, text.wrong);
  const wrong = breach(text.text, field);
  if (wrong !== null) return refused(json, field, wrong);
  const encoded = encodeField(field, text.text, lookups);
  return encoded.kind === 'refused' ? encoded : { kind: 'value', text: text.text };
}

type Read = { readonly text: SqlText } | { readonly wrong: string };

function read(json: string, shape: ColumnShape): Read {
  let value: ExactJson;
  try {
    value = parseExact(json);
  } catch (error) {
    return { wrong: `is not JSON: ${messageOf(error)}` };
  }
  if (value === null) return { text: null };
  if (shape.array) {
    if (typeof value !== 'object' || !('list' in value)) return { wrong: 'must be a list' };
    const items = value.list.map(scalarText);
    return items.includes(undefined)
      ? { wrong: 'must be a list of plain values' }
      : { text: arrayText(items as readonly SqlText[]) };
  }
  if (shape.category === 'json') return { text: json };
  const text = scalarText(value);
  return text === undefined ? { wrong: `must be ${typeText(shape)}` } : { text };
}

/** Undefined for what is no single value. */
function scalarText(value: ExactJson): SqlText | undefined {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return 'number' in value ? value.number : undefined;
}

const arrayText = (items: readonly SqlText[]): string =>
  `{${items.map((item) => (item === null ? 'NULL' : `"${item.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;

const refused = (json: string, { property }: ResolvedField, wrong: string): Decoded => ({
  kind: 'refused',
  fault: {
    path: property,
    message: `${json} is not a value for ${property}: ${wrong}`,
    remedy: 'choose a value that the column can hold',
    told: { property, wrong },
  },
});
