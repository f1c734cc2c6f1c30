import type { Json } from '../model/change.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** An operation as people see it: what was changed on one side, and what was there before. */
export type OperationLine = {
  readonly id: string;
  readonly started_at: Date;
  readonly finished_at: Date | null;
  readonly duration_ms: number | null;
  readonly direction: 'to-notion' | 'to-postgres';
  readonly table_name: TableName;
  readonly key: RowKey | null;
  readonly page_id: PageId | null;
  readonly kind: 'create' | 'update' | 'delete' | 'restore' | 'link' | 'unlink' | 'filter' | 'rekey';
  readonly fields: readonly string[];
  /** The values of the changed fields on the side that was written. */
  readonly before: Readonly<Record<string, Json>>;
  readonly after: Readonly<Record<string, Json>>;
  readonly changed_at: Date | null;
  readonly actor: string | null;
  readonly candidates: readonly string[];
  readonly attempt: number;
  readonly status: 'started' | 'done' | 'failed' | 'unknown';
  readonly error: string | null;
  /** The run that it belongs to, if any. */
  readonly batch: string | null;
  /** Whether `undo` can take it back, as far as is known before it is tried. */
  readonly undoable: boolean;
};

export type ActivityFilter = {
  readonly table?: string;
  readonly key?: string;
  readonly status?: OperationLine['status'];
  readonly direction?: OperationLine['direction'];
  readonly actor?: string;
  readonly batch?: string;
  /** Older than the operation of this number: where the page before ended. */
  readonly before?: string;
};

/** A page of a long list, newest first; `next` is the `before` of the following one, null at the end. */
export type Listing<Line> = { readonly lines: readonly Line[]; readonly next: string | null };

/** Operations that changed a row, or copied a row's change. Copies of no change (a first sync, a twin) undo nothing. */
export const UNDOABLE = `o.key is not null and o.kind in ('create', 'update', 'delete')
  and (o.direction = 'to-postgres' and o.status = 'done' and (o.kind <> 'delete' or o.before <> '{}')
       or o.direction = 'to-notion' and (o.row_after is not null or o.row_before <> '{}'))`;

const COLUMNS = `o.id::text as id, o.started_at, o.finished_at,
  round(extract(epoch from o.finished_at - o.started_at) * 1000)::float8 as duration_ms, o.direction, o.table_name, o.key,
  o.page_id, o.kind, o.fields, o.before, o.after, o.changed_at, o.actor, o.candidates, o.attempt, o.status, o.error, o.batch,
  coalesce(${UNDOABLE}, false) as undoable`;

/** Each condition stands alone in the statement, so that PostgreSQL can choose an index for those that are given. */
export async function readActivity(
  sql: Sql,
  filter: ActivityFilter,
  limit: number,
): Promise<Listing<OperationLine>> {
  const values: unknown[] = [];
  const conditions: string[] = [];
  const add = (column: string, value: string | undefined, sign = '='): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(`${column} ${sign} $${values.length}`);
  };
  add('o.table_name', filter.table);
  add('o.key', filter.key);
  add('o.actor', filter.actor);
  add('o.batch', filter.batch);
  add('o.id', filter.before, '<');
  // Their values are few, and indexes are kept for some of them: the statement says which.
  if (filter.status !== undefined) conditions.push(`o.status = '${filter.status}'`);
  if (filter.direction !== undefined) conditions.push(`o.direction = '${filter.direction}'`);
  const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
  const found = await sql.query<OperationLine>(
    `select ${COLUMNS} from pgnotion.operations o ${where} order by o.id desc limit ${limit + 1}`,
    values,
  );
  const lines = found.slice(0, limit);
  return { lines, next: found.length > limit ? (lines.at(-1)?.id ?? null) : null };
}
