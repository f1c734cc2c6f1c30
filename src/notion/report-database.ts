import type { Json } from '../model/change.ts';
import type { PropertyType } from '../model/codecs/codec.ts';
import { PgnotionError } from '../model/errors.ts';
import type { DataSourceId } from '../model/ids.ts';
import { type Identified, identify } from '../model/schema/identify.ts';
import type { KnownSchema } from '../model/schema/known.ts';
import { hiddenSource, seenSource } from './apply-schema.ts';
import type { Ask } from './call.ts';
import type { NotionClient } from './client.ts';
import { createDatabase, type MakeDatabase } from './create-database.ts';

/** A database that pgnotion writes for people to read: its title and its properties, the title property first. */
export type ReportDatabase = {
  readonly title: string;
  readonly properties: readonly {
    readonly property: string;
    readonly type: PropertyType;
    readonly schemaJson: Json;
    readonly relatedDataSource?: DataSourceId;
  }[];
};

export type AppliedReportDatabase = {
  readonly dataSource: DataSourceId;
  readonly database: string | null;
  readonly created: boolean;
  /** How its properties are found, and how they deviate. */
  readonly identified: Identified;
};

type SchemaClient = Pick<
  NotionClient,
  'createDatabase' | 'retrieveDatabase' | 'retrieveDataSource' | 'updateDataSource'
>;

/**
 * Makes a report database, or adds what it lacks. What a person has made of its properties never stops that: one that cannot be
 * written is left out. Throws `NotionFailure`, and PgnotionError `notion_parent_missing`, `notion_database_hidden`,
 * `notion_database_doubtful`, and `notion_schema_faults` if a database that was never written to does not fit.
 */
export async function applyReportDatabase(
  client: SchemaClient,
  reportDatabase: ReportDatabase,
  at: {
    readonly id: DataSourceId | null;
    readonly parentPageId: string | null;
    /** What was known of its properties. */
    readonly known: KnownSchema;
    /** As for a table. */
    readonly make?: MakeDatabase;
  },
  ask: Ask,
): Promise<AppliedReportDatabase> {
  const make: MakeDatabase = at.make ?? ((wanted) => createDatabase(client, wanted, ask));
  const id = at.id ?? (await create(make, reportDatabase, at.parentPageId, ask));
  const present = await look(client, reportDatabase, { id, known: at.known, ask });
  const { missing } = present.identified;
  if (missing.length > 0) {
    const properties = Object.fromEntries(
      missing.flatMap(({ property, schemaJson }) => (schemaJson === null ? [] : [[property, schemaJson]])),
    );
    await client.updateDataSource(id, { properties }, ask);
  }
  const { identified, database } =
    missing.length > 0 ? await look(client, reportDatabase, { id, known: at.known, ask }) : present;
  return { dataSource: id, database, identified, created: at.id === null };
}

async function look(
  client: SchemaClient,
  reportDatabase: ReportDatabase,
  { id, known, ask }: { readonly id: DataSourceId; readonly known: KnownSchema; readonly ask: Ask },
) {
  const actual = await seenSource(client, id, ask);
  if (actual === null || actual.inTrash) throw hidden(reportDatabase, id);
  const identified = identify(reportDatabase.properties, known, actual.properties);
  const [fault] = identified.faults;
  if (fault !== undefined) throw unfit(reportDatabase, `${fault.path}: ${fault.message}`, fault.remedy);
  return { identified, database: actual.databaseId };
}

async function create(
  make: MakeDatabase,
  { title, properties }: ReportDatabase,
  parentPageId: string | null,
  ask: Ask,
): Promise<DataSourceId> {
  if (parentPageId === null) throw noParent(title);
  const schema = Object.fromEntries(properties.map(({ property, schemaJson }) => [property, schemaJson]));
  return make({ parentPageId, title, properties: schema, variable: VARIABLES }, ask);
}

const VARIABLES = 'NOTION_DATABASE_SYNC_LOG_ID or NOTION_DATABASE_CONFLICTS_ID';

const noParent = (title: string): PgnotionError =>
  new PgnotionError({
    code: 'notion_parent_missing',
    message: `there is no database ${JSON.stringify(title)}, and no page to create it under`,
    remedy:
      'set NOTION_PARENT_PAGE_ID to a page shared with the connection, or NOTION_DATABASE_SYNC_LOG_ID or NOTION_DATABASE_CONFLICTS_ID to the id of an existing database',
  });

function hidden({ title }: ReportDatabase, id: DataSourceId): PgnotionError {
  const { message, remedy } = hiddenSource(id);
  return new PgnotionError({ code: 'notion_database_hidden', message: `${title}: ${message}`, remedy });
}

const unfit = ({ title }: ReportDatabase, message: string, remedy: string): PgnotionError =>
  new PgnotionError({ code: 'notion_schema_faults', message: `the database ${title}, ${message}`, remedy });
