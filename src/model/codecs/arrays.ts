import type { SqlText } from '../change.ts';
import type { CodecOptions } from './codec.ts';
import { refuse } from './support.ts';

/** The element type of a parsed array: null is SQL NULL. */
type ArrayItems = readonly SqlText[];

const BOUNDS = /^\[[+-]?\d+:[+-]?\d+\]=/;
const SPACE = /[ \t\n\r\v\f]/;

/**
 * Reads PostgreSQL's text of a one-dimensional array, such as `{a,"b c",NULL}`. Lower bounds (`[0:1]={…}`) are
 * accepted and forgotten: Notion has no place for them. Undefined for several dimensions and for what is no array.
 */
export function parseArray(text: string): ArrayItems | undefined {
  const body = text.trim().replace(BOUNDS, '');
  if (!body.startsWith('{') || !body.endsWith('}')) return undefined;
  if (/^\{\s*\}$/.test(body)) return [];
  const items: SqlText[] = [];
  let at = 1;
  while (at < body.length) {
    const item = parseItem(body, at);
    if (item === undefined) return undefined;
    items.push(item.value);
    const next = body[item.end];
    if (next === '}') return item.end === body.length - 1 ? items : undefined;
    if (next !== ',') return undefined;
    at = item.end + 1;
  }
  return undefined;
}

type Item = { readonly value: SqlText; readonly end: number };

function parseItem(body: string, from: number): Item | undefined {
  let start = from;
  while (SPACE.test(body[start] ?? '')) start += 1;
  if (body[start] === '"') return parseQuoted(body, start + 1);
  let value = '';
  // Blanks around an unquoted element are dropped, but an escaped blank belongs to it.
  let kept = 0;
  for (let at = start; at < body.length; at += 1) {
    const unit = body[at] ?? '';
    if (unit === ',' || unit === '}') {
      const item = value.slice(0, kept);
      if (item === '') return undefined;
      // An escape makes it a text: `\\NULL` is not SQL NULL.
      const isNull = value.length === at - start && item.toUpperCase() === 'NULL';
      return { value: isNull ? null : item, end: at };
    }
    if (unit === '{' || unit === '"') return undefined;
    if (unit === '\\') at += 1;
    value += body[at] ?? '';
    if (unit === '\\' || !SPACE.test(unit)) kept = value.length;
  }
  return undefined;
}

function parseQuoted(body: string, from: number): Item | undefined {
  let value = '';
  for (let at = from; at < body.length; at += 1) {
    const unit = body[at] ?? '';
    if (unit === '"') {
      let end = at + 1;
      while (SPACE.test(body[end] ?? '')) end += 1;
      return { value, end };
    }
    if (unit === '\\') at += 1;
    value += body[at] ?? '';
  }
  return undefined;
}

/** Writes items as PostgreSQL's array text. Everything is quoted: it is always right, and PostgreSQL respells it anyway. */
export function formatArray(items: ArrayItems): string {
  const texts = items.map((item) => (item === null ? 'NULL' : `"${item.replaceAll(/["\\]/g, '\\$&')}"`));
  return `{${texts.join(',')}}`;
}

/** The elements of an array column's text, or the refusal of several dimensions. */
export function arrayItems(text: string, options: CodecOptions) {
  const items = parseArray(text);
  return (
    items ??
    refuse(options, text, {
      message: 'is not a one-dimensional array',
      remedy: 'map the column to rich_text, which shows the array’s text',
    })
  );
}
