/** Stands for a character that PostgreSQL cannot hold: U+0000, and half of a surrogate pair. */
const REPLACEMENT = '\uFFFD';

/**
 * A value of Notion's with texts that PostgreSQL can hold, in rows and in jsonb alike. It is made so before anything looks at
 * it: what is compared later is what was stored, and no character stops a statement.
 */
export function storable<T>(value: T): T;
export function storable(value: unknown): unknown {
  return isStorable(value) ? value : replaced(value);
}

/** Nearly all that Notion answers is: finding that out makes no second copy of it. */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return isStorableText(value);
  if (Array.isArray(value)) return value.every(isStorable);
  if (typeof value !== 'object' || value === null) return true;
  const members = value as Readonly<Record<string, unknown>>;
  for (const name in members) if (!isStorableText(name) || !isStorable(members[name])) return false;
  return true;
}

function replaced(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(replaced);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [storableText(name), replaced(member)]),
  );
}

const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

const storableText = (text: string): string =>
  isStorableText(text) ? text : text.toWellFormed().replaceAll('\0', REPLACEMENT);
