import type { Json } from '../model/change.ts';
import { members } from '../model/codecs/support.ts';
import { type Fault, PgnotionError } from '../model/errors.ts';
import type { DataSourceId, TableName } from '../model/ids.ts';
import { looksRequest, wantedLooks } from '../model/looks.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Identified } from '../model/schema/identify.ts';
import { type KnownSchema, ownEntry } from '../model/schema/known.ts';
import { optionsOf } from '../model/schema/options.ts';
import { inTableOrder } from '../model/table-order.ts';
import type { Ask } from './call.ts';
import type { NotionClient, NotionDataSource } from './client.ts';
import { createDatabase, type MakeDatabase } from './create-database.ts';
import { NotionFailure } from './error-classification.ts';
import { inRequests, planDatabase, planUpdate, type Sources } from './schema.ts';

/** Where a table stands in Notion after `applyTable`. */
export type AppliedTable = {
  readonly table: TableName;
  readonly databaseId: string | null;
  readonly dataSourceId: DataSourceId;
  readonly created: boolean;
  /** Properties that were added, or got options. */
  readonly changed: readonly string[];
  /** What was made, by the property's name. */
  readonly made: Made;
  /** Property ids by name. */
  readonly ids: Readonly<Record<string, string>>;
  /** Relations that wait for a data source which does not exist yet. */
  readonly waiting: readonly string[];
  readonly faults: readonly Fault[];
  /** The data source as it is now, and how it stands to what was known of it. */
  readonly schema: NotionDataSource;
  readonly identified: Identified;
};

/** By property: whether it was added itself, and the names of the options that were. */
export type Made = Readonly<Record<string, { readonly whole: boolean; readonly options: readonly string[] }>>;

type ApplyInput = {
  /** The page under which databases are created; null if none may be. */
  readonly parentPageId: string | null;
  readonly sources: Sources;
  /** What was known of the tables' data sources. */
  readonly known?: ReadonlyMap<TableName, KnownSchema>;
  /** Makes the database of a table; a request that nobody answers is not looked for if absent. */
  readonly makeFor?: (table: TableName) => MakeDatabase;
};

type SchemaClient = Pick<
  NotionClient,
  'createDatabase' | 'retrieveDatabase' | 'retrieveDataSource' | 'updateDataSource'
>;

const UPDATE_ATTEMPTS = 3;

function noParent(table: ResolvedTable): PgnotionError {
  return new PgnotionError({
    code: 'notion_parent_missing',
    message: `the table ${table.name} has no Notion database, and there is no page to create one under`,
    remedy:
      'set NOTION_PARENT_PAGE_ID to a page shared with the connection, or NOTION_DATABASE_<TABLE>_ID to the id of an existing database',
  });
}

/** Notion answers the same for what was deleted and for what it hides. */
export const hiddenSource = (id: string): Fault => ({
  path: 'its database',
  drift: 'database_hidden',
  message: `Notion shows no data source ${id}: its database was deleted, or is not shared with the connection`,
  remedy:
    'share the database with the connection (••• > Connections), or set the id of another one; ' +
    'or run `pgnotion reset TABLE --yes` and `pgnotion apply`, which makes a new one (`pgnotion reset --yes` for all tables, if you have moved to another workspace)',
});

/** The data source as it is; null if Notion shows none. */
export async function seenSource(
  client: Pick<NotionClient, 'retrieveDataSource'>,
  id: DataSourceId,
  ask: Ask,
): Promise<NotionDataSource | null> {
  try {
    return await client.retrieveDataSource(id, ask);
  } catch (error) {
    if (error instanceof NotionFailure && error.errorClass.status === 404) return null;
    throw error;
  }
}

/**
 * Gives a table what it needs in Notion: the database, its properties, its options. Can be repeated at any time:
 * each update is followed by a look, so that a doubtful one is settled and an ignored one is noticed. Throws
 * `NotionFailure`, and PgnotionError `notion_parent_missing`, `notion_database_doubtful`, `notion_schema_refused`.
 */
export async function applyTable(
  client: SchemaClient,
  table: ResolvedTable,
  { parentPageId, sources, known, makeFor }: ApplyInput,
  ask: Ask,
): Promise<AppliedTable> {
  const present = sources.get(table.name);
  if (present === undefined && parentPageId === null) throw noParent(table);
  const properties = planDatabase(table, null, sources).create ?? {};
  const variable = `NOTION_DATABASE_<TABLE>_ID of ${table.name}`;
  const database = { parentPageId: parentPageId ?? '', title: table.title, properties, variable };
  const make: MakeDatabase = makeFor?.(table.name) ?? ((wanted) => createDatabase(client, wanted, ask));
  const id =
    present ??
    (await make({ ...database, ...looksRequest(wantedLooks(table), ['description', 'icon']) }, ask));
  const all: Sources = new Map([...sources, [table.name, id]]);
  const changed = new Set<string>();
  let made: Made = present === undefined ? madeOf(properties, true) : {};
  for (let attempt = 0; ; attempt += 1) {
    const actual = await seenSource(client, id, ask);
    if (actual === null) throw hidden(table, id);
    const { update, ids, waiting, faults, identified } = planUpdate(
      table,
      actual,
      all,
      known?.get(table.name),
    );
    const names = Object.keys(update);
    if (names.length === 0 || actual.inTrash) {
      return {
        table: table.name,
        databaseId: actual.databaseId,
        dataSourceId: id,
        created: present === undefined,
        changed: [...changed],
        made,
        ids,
        waiting: waiting.map(({ property }) => property),
        faults,
        schema: actual,
        identified,
      };
    }
    if (attempt === UPDATE_ATTEMPTS) throw refused(table, names);
    for (const name of names) changed.add(name);
    made = { ...made, ...madeBy(identified) };
    await updateSchema(client, id, identified, { update, ask });
  }
}

const madeOf = (properties: Readonly<Record<string, Json>>, whole: boolean): Made =>
  Object.fromEntries(
    Object.entries(properties).map(([name, schemaJson]) => {
      const types = Object.keys(members(schemaJson) ?? {});
      return [
        name,
        { whole, options: types.flatMap((type) => optionsOf(schemaJson, type).map((each) => each.name)) },
      ];
    }),
  );

/** What an update adds. */
const madeBy = ({ missing, missingOptions }: Identified): Made => ({
  ...madeOf(Object.fromEntries(missing.map(({ property, schemaJson }) => [property, schemaJson])), true),
  ...Object.fromEntries(
    missingOptions
      .filter(({ schemaJson }) => schemaJson !== null)
      .map(({ property, names }) => [property, { whole: false, options: names }]),
  ),
});

/** Properties that are there are called by their ids, which are what they are whatever a person calls them. */
async function updateSchema(
  client: SchemaClient,
  id: DataSourceId,
  { ids, keys }: Identified,
  { update, ask }: { readonly update: Readonly<Record<string, Json>>; readonly ask: Ask },
): Promise<void> {
  const called = Object.fromEntries(
    Object.entries(update).map(([name, schemaJson]) => [
      ownEntry(keys, name) ?? ownEntry(ids, name) ?? name,
      schemaJson,
    ]),
  );
  for (const properties of inRequests(called)) {
    try {
      await client.updateDataSource(id, { properties }, ask);
    } catch (error) {
      if (!(error instanceof NotionFailure) || error.errorClass.effect === 'none') throw error;
    }
  }
}

function hidden(table: ResolvedTable, id: DataSourceId): PgnotionError {
  const { message, remedy } = hiddenSource(id);
  return new PgnotionError({ code: 'notion_database_hidden', message: `${table.name}: ${message}`, remedy });
}

function refused(table: ResolvedTable, names: readonly string[]): PgnotionError {
  return new PgnotionError({
    code: 'notion_schema_refused',
    message: `Notion does not keep what was added to ${table.name}: ${names.join(', ')}`,
    remedy: 'add these properties (or their options) by hand in Notion, then run `pgnotion apply` again',
  });
}

/**
 * Applies all tables in their order of creation, then a second time those whose relations had to wait, which a
 * cycle of references makes necessary. Stops at the first failure; applying again goes on from there.
 */
export async function applyTables(
  client: SchemaClient,
  tables: readonly ResolvedTable[],
  { sources, ...input }: ApplyInput,
  ask: Ask,
): Promise<readonly AppliedTable[]> {
  const present = new Map(sources);
  const applied = new Map<TableName, AppliedTable>();
  const ordered = inTableOrder(tables);
  const apply = async (table: ResolvedTable): Promise<void> => {
    const before = applied.get(table.name);
    const after = await applyTable(client, table, { ...input, sources: present }, ask);
    present.set(table.name, after.dataSourceId);
    const created = after.created || before?.created === true;
    const changed = [...(before?.changed ?? []), ...after.changed];
    applied.set(table.name, { ...after, created, changed, made: { ...before?.made, ...after.made } });
  };
  for (const table of ordered) await apply(table);
  for (const table of ordered) if ((applied.get(table.name)?.waiting.length ?? 0) > 0) await apply(table);
  return ordered.flatMap((table) => applied.get(table.name) ?? []);
}
