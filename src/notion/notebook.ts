import type { Json } from '../model/change.ts';
import type { PropertyType } from '../model/codecs/codec.ts';
import { PgnotionError } from '../model/errors.ts';
import type { DataSourceId } from '../model/ids.ts';
import { hiddenSource, seenSource } from './apply-schema.ts';
import type { Ask } from './call.ts';
import type { NotionClient } from './client.ts';
import { checkDataSource } from './schema.ts';

/** A database that pgnotion writes for people to read: its title and its properties, the title property first. */
export type Notebook = {
  readonly title: string;
  readonly properties: readonly {
    readonly property: string;
    readonly type: PropertyType;
    readonly schemaJson: Json;
    readonly relatedDataSource?: DataSourceId;
  }[];
};

export type AppliedNotebook = {
  readonly dataSource: DataSourceId;
  readonly database: string | null;
  /** Property ids by name. */
  readonly ids: Readonly<Record<string, string>>;
  readonly created: boolean;
};

type SchemaClient = Pick<NotionClient, 'createDatabase' | 'retrieveDataSource' | 'updateDataSource'>;

/**
 * Makes a notebook, or adds what it lacks. Throws `NotionFailure`, and PgnotionError `notion_parent_missing`,
 * `notion_database_hidden`, `notion_schema_faults`.
 */
export async function applyNotebook(
  client: SchemaClient,
  notebook: Notebook,
  at: { readonly id: DataSourceId | null; readonly parentPageId: string | null },
  ask: Ask,
): Promise<AppliedNotebook> {
  const id = at.id ?? (await create(client, notebook, at.parentPageId, ask));
  const present = await look(client, notebook, id, ask);
  if (present.missing.length > 0) {
    const properties = Object.fromEntries(
      present.missing.map(({ property, schemaJson }) => [property, schemaJson]),
    );
    await client.updateDataSource(id, { properties }, ask);
  }
  const { ids, database } = present.missing.length > 0 ? await look(client, notebook, id, ask) : present;
  return { dataSource: id, database, ids, created: at.id === null };
}

async function look(client: SchemaClient, notebook: Notebook, id: DataSourceId, ask: Ask) {
  const actual = await seenSource(client, id, ask);
  if (actual === null || actual.inTrash) throw hidden(notebook, id);
  const check = checkDataSource(actual.properties, notebook.properties);
  const [fault] = check.faults;
  if (fault !== undefined) throw unfit(notebook, `${fault.path}: ${fault.message}`, fault.remedy);
  return { ids: check.ids, missing: check.missing, database: actual.databaseId };
}

async function create(
  client: SchemaClient,
  { title, properties }: Notebook,
  parentPageId: string | null,
  ask: Ask,
): Promise<DataSourceId> {
  if (parentPageId === null) throw noParent(title);
  const schema = Object.fromEntries(properties.map(({ property, schemaJson }) => [property, schemaJson]));
  return (await client.createDatabase({ parentPageId, title, properties: schema }, ask)).dataSourceId;
}

const noParent = (title: string): PgnotionError =>
  new PgnotionError({
    code: 'notion_parent_missing',
    message: `there is no database ${JSON.stringify(title)}, and no page to create it under`,
    remedy: 'Set NOTION_PARENT_PAGE_ID to a page shared with the connection, or set the id of the database.',
  });

function hidden({ title }: Notebook, id: DataSourceId): PgnotionError {
  const { message, remedy } = hiddenSource(id);
  return new PgnotionError({ code: 'notion_database_hidden', message: `${title}: ${message}`, remedy });
}

const unfit = ({ title }: Notebook, message: string, remedy: string): PgnotionError =>
  new PgnotionError({ code: 'notion_schema_faults', message: `the database ${title}, ${message}`, remedy });
