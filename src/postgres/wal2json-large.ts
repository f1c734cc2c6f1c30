const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Stands where a string was that is too long; no value of wal2json's is an object. */
const LEFT_OUT = Buffer.from('{}');
/** A string of this length is always kept: no key is longer, since an index takes none that is. */
const SMALL_BYTES = 8 * 1024;

/** Reads JSON piece by piece, and keeps it without its long strings. */
export function shrinkJson(mostBytes: number): {
  readonly write: (piece: Buffer) => void;
  readonly json: () => Buffer;
} {
  const kept: Buffer[] = [];
  let budget = mostBytes;
  /** The string that is being read; null between strings. */
  let string: { parts: Buffer[]; bytes: number } | null = null;
  /** How many backslashes the last piece ended with. */
  let slashes = 0;

  const add = (part: Buffer): void => {
    if (string === null) return;
    string.bytes += part.length;
    if (string.bytes > Math.max(SMALL_BYTES, Math.min(mostBytes / 4, budget))) string.parts = [];
    else string.parts.push(part);
  };
  const close = (): void => {
    if (string === null) return;
    const whole = Buffer.concat(string.parts);
    if (whole.length === string.bytes) {
      budget -= whole.length;
      kept.push(whole);
    } else kept.push(LEFT_OUT);
    string = null;
  };
  const write = (piece: Buffer): void => {
    let at = 0;
    while (at < piece.length) {
      if (string === null) {
        const quote = piece.indexOf(QUOTE, at);
        kept.push(Buffer.from(piece.subarray(at, quote < 0 ? piece.length : quote)));
        if (quote < 0) return;
        string = { parts: [], bytes: 0 };
        add(piece.subarray(quote, quote + 1));
        at = quote + 1;
        slashes = 0;
        continue;
      }
      const end = endOfString(piece, at, slashes);
      add(piece.subarray(at, end.at));
      at = end.at;
      slashes = end.slashes;
      if (end.found) close();
    }
  };
  return { write, json: () => Buffer.concat([...kept, ...(string === null ? [] : string.parts)]) };
}

/** The place behind the quote that ends a string, or the end of the piece and the backslashes before it. */
function endOfString(
  piece: Buffer,
  from: number,
  before: number,
): { readonly found: boolean; readonly at: number; readonly slashes: number } {
  const slashesUpTo = (end: number): number => {
    let at = end;
    while (at > from && piece[at - 1] === BACKSLASH) at -= 1;
    return end - at + (at === from ? before : 0);
  };
  for (let quote = piece.indexOf(QUOTE, from); quote >= 0; quote = piece.indexOf(QUOTE, quote + 1))
    if (slashesUpTo(quote) % 2 === 0) return { found: true, at: quote + 1, slashes: 0 };
  return { found: false, at: piece.length, slashes: slashesUpTo(piece.length) };
}
