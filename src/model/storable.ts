/** Stands for a character that PostgreSQL cannot hold: U+0000, and half of a surrogate pair. */
const REPLACEMENT = '\uFFFD';

/**
 * A value of Notion's with texts that PostgreSQL can hold, in rows and in jsonb alike. It is made so before anything looks at
 * it: what is compared later is what was stored, and no character stops a statement.
 */
export function storable<T>(value: T): T;
export function storable(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => storable(item));
    return items.every((item, at) => item === value[at]) ? value : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const before = Object.entries(value);
  const after = before.map(([name, member]) => [storableText(name), storable(member)] as const);
  const isSame = after.every(([name, member], at) => name === before[at]?.[0] && member === before[at]?.[1]);
  return isSame ? value : Object.fromEntries(after);
}

const storableText = (text: string): string =>
  text.isWellFormed() && !text.includes('\0') ? text : text.toWellFormed().replaceAll('\0', REPLACEMENT);
