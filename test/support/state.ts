import type pg from 'pg';
import {
  type DataSourceId,
  dataSourceId,
  type PageId,
  pageId,
  type RowKey,
  type TableName,
  tableName,
} from '../../src/model/ids.ts';
import type { DirtyRecord } from '../../src/state/outbox.ts';
import { markBackfilled, markSwept, saveSource, saveWatermark } from '../../src/state/sources.ts';
import { createStore, type Sql, type Store } from '../../src/state/sql.ts';
import { serverUrlUnderTest, stateTemplateUnderTest } from './matrix.ts';
import { createDatabase, type TestDatabase } from './postgres.ts';

/** A database that has our schema and no tables of a user's. */
export type StateStage = {
  readonly database: TestDatabase;
  readonly pool: pg.Pool;
  readonly store: Store;
  /** Empties every table of the state, so that one database does for many tests. */
  readonly clear: () => Promise<void>;
  readonly rows: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export async function createState(): Promise<StateStage> {
  const database = await createDatabase(undefined, serverUrlUnderTest(), stateTemplateUnderTest());
  const { pool } = database;
  const store = createStore(pool, 0);
  return {
    database,
    pool,
    store,
    rows: (text, values) => store.query(text, values),
    clear: async () => {
      await pool.query(`truncate pgnotion.checkpoint, pgnotion.data_sources, pgnotion.records, pgnotion.outbox,
        pgnotion.first_contacts, pgnotion.contact_pages, pgnotion.clearings, pgnotion.waiting, pgnotion.first_syncs, pgnotion.edits, pgnotion.notices, pgnotion.operations, pgnotion.sweeps, pgnotion.sync_log,
        pgnotion.notebooks, pgnotion.conflict_pages, pgnotion.runs, pgnotion.heals, pgnotion.verify_findings, pgnotion.requests, pgnotion.conflict_entries, pgnotion.match_pages, pgnotion.match_rows, pgnotion.admin_actions, pgnotion.operation_hours restart identity`);
      await pool.query(
        `delete from pgnotion.settings where name in ('sync_log', 'rate_limit', 'hours_summed', 'alerts')`,
      );
      await pool.query(`update pgnotion.settings set value = '0' where name = 'epoch'`);
    },
    [Symbol.asyncDispose]: database.drop,
  };
}

export const suppliers = tableName('suppliers');
export const products = tableName('products');
export const key = (text: string): RowKey => text as RowKey;

const uuid = (space: string, number: number): string =>
  `00000000-0000-4000-${space}-${number.toString(16).padStart(12, '0')}`;
export const pageOf = (number: number): PageId => pageId(uuid('8000', number));
export const dataSourceOf = (number: number): DataSourceId => dataSourceId(uuid('9000', number));

/** A data source that was read whole and whose rows are all in the outbox. */
export async function addSource(sql: Sql, table: TableName, number: number): Promise<void> {
  const source = {
    table,
    dataSource: dataSourceOf(number),
    database: null,
    reads: null,
    properties: {},
    mapping: 'm',
  };
  await saveSource(sql, source);
  await saveWatermark(sql, { table, watermark: null }, new Date(0));
  await markSwept(sql, table);
  await markBackfilled(sql, table, 0);
}

export const dirty = (name: string, more: Partial<DirtyRecord> = {}): DirtyRecord => ({
  table: suppliers,
  key: key(name),
  kind: 'write',
  changedAt: new Date('2026-03-01T12:00:00Z'),
  lsn: null,
  ...more,
});
