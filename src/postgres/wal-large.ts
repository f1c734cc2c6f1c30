import type { WalEvent } from '../model/change.ts';
import type { Decoded } from './pgoutput.ts';

/** A message that is longer is never held whole: its large values are dropped as they come (invariant 12). */
export const MOST_MESSAGE_BYTES = 4 * 1024 * 1024;

/** Values that were dropped may be any. */
export function asPartial(decoded: Decoded): Decoded {
  const marked = (event: WalEvent): WalEvent =>
    event.kind === 'insert' || event.kind === 'update' ? { ...event, partial: true } : event;
  if (decoded === null) return null;
  return 'kind' in decoded ? marked(decoded) : decoded.map(marked);
}

/** What a reader of a large message asks for: bytes to be given, or to be dropped as they come. */
type Step = { readonly take: number } | { readonly drop: number };
/** Asks for bytes in their order and is given those that it takes; whatever it does not ask for is dropped. */
export type LargeReader = Generator<Step, void, Buffer>;

/** Feeds a reader with the pieces of a message: never more is held than it takes at once. */
export function createFeed(reader: LargeReader): {
  readonly write: (piece: Buffer) => void;
  /** Whether the reader has had all that it asked for, and nothing was left over. */
  readonly complete: () => boolean;
} {
  let step = reader.next();
  let taken: Buffer[] = [];
  let missing = amount(step);
  let leftOver = 0;
  const advance = (): void => {
    const given = step.done === true || 'drop' in step.value ? Buffer.alloc(0) : Buffer.concat(taken);
    taken = [];
    step = reader.next(given);
    missing = amount(step);
  };
  const write = (piece: Buffer): void => {
    let rest = piece;
    while (step.done !== true) {
      const part = rest.subarray(0, missing);
      rest = rest.subarray(part.length);
      missing -= part.length;
      if ('take' in step.value && part.length > 0) taken.push(part);
      if (missing > 0) return;
      advance();
    }
    leftOver += rest.length;
  };
  // What asks for nothing goes on at once.
  while (step.done !== true && missing === 0) advance();
  return { write, complete: () => step.done === true && leftOver === 0 };
}

function amount(step: IteratorResult<Step, void>): number {
  if (step.done === true) return 0;
  return 'take' in step.value ? step.value.take : step.value.drop;
}
