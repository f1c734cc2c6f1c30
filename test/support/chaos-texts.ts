import type { Json } from '../../src/model/change.ts';
import type { Property, Value } from '../../src/sandbox/notion/types.ts';
import type { ChaosTable } from './chaos-shop.ts';
import type { Texts } from './history/history.ts';

/** The first name of each option, by its id, and by each name that it had: a renamed one keeps its label in the rows. */
export type OptionNames = ReadonlyMap<string, string>;

type Row = Readonly<Record<string, Json>>;

/** To the minute, as the sandbox keeps times: the same in every offset. A property of another type may hold any text. */
function minute(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : `${at.toISOString().slice(0, 16)}Z`;
}

const listOf = (items: readonly string[]): string | null =>
  items.length === 0 ? null : JSON.stringify([...new Set(items)].sort());

const optionOf = (name: string, options: OptionNames): string => (options.get(name) ?? name).toLowerCase();

/** A value as both sides have it, given as a text of either. */
function normal(property: string, text: string, options: OptionNames): string {
  switch (property) {
    case 'Amount':
      return Number(text).toFixed(2);
    case 'Share':
    case 'Qty':
      return String(Number(text));
    case 'Seen':
    case 'Updated':
      return minute(text);
    case 'Due':
      return text.slice(0, 10);
    case 'Mood':
    case 'Stage':
      return optionOf(text, options);
    default:
      return text;
  }
}

/** What a page shows of a property. Of files only links count, which is what a column can hold. */
export function pageText(
  name: string,
  property: Property,
  value: Value | undefined,
  options: OptionNames,
): string | null {
  const chosen = (ids: readonly (string | null)[]): string[] =>
    'options' in property
      ? ids
          .flatMap((id) => property.options.find((each) => each.id === id) ?? [])
          .map(({ id }) => options.get(id) ?? id)
      : [];
  // A status is never empty: what is not set shows the first option of the first group.
  if (property.type === 'status') {
    const own = value?.type === 'status' ? value.optionId : null;
    const [shown] = chosen([own, property.groups.flatMap(({ optionIds }) => optionIds)[0] ?? null]);
    return shown === undefined ? null : normal(name, shown, options);
  }
  switch (value?.type) {
    case 'title':
    case 'rich_text': {
      const text = value.runs.map((run) => (run.type === 'text' ? run.content : '')).join('');
      return text === '' ? null : text;
    }
    case 'number':
      return value.number === null ? null : normal(name, String(value.number), options);
    case 'date':
      return value.date === null ? null : normal(name, value.date.start, options);
    case 'select':
      return chosen([value.optionId]).map((each) => normal(name, each, options))[0] ?? null;
    case 'multi_select':
      return listOf(chosen(value.optionIds).map((each) => optionOf(each, options)));
    case 'files':
      return listOf(value.files.flatMap((file) => ('url' in file ? [file.url] : [])));
    case 'relation':
      return listOf(value.pageIds);
    default:
      return null;
  }
}

/** To the last digit and style, for what a page can hold more exactly than a row. */
export const pageExact = (value: Value | undefined): string | null =>
  value !== undefined && ['number', 'date', 'title', 'rich_text'].includes(value.type)
    ? JSON.stringify(value)
    : null;

/** The same of what the audit trail keeps of either side: a row's text, or a page's canonical value. */
export function keptText(property: string, value: Json | undefined, options: OptionNames): string | null {
  if (value === null || value === undefined || value === '') return null;
  if (property === 'Tags' || property === 'Docs') {
    const items = Array.isArray(value) ? value : arrayOf(String(value));
    const names = items.map((item) =>
      typeof item === 'object' && item !== null ? (item as { readonly url?: string }).url : String(item),
    );
    return listOf(
      names.flatMap((name) =>
        name === undefined ? [] : [property === 'Tags' ? optionOf(name, options) : name],
      ),
    );
  }
  if (Array.isArray(value)) return listOf(value.map(String));
  if (typeof value === 'object')
    return normal(property, String((value as { readonly start: string }).start), options);
  return normal(property, String(value), options);
}

/** The same of all that an operation keeps. */
export const keptTexts = (values: Json, options: OptionNames): Texts =>
  Object.fromEntries(
    Object.entries(typeof values === 'object' && values !== null ? values : {}).map(([property, value]) => [
      property,
      keptText(property, value as Json, options),
    ]),
  );

/** The elements of an array as PostgreSQL writes it; none of this run's has a quote, comma or brace of its own. */
const arrayOf = (text: string): string[] =>
  text
    .slice(1, -1)
    .split(',')
    .map((item) => item.replaceAll('"', ''))
    .filter((item) => item !== '');

const COLUMNS: Readonly<Record<ChaosTable, Readonly<Record<string, string>>>> = {
  parents: {
    Name: 'name',
    Mood: 'mood',
    Amount: 'amount',
    Seen: 'seen',
    Tags: 'tags',
    Docs: 'docs',
    Updated: 'updated_at',
  },
  children: {
    Title: 'title',
    Parent: 'parent_id',
    Note: 'note',
    Qty: 'qty',
    Mood: 'mood',
    Stage: 'stage',
    Due: 'due',
    Updated: 'updated_at',
  },
};

/** What a row has for each property, to the last digit. */
export const exactTexts = (table: ChaosTable, row: Row): Texts =>
  Object.fromEntries(
    Object.entries(COLUMNS[table]).map(([property, column]) => [
      property,
      JSON.stringify(row[column] ?? null),
    ]),
  );

/** What a row, as `to_jsonb` gives it, has for each property of its table. */
export function rowTexts(table: ChaosTable, row: Row, options: OptionNames): Texts {
  const columns = Object.entries(COLUMNS[table]);
  const texts = columns.map(([property, column]) => [property, keptText(property, row[column], options)]);
  // As the expression `100 / divisor` of whole numbers.
  const share =
    table === 'children' && Number(row.divisor) !== 0
      ? [['Share', String(Math.trunc(100 / Number(row.divisor)))]]
      : [];
  return Object.fromEntries([...texts, ...share]);
}
