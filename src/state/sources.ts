import { type Drift, reasonOf, SUSPENDING } from '../model/drift.ts';
import type { DataSourceId, TableName } from '../model/ids.ts';
import { ownEntry } from '../model/schema/known.ts';
import type { Log } from '../runtime/log.ts';
import { keepDrifts } from './drift.ts';
import { retryParked } from './retry-parked.ts';
import type { Sql } from './sql.ts';

export type PausedBy = 'hand' | 'trouble' | 'refused';

/** A synced table's place in Notion. */
export type Source = {
  readonly table: TableName;
  readonly dataSource: DataSourceId;
  readonly database: string | null;
  /** The table that it reads, as `schema.table`; null if it was last applied by an older version. */
  readonly reads: string | null;
  /** The columns that make the keys of its records; null if it was last started by an older version. */
  readonly keyColumns: readonly string[] | null;
  /** Property name of the configuration -> property id (decoded), of those that can be read and written now. */
  readonly properties: Readonly<Record<string, string>>;
  /** What request bodies call a property instead of its id; only where that is another one's name. */
  readonly keys: Readonly<Record<string, string>>;
  /** Raised by each change of what is known of the properties. */
  readonly schemaVersion: number;
  readonly watermark: Date | null;
  readonly sweptAt: Date | null;
  readonly backfilledAt: Date | null;
  /** How often it was asked that all rows be compared. */
  readonly compares: number;
  /**
   * Null while it is synced. 'trouble' ends by itself once a poll succeeds, 'refused' once PostgreSQL's catalog is in order,
   * 'hand' only by hand.
   */
  readonly pausedBy: PausedBy | null;
  readonly pausedReason: string | null;
};

const SELECT = `select table_name as "table", data_source_id as "dataSource", database_id as database, reads,
         key_columns as "keyColumns", properties, keys,
         schema_version as "schemaVersion", watermark, swept_at as "sweptAt", backfilled_at as "backfilledAt", compares,
         paused_by as "pausedBy", paused_reason as "pausedReason"
    from pgnotion.data_sources`;

export async function readSources(sql: Sql): Promise<Map<TableName, Source>> {
  const rows = await sql.query<Source>(SELECT);
  return new Map(rows.map((row) => [row.table, row]));
}

export async function readSource(sql: Sql, table: TableName): Promise<Source | null> {
  const [row] = await sql.query<Source>(`${SELECT} where table_name = $1`, [table]);
  return row ?? null;
}

/** What a request body calls a property. */
export const propertyKey = (
  { properties, keys }: Pick<Source, 'properties' | 'keys'>,
  name: string,
): string | undefined => ownEntry(keys, name) ?? ownEntry(properties, name);

/** Keeps which data source a table has. Another data source than before starts from nothing seen. */
export async function saveSource(
  sql: Sql,
  source: Pick<Source, 'table' | 'dataSource' | 'database' | 'reads' | 'properties'> & {
    /** Tells mappings apart: a changed one means another look at every row. */
    readonly mapping: string;
  },
): Promise<void> {
  await sql.query(
    `insert into pgnotion.data_sources as d (table_name, data_source_id, database_id, properties, mapping, reads)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (table_name) do update
       set database_id = excluded.database_id, reads = excluded.reads, properties = excluded.properties,
           watermark = case when d.data_source_id = excluded.data_source_id then d.watermark end,
           swept_at = case when d.data_source_id = excluded.data_source_id then d.swept_at end,
           backfilled_at = case when d.data_source_id = excluded.data_source_id and d.mapping = excluded.mapping
                                then d.backfilled_at end,
           compares = d.compares
             + (d.data_source_id is distinct from excluded.data_source_id or d.mapping is distinct from excluded.mapping)::int,
           mapping = excluded.mapping,
           data_source_id = excluded.data_source_id`,
    [
      source.table,
      source.dataSource,
      source.database,
      JSON.stringify(source.properties),
      source.mapping,
      source.reads,
    ],
  );
}

export const saveKeyColumns = (sql: Sql, table: TableName, columns: readonly string[]): Promise<unknown> =>
  sql.query('update pgnotion.data_sources set key_columns = $2 where table_name = $1', [table, columns]);

/** The synced table that has this data source; null if none has. */
export async function tableOfSource(sql: Sql, dataSource: DataSourceId | null): Promise<TableName | null> {
  const [row] = await sql.query<{ table: TableName }>(
    'select table_name as "table" from pgnotion.data_sources where data_source_id = $1',
    [dataSource],
  );
  return row?.table ?? null;
}

/** The watermark moves on from where it was when a poll began, unless it was forgotten meanwhile. It never goes back. */
export async function saveWatermark(
  sql: Sql,
  { table, watermark: from }: Pick<Source, 'table' | 'watermark'>,
  watermark: Date,
): Promise<void> {
  await sql.query(
    `update pgnotion.data_sources set watermark = greatest(watermark, $2)
      where table_name = $1 and ($3::timestamptz is null or watermark is not null)`,
    [table, watermark, from],
  );
}

/** What polls have read of a table says nothing of a field that it went without: the next one reads all pages. */
export async function forgetWatermark(sql: Sql, table: TableName): Promise<void> {
  await sql.query('update pgnotion.data_sources set watermark = null where table_name = $1', [table]);
}

/** The data source has been read whole. */
export async function markSwept(sql: Sql, table: TableName): Promise<void> {
  await sql.query('update pgnotion.data_sources set swept_at = clock_timestamp() where table_name = $1', [
    table,
  ]);
}

/**
 * Every row has been compared, by a walk that began when `compares` was what it is given as. A request that came during
 * the walk stands: the walk may have passed by what it is about.
 */
export async function markBackfilled(sql: Sql, table: TableName, compares: number): Promise<void> {
  await sql.query(
    'update pgnotion.data_sources set backfilled_at = clock_timestamp() where table_name = $1 and compares = $2',
    [table, compares],
  );
}

/** Has every row looked at again, and every page: after a lost slot nobody knows what was missed. */
export async function forgetProgress(sql: Sql): Promise<void> {
  await sql.query(
    'update pgnotion.data_sources set backfilled_at = null, compares = compares + 1, swept_at = null, watermark = null',
  );
  await sql.query('delete from pgnotion.sweeps');
}

/** Has every row of these tables compared: changes of theirs may be in no log. */
export async function compareAgain(sql: Sql, tables: readonly TableName[]): Promise<void> {
  await sql.query(
    'update pgnotion.data_sources set backfilled_at = null, compares = compares + 1 where table_name = any($1::text[])',
    [tables],
  );
}

type Suspension = {
  readonly table: TableName;
  /** What is wrong with it, one by one. */
  readonly drifts: readonly Drift[];
  readonly code?: string;
  /** Whether the log has said so already. */
  readonly isKnown?: boolean;
};

/** Stops a table whose two ends do not fit together now, and says why. What a person paused stays theirs. */
export async function suspendTable(
  sql: Sql,
  log: Log,
  { table, drifts, code, isKnown = false }: Suspension,
): Promise<void> {
  const reason = reasonOf(drifts);
  if (!isKnown) log.error({ table, reason, ...(code !== undefined && { code }) }, 'a table is suspended');
  // What refuses the table meanwhile says why itself.
  await sql.query('select from pgnotion.data_sources where table_name = $1 for update', [table]);
  await sql.query(
    `update pgnotion.data_sources
        set paused_at = coalesce(paused_at, clock_timestamp()), paused_reason = $2, paused_by = 'trouble'
      where table_name = $1 and (paused_by is null or paused_by not in ('hand', 'refused'))
        and (paused_by is null or paused_reason is distinct from $2)`,
    [table, reason],
  );
  // A table without a database has no state that could say so.
  const present = await readSource(sql, table);
  if (present === null || present.pausedBy === 'trouble') await keepDrifts(sql, table, SUSPENDING, drifts);
}

/** Stops a table that PostgreSQL cannot give whole, as its catalog says, until `permit`. What a person paused stays theirs. */
export async function refuse(sql: Sql, table: TableName, drifts: readonly Drift[]): Promise<void> {
  const refused = await sql.query(
    `update pgnotion.data_sources
        set paused_at = coalesce(paused_at, clock_timestamp()), paused_reason = $2, paused_by = 'refused'
      where table_name = $1 and paused_by is distinct from 'hand' returning 1`,
    [table, reasonOf(drifts)],
  );
  if (refused.length > 0) await keepDrifts(sql, table, SUSPENDING, drifts);
}

/** Goes on with a table that `refuse` stopped. */
export const permit = (sql: Sql, table: TableName): Promise<void> => goOn(sql, table, 'refused');

/** Goes on with a table that `suspendTable` stopped. */
export const recover = (sql: Sql, table: TableName): Promise<void> => goOn(sql, table, 'trouble');

/**
 * What was set aside meanwhile is tried again, and all rows are compared: a dropped column leaves no line in the log, and a
 * renamed key makes lines that name no record.
 */
async function goOn(sql: Sql, table: TableName, by: PausedBy): Promise<void> {
  const ended = await sql.query(
    `update pgnotion.data_sources set paused_at = null, paused_reason = null, paused_by = null
      where table_name = $1 and paused_by = $2 returning table_name`,
    [table, by],
  );
  if (ended.length === 0) return;
  await keepDrifts(sql, table, SUSPENDING, []);
  await compareAgain(sql, [table]);
  await retryParked(sql, table);
}
