/** JSON whose numbers are kept as they are written: JavaScript's own would round long ones. */
export type ExactJson =
  | null
  | boolean
  | string
  | { readonly number: string }
  | { readonly list: readonly ExactJson[] }
  | { readonly object: true };

/** Reads JSON. Throws `SyntaxError` for what is none. */
export function parseExact(text: string): ExactJson {
  const numbers = new WeakMap<object, string>();
  // Only a reviver is told how a number was written.
  const keep = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof value !== 'number') return value;
    const kept = {};
    numbers.set(kept, context?.source ?? String(value));
    return kept;
  };
  return exact(JSON.parse(text, keep), numbers);
}

function exact(value: unknown, numbers: WeakMap<object, string>): ExactJson {
  if (Array.isArray(value)) return { list: value.map((item: unknown) => exact(item, numbers)) };
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  const number = typeof value === 'object' ? numbers.get(value) : undefined;
  return number === undefined ? { object: true } : { number };
}

/** Reads JSON whose numbers become `{ digits }`, as they are written. Throws `SyntaxError` for what is none. */
export const parseKeepingDigits = (text: string): unknown =>
  JSON.parse(text, (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' ? { digits: context?.source ?? String(value) } : value,
  );
