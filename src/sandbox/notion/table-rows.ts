import { renderFile } from './files.ts';
import { namesOf, titleOf } from './render.ts';
import { wholeValue } from './render-values.ts';
import { plainOf } from './richtext.ts';
import type { Store } from './store.ts';
import type { JsonObject, Page, Property } from './types.ts';

/** A list of which a cell shows the first ones. */
type Some<T> = { readonly items: readonly T[]; readonly more: number };

/** What the page for people shows in a cell: only as much as fits into it. */
type Cell =
  | null
  | string
  | number
  | boolean
  /** A text that goes on. */
  | { readonly cut: string }
  | JsonObject
  | Some<JsonObject>;

/** A row of the page for people; the cells come in the order of the schema. */
export type TableRow = {
  readonly id: string;
  readonly shared: boolean;
  readonly archived: boolean;
  readonly comments: number;
  /** Whether it has a comment, or tells of a refused edit. */
  readonly noted: boolean;
  readonly cells: readonly Cell[];
};

/** The property that the documents propose for the reason of a refusal. */
const STATUS = /^sync status$/i;
/** A cell is two lines high and at most this wide. */
const ITEMS = 8;
/** How much of a text is sent at first, and how much where many long texts come together. */
const LENGTHS = [160, 40] as const;
/** What the rows of one answer may weigh, about. */
const ROWS_WEIGHT = 30_000;

/** How many comments each page has. */
function commentCounts(store: Store): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { pageId } of store.comments.all()) counts.set(pageId, (counts.get(pageId) ?? 0) + 1);
  return counts;
}

/** Tells the pages that have a comment, or a text in the property that tells of refused edits. */
export function notedIn(
  store: Store,
  schema: readonly Property[],
  counts = commentCounts(store),
): (page: Page) => boolean {
  const status = schema.find((property) => property.type === 'rich_text' && STATUS.test(property.name));
  return (page) => counts.has(page.id) || (status !== undefined && cellText(store, page, status) !== '');
}

/** The rows of these pages. Where they are heavy together, their long texts are cut shorter. */
export function tableRows(
  store: Store,
  schema: readonly Property[],
  pages: readonly Page[],
): readonly TableRow[] {
  const counts = commentCounts(store);
  const isNoted = notedIn(store, schema, counts);
  const rowsWith = (length: number): readonly TableRow[] =>
    pages.map((page) => ({
      id: page.id,
      shared: page.shared,
      archived: page.isArchived,
      comments: counts.get(page.id) ?? 0,
      noted: isNoted(page),
      cells: schema.map((property) => cellOf(store, page, property, length)),
    }));
  const rows = rowsWith(LENGTHS[0]);
  return JSON.stringify(rows).length <= ROWS_WEIGHT ? rows : rowsWith(LENGTHS[1]);
}

function cellOf(store: Store, page: Page, property: Property, length: number): Cell {
  const value = wholeValue(store, page, property);
  const text = (): string => cellText(store, page, property);
  switch (property.type) {
    case 'title':
    case 'rich_text':
    case 'url':
    case 'formula':
    case 'rollup':
      return cutText(text(), length);
    case 'number':
    case 'checkbox':
      return value as number | boolean | null;
    case 'select':
    case 'status':
      return value === null ? null : chip(value as JsonObject);
    case 'multi_select':
      return some((value as JsonObject[]).map(chip));
    case 'date':
      return value === null ? null : dateOf(value as JsonObject);
    case 'people':
      return some((value as JsonObject[]).map(({ id, name }) => ({ id, name: name ?? '' })));
    case 'relation':
      return some((value as JsonObject[]).map(({ id }) => ({ id, name: nameOf(store, String(id)) })));
    case 'files': {
      const files = page.values[property.id];
      return some(files?.type === 'files' ? files.files.map((file) => fileOf(store, file)) : []);
    }
    default:
      return text();
  }
}

const chip = ({ name, color }: JsonObject): JsonObject => ({ name, color });
const dateOf = ({ start, end }: JsonObject): JsonObject => ({ start, end });
const some = <T>(all: readonly T[]): Some<T> => ({
  items: all.slice(0, ITEMS),
  more: Math.max(0, all.length - ITEMS),
});

function fileOf(store: Store, file: Parameters<typeof renderFile>[1]): JsonObject {
  const shown = renderFile(store, file);
  const { url } = (shown.external ?? shown.file) as JsonObject;
  return { name: shown.name, url: String(url).slice(0, LENGTHS[0]) };
}

function nameOf(store: Store, id: string): string {
  const page = store.pages.get(id);
  return page === undefined ? '' : titleOf(store, page).slice(0, LENGTHS[1]);
}

const cutText = (text: string, length: number): Cell => {
  if (text.length <= length) return text;
  // A pair of units that make one character stays together.
  return { cut: text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '') };
};

const shownInstant = (text: string): string =>
  text.length === 10
    ? text
    : text
        .replace('T', ' ')
        .replace(/:00\.000/, '')
        .replace(/(\+00:00|Z)$/, ' UTC');

/** A cell's text, whole: what the search box looks through. */
export function cellText(store: Store, page: Page, property: Property): string {
  const held = page.values[property.id];
  if (property.type === 'title' || property.type === 'rich_text')
    return held !== undefined && 'runs' in held ? plainOf(held.runs, namesOf(store)) : '';
  const value = wholeValue(store, page, property);
  if (value === null || value === undefined) return '';
  if (property.type === 'created_time' || property.type === 'last_edited_time')
    return shownInstant(String(value));
  if (property.type === 'relation')
    return (value as JsonObject[]).map(({ id }) => nameOf(store, String(id))).join(', ');
  if (Array.isArray(value)) return value.map(({ name }: JsonObject) => String(name ?? '')).join(', ');
  return typeof value === 'object' ? objectText(property, value as JsonObject) : String(value);
}

function objectText(property: Property, value: JsonObject): string {
  switch (property.type) {
    case 'date':
      return [value.start, value.end]
        .filter((end) => typeof end === 'string')
        .map(shownInstant)
        .join(' → ');
    case 'unique_id':
      return value.number === null
        ? ''
        : [value.prefix, value.number].filter((part) => part !== null).join('-');
    case 'formula':
    case 'rollup': {
      const answer = value[String(value.type)] ?? '';
      return typeof answer === 'object' ? JSON.stringify(answer) : String(answer);
    }
    default:
      return String(value.name ?? value.id ?? '');
  }
}
