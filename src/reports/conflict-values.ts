import type { Json, PageValue, SqlText } from '../model/change.ts';
import { chosenText } from '../model/chosen-value.ts';
import { list, members, strings } from '../model/codecs/support.ts';
import { labelOf } from '../model/codecs/values.ts';
import type { Fault } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import type { ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { lookupsOver } from '../model/page.ts';
import { type Naming, rowItems, shownPageValue, shownRowValue } from '../model/shown-value.ts';
import type { People } from '../notion/people.ts';
import type { DuePage } from '../state/conflict-pages.ts';
import type { Sql } from '../state/sql.ts';
import { titlesOf } from '../state/titles.ts';

type Context = {
  readonly store: Sql;
  readonly people: People;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
};

/** A conflict with its values as people know them: titles and names instead of keys and ids. */
export async function readable(context: Context, due: DuePage): Promise<DuePage> {
  const table = context.tables.get(due.table as TableName);
  if (table === undefined) return due;
  if (due.field === null) {
    return {
      ...due,
      base: await eachOf(context, table, due.base, rowText),
      postgres: await eachOf(context, table, due.postgres, rowText),
      notion: await eachOf(context, table, due.notion, pageText),
    };
  }
  const field = table.fields.find(({ property }) => property === due.field);
  if (field === undefined) return due;
  return {
    ...due,
    base: await rowText(context, field, due.base),
    postgres: await rowText(context, field, due.postgres),
    notion: await pageText(context, field, due.notion),
  };
}

type Shown = (context: Context, field: ResolvedField, value: Json) => Promise<string>;

async function eachOf(context: Context, table: ResolvedTable, image: Json, text: Shown): Promise<Json> {
  const values = members(image);
  if (values === undefined) return image;
  const entries: [string, string][] = [];
  for (const field of table.fields)
    if (field.property in values)
      entries.push([field.property, await text(context, field, values[field.property] as Json)]);
  return Object.fromEntries(entries);
}

const rowText: Shown = async (context, field, value) => {
  const text: SqlText = typeof value === 'string' ? value : null;
  const keys = field.type === 'relation' ? rowItems(field, text) : [];
  return shownRowValue(field, text, await namingOf(context, field, { keys, pages: [], users: [] }));
};

const pageText: Shown = async (context, field, value) => {
  const ids = strings(value as PageValue) ?? [];
  const pages = field.type === 'relation' ? ids : [];
  const users = field.type === 'people' ? ids : [];
  return shownPageValue(field, value, await namingOf(context, field, { keys: [], pages, users }));
};

async function namingOf(
  { store, people, tables }: Context,
  { relatedTable }: ResolvedField,
  wanted: {
    readonly keys: readonly string[];
    readonly pages: readonly string[];
    readonly users: readonly string[];
  },
): Promise<Naming> {
  const users = new Map<string, string>();
  for (const id of wanted.users) {
    const name = await people.nameOf(id);
    if (name !== null && name !== id) users.set(id, name);
  }
  const related = relatedTable === undefined ? undefined : tables.get(relatedTable);
  const title = related?.fields.find(({ type }) => type === 'title')?.property;
  const titles =
    related === undefined || title === undefined
      ? { ofKey: () => undefined, ofPage: () => undefined }
      : await titlesOf(store, related.name, title, wanted);
  return { ...titles, ofUser: (id) => users.get(id) };
}

/** What a person typed as the other value, as JSON text for the row's column; or what is wrong with it. */
export function typedValue(
  field: ResolvedField,
  text: string,
): { readonly json: string } | { readonly fault: Fault } {
  const json = jsonOf(field, text);
  const chosen = chosenText(json, field, lookupsOver({ pairs: [], users: new Map() }));
  return chosen.kind === 'refused' ? { fault: chosen.fault } : { json };
}

function jsonOf(field: ResolvedField, text: string): string {
  const { shape, type } = field;
  const isChoice = type === 'select' || type === 'status' || type === 'multi_select';
  const label = (name: string): string => (isChoice ? labelOf(name, shape, field) : name);
  if (shape.category === 'json' && !shape.array) return text;
  if (!shape.array) return JSON.stringify(label(text));
  if (list(parsed(text)) !== undefined) return text;
  const items = text.split(',').map((item) => item.trim());
  return JSON.stringify(items.filter((item) => item !== '').map(label));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A person's list need not be JSON: it is taken as items between commas.
    return undefined;
  }
}
