import type { Json, PageImage } from '../model/change.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

export type OperationId = string;

/** One change made to one side. `before` holds what is needed to bring the old values back (invariant 7). */
export type Operation = {
  readonly direction: 'to-notion' | 'to-postgres';
  readonly table: TableName;
  readonly key: RowKey | null;
  readonly page: PageId | null;
  readonly kind: 'create' | 'update' | 'delete' | 'restore' | 'link';
  readonly before: Readonly<Record<string, Json>>;
  readonly after: Readonly<Record<string, Json>>;
  readonly lsn?: string | null;
  readonly changedAt: Date | null;
  readonly actor?: string | null;
  readonly attempt?: number;
  readonly batch?: string | null;
};

/** Writes the line before the change is made: a crash between the two leaves the old values on record. */
export async function beginOperation(sql: Sql, operation: Operation): Promise<OperationId> {
  const fields = [...new Set([...Object.keys(operation.before), ...Object.keys(operation.after)])];
  const [row] = await sql.query<{ id: OperationId }>(
    `insert into pgnotion.operations
       (direction, table_name, key, page_id, kind, fields, before, after, lsn, changed_at, actor, attempt, batch)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning id::text`,
    [
      operation.direction,
      operation.table,
      operation.key,
      operation.page,
      operation.kind,
      fields,
      JSON.stringify(operation.before),
      JSON.stringify(operation.after),
      operation.lsn ?? null,
      operation.changedAt,
      operation.actor ?? null,
      operation.attempt ?? 1,
      operation.batch ?? null,
    ],
  );
  if (row === undefined) throw new Error('insert into pgnotion.operations returned no id');
  return row.id;
}

export async function endOperation(
  sql: Sql,
  id: OperationId,
  outcome: {
    readonly status: 'done' | 'failed' | 'unknown';
    readonly error?: string;
    readonly page?: PageId;
    readonly key?: RowKey;
  },
): Promise<void> {
  await sql.query(
    `update pgnotion.operations set status = $2, error = $3, finished_at = clock_timestamp(),
            page_id = coalesce($4, page_id), key = coalesce($5, key) where id = $1`,
    [id, outcome.status, outcome.error ?? null, outcome.page ?? null, outcome.key ?? null],
  );
}

/** An operation that is one request to Notion: it has a line from the moment at which the request leaves. */
export type RequestOperation = {
  /** For `beforeLeaving`: a request that still waits, and one that never leaves, has no line and is in no doubt. */
  readonly begin: () => Promise<void>;
  readonly end: (sql: Sql, outcome: Parameters<typeof endOperation>[2]) => Promise<void>;
};

export function requestOperation(sql: Sql, operation: Operation): RequestOperation {
  let id: OperationId | null = null;
  return {
    begin: async () => {
      if (id === null) id = await beginOperation(sql, operation);
      // Notion sent it away before; what may be in doubt is this try.
      else
        await sql.query('update pgnotion.operations set started_at = clock_timestamp() where id = $1', [id]);
    },
    end: async (on, outcome) => {
      if (id !== null) await endOperation(on, id, outcome);
    },
  };
}

/** Whether this page's row was deleted because the page went to the trash, or the other way about. */
export async function wasDeletedHere(sql: Sql, page: PageId): Promise<boolean> {
  const rows = await sql.query(
    `select from pgnotion.operations where page_id = $1 and kind = 'delete' and status = 'done' limit 1`,
    [page],
  );
  return rows.length > 0;
}

/**
 * What was sent to this record's page and never heard of again, newest first. The caller holds the record's lock, so
 * none of it is under way.
 */
export async function doubtfulWrites(sql: Sql, table: TableName, key: RowKey): Promise<PageImage[]> {
  const rows = await sql.query<{ after: PageImage }>(
    `select after from pgnotion.operations
      where table_name = $1 and key = $2 and direction = 'to-notion' and kind in ('create', 'update')
        and status in ('started', 'unknown') order by id desc limit 10`,
    [table, key],
  );
  return rows.map((row) => row.after);
}

/**
 * The page has been looked at, so what was in doubt has shown itself and must not explain later edits. A write may land
 * up to Notion's own deadline (55 s) after it was given up; younger doubts stay open.
 */
export async function closeDoubts(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await sql.query(
    `update pgnotion.operations
        set status = 'done', finished_at = coalesce(finished_at, clock_timestamp()),
            error = coalesce(error, 'the answer was lost; a later look at the page settled it')
      where table_name = $1 and key = $2 and direction = 'to-notion' and kind in ('create', 'update')
        and status in ('started', 'unknown') and started_at < clock_timestamp() - interval '70 seconds'`,
    [table, key],
  );
}
