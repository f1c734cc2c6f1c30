import type { SqlText } from './change.ts';
import { formatArray, parseArray } from './codecs/arrays.ts';
import type { ResolvedField } from './mapping.ts';

/** `char(n)` is filled up with blanks that mean nothing, in no comparison of PostgreSQL's. A key keeps its own spelling. */
const isPadded = ({ shape, type }: Pick<ResolvedField, 'shape' | 'type'>): boolean =>
  shape.type === 'bpchar' && type !== 'relation';

/** What a row's text means, without the blanks that only fill its column up. */
export function withoutPadding(text: SqlText, field: Pick<ResolvedField, 'shape' | 'type'>): SqlText {
  if (text === null || !isPadded(field)) return text;
  if (!field.shape.array) return trimmed(text);
  const items = parseArray(text);
  return items === undefined
    ? text
    : formatArray(items.map((item) => (item === null ? null : trimmed(item))));
}

/** What was read from a page as the row spells it, if the row holds the same. */
export const asPadded = (
  text: SqlText,
  current: SqlText,
  field: Pick<ResolvedField, 'shape' | 'type'>,
): SqlText =>
  isPadded(field) && withoutPadding(text, field) === withoutPadding(current, field) ? current : text;

const trimmed = (text: string): string => text.replace(/ +$/, '');
