import type { Fault } from './errors.ts';
import type { SentField } from './refused-field.ts';

/** Notion takes 500 KB; the rest is for what stands around the properties. */
const MOST_BYTES = 490_000;

/** What fits into one request, in the given order, what has to follow in others, and what fits into none. */
type Fitted = {
  readonly now: readonly SentField[];
  readonly later: readonly SentField[];
  readonly faults: readonly Fault[];
};

/** How many requests so many bytes of properties take. */
export const requestsForBytes = (bytes: number): number => Math.max(1, Math.ceil(bytes / MOST_BYTES));

const bytesOf = ({ key, value }: SentField): number =>
  Buffer.byteLength(JSON.stringify(key)) + Buffer.byteLength(JSON.stringify(value)) + 2;

export function fitted(fields: readonly SentField[], most = MOST_BYTES): Fitted {
  const now: SentField[] = [];
  const later: SentField[] = [];
  const faults: Fault[] = [];
  let bytes = 0;
  for (const field of fields) {
    const size = bytesOf(field);
    if (size > most) faults.push(tooBig(field, size));
    else if (bytes + size > most) later.push(field);
    else {
      bytes += size;
      now.push(field);
    }
  }
  return { now, later, faults };
}

const tooBig = ({ name }: SentField, size: number): Fault => ({
  path: name,
  message: `property "${name}": its value takes ${size} bytes in a request, more than Notion takes in one (500 KB)`,
  remedy: 'map an expression that shortens it, such as left(column, 2000), with direction to-notion',
});
