/**
 * Texts of several authors (PostgreSQL, a trigger, Notion, this program) as one: each without its own closing mark, so
 * that no two meet. The last one gets none, as error messages have none.
 */
export function sentences(...parts: readonly (string | null | undefined)[]): string {
  return joined('. ', parts, (text) => text.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase()));
}

/** The same where each part stands for itself: reasons of several fields, say. */
export function listed(parts: readonly (string | null | undefined)[]): string {
  return joined('; ', [...new Set(parts)]);
}

function joined(
  separator: string,
  parts: readonly (string | null | undefined)[],
  begin = (text: string): string => text,
): string {
  const texts = parts
    .map((part) => (part ?? '').trim().replace(/[\s.;:,]+$/, ''))
    .filter((part) => part !== '');
  // A question or an exclamation ends by itself.
  const between = (at: number): string => (/[?!]$/.test(texts[at - 1] ?? '') ? ' ' : separator);
  return texts.map((text, at) => (at === 0 ? text : `${between(at)}${begin(text)}`)).join('');
}
