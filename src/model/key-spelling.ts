/** One way to read what a person typed as a record id: a text for each key column. */
export type KeyCandidate = { readonly typed: string; readonly parts: readonly string[] };

/**
 * The ways in which a typed record id may be meant, the most literal first. Blanks around it count only if there is a
 * row whose key has them. A key of several columns is a JSON array, which an editor may have given typographic quotes.
 */
export function keyCandidates(typed: string, columns: number): readonly KeyCandidate[] {
  const spellings = columns === 1 ? [[typed]] : partsIn(typed, columns);
  const all = [...spellings, ...spellings.map((parts) => parts.map((part) => part.trim()))];
  const distinct = new Map(all.map((parts) => [JSON.stringify(parts), parts]));
  return (
    [...distinct.values()]
      // PostgreSQL has no text with a zero character.
      .filter((parts) => parts.every((part) => !part.includes('\0')))
      .map((parts) => ({ typed, parts }))
  );
}

function partsIn(typed: string, columns: number): readonly (readonly string[])[] {
  const read = arrayIn(typed) ?? arrayIn(typed.replaceAll(/[“”„‟]/g, '"'));
  return read?.length === columns ? [read] : [];
}

/** The elements of a JSON array as texts; null if it is none. Numbers keep their digits. */
function arrayIn(text: string): readonly string[] | null {
  try {
    const quoted = text.replaceAll(
      /("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)/g,
      (_, string?: string, number?: string) => string ?? JSON.stringify(number),
    );
    const value: unknown = JSON.parse(quoted);
    return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : null;
  } catch {
    return null;
  }
}
