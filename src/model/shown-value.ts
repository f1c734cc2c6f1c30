import type { PageValue, SqlText } from './change.ts';
import { parseArray } from './codecs/arrays.ts';
import { list, members, strings } from './codecs/support.ts';
import { optionName } from './codecs/values.ts';
import type { ResolvedField } from './mapping.ts';
import { withoutPadding } from './padding.ts';

/** How people are told of records and users: ids mean nothing to them. */
export type Naming = {
  readonly ofKey: (key: string) => string | undefined;
  readonly ofPage: (page: string) => string | undefined;
  readonly ofUser: (user: string) => string | undefined;
};

const EMPTY = '(empty)';

/** What a row's value refers to, element by element. */
export const rowItems = (field: ResolvedField, text: SqlText): readonly string[] => {
  if (text === null || text === '') return [];
  if (!field.shape.array) return [text];
  return (parseArray(text) ?? []).filter((item) => item !== null);
};

/** A row's value as a person in Notion would write it. */
export function shownRowValue(field: ResolvedField, text: SqlText, naming: Naming): string {
  const items = rowItems(field, withoutPadding(text, field)).map((item) => shownItem(field, item, naming));
  return items.length === 0 ? EMPTY : items.join(', ');
}

function shownItem(field: ResolvedField, item: string, naming: Naming): string {
  switch (field.type) {
    case 'relation':
      return naming.ofKey(item) ?? `record ${item}`;
    case 'select':
    case 'status':
    case 'multi_select':
      return optionName(item, field);
    case 'checkbox':
      return item === 't' || item === 'true' ? 'ticked' : 'not ticked';
    default:
      return item;
  }
}

/** A page's value as the page shows it. */
export function shownPageValue(field: ResolvedField, value: PageValue, naming: Naming): string {
  if (value === null || value === '') return EMPTY;
  if (typeof value === 'boolean') return value ? 'ticked' : 'not ticked';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (field.type === 'date') return dateText(members(value));
  const items = (strings(value) ?? []).map((item) => nameOf(field, item, naming));
  const files = (list(value) ?? [])
    .map((item) => members(item)?.name)
    .filter((name) => typeof name === 'string');
  const all = [...items, ...files];
  return all.length === 0 ? EMPTY : all.join(', ');
}

function nameOf(field: ResolvedField, item: string, naming: Naming): string {
  if (field.type === 'relation') return naming.ofPage(item) ?? 'a page that is not a record yet';
  return field.type === 'people' ? (naming.ofUser(item) ?? 'somebody') : item;
}

const dateText = (date: Readonly<Record<string, unknown>> | undefined): string =>
  [date?.start, date?.end].filter((part) => typeof part === 'string').join(' to ') || EMPTY;
