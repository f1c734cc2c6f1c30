import { failed, invalid } from './errors.ts';
import type { JsonObject } from './types.ts';

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value as an object, or the refusal that names its path. */
export function objectAt(value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw failed(path, value === undefined ? 'defined' : 'an object', value);
  return value;
}

/** The value as an array of at most `max` elements. */
export function arrayAt(value: unknown, path: string, max = 100): readonly unknown[] {
  if (!Array.isArray(value)) throw failed(path, value === undefined ? 'defined' : 'an array', value);
  if (value.length > max) throw lengthFault(path, max, value.length);
  return value;
}

/** The value as a string of at most `max` UTF-16 units. */
export function stringAt(value: unknown, path: string, max = Number.POSITIVE_INFINITY): string {
  if (typeof value !== 'string') throw failed(path, value === undefined ? 'defined' : 'a string', value);
  if (value.length > max) throw lengthFault(path, max, value.length);
  return value;
}

export function booleanAt(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw failed(path, 'a boolean', value);
  return value;
}

const lengthFault = (path: string, max: number, found: number) =>
  invalid(
    `body failed validation: ${path}.length should be ≤ \`${max}\`, instead was \`${found.toLocaleString('en-US', { useGrouping: false })}\`.`,
  );

/** An id with or without dashes, as Notion answers it; undefined if it is none. */
export function dashed(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const hex = value.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) return undefined;
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The value as a dashed id, or the refusal that names its path. */
export function idAt(value: unknown, path: string): string {
  const id = dashed(value);
  if (id === undefined) throw failed(path, value === undefined ? 'defined' : 'a valid uuid', value);
  return id;
}

/** A whole number in a range, such as a page size. */
export function countAt(value: unknown, path: string, fallback: number, max: number): number {
  if (value === undefined || value === null) return fallback;
  const count = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1) throw failed(path, '≥ `1`', value);
  if (count > max) throw failed(path, `≤ \`${max}\``, count);
  return count;
}
