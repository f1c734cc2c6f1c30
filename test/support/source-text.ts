export type Piece = { readonly kind: 'comment' | 'quote' | 'code'; readonly end: number };

/** What begins at a place, and where it ends. */
export function pieceAt(text: string, at: number): Piece {
  const two = text.slice(at, at + 2);
  if (two === '//') return { kind: 'comment', end: endOf(text, '\n', at) };
  if (two === '/*') return { kind: 'comment', end: endOf(text, '*/', at + 2) + 2 };
  const unit = text[at] ?? '';
  if (unit === "'" || unit === '"' || unit === '`') return { kind: 'quote', end: endOfQuote(text, at) };
  // After these a slash begins a regular expression; after anything else it divides.
  if (unit === '/' && /(?:[(,=:[!&|?{};>]|\breturn)\s*$/.test(text.slice(Math.max(0, at - 20), at)))
    return { kind: 'quote', end: endOfExpression(text, at) };
  return { kind: 'code', end: at + 1 };
}

const endOf = (text: string, what: string, from: number): number => {
  const end = text.indexOf(what, from);
  return end === -1 ? text.length : end;
};

function endOfQuote(text: string, from: number): number {
  const quote = text[from];
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === quote) return at + 1;
    else if (quote === '`' && text.startsWith('${', at)) at = endOfHole(text, at + 2) - 1;
  }
  return text.length;
}

/** Of `${…}` in a template, which may hold quotes and templates itself. */
function endOfHole(text: string, from: number): number {
  let depth = 1;
  let at = from;
  while (at < text.length && depth > 0) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}') depth -= 1;
    at = pieceAt(text, at).end;
  }
  return at;
}

function endOfExpression(text: string, from: number): number {
  let inClass = false;
  for (let at = from + 1; at < text.length && text[at] !== '\n'; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '[') inClass = true;
    else if (text[at] === ']') inClass = false;
    else if (text[at] === '/' && !inClass) return at + 1;
  }
  return from + 1;
}

/** The text with pieces of these kinds turned to blanks; lines stay where they are. */
export function blanked(text: string, kinds: readonly Piece['kind'][]): string {
  let result = '';
  for (let at = 0; at < text.length; ) {
    const { kind, end } = pieceAt(text, at);
    const piece = text.slice(at, end);
    result += kinds.includes(kind) ? piece.replaceAll(/[^\n]/g, ' ') : piece;
    at = end;
  }
  return result;
}
