import type { Json } from '../model/change.ts';
import type { TableName } from '../model/ids.ts';
import type { Listing } from './activity.ts';
import type { Sql } from './sql.ts';

/** A long piece of work: the reading of a table, a rollback, a comparison of both sides. */
export type RunLine = {
  readonly id: string;
  readonly kind: string;
  readonly table_name: TableName | null;
  readonly started_at: Date;
  readonly finished_at: Date | null;
  /** How many records it is about, once that is known. */
  readonly total: number | null;
  readonly selection: string | null;
  readonly actor: string | null;
  readonly result: 'same' | 'differences' | 'failed' | null;
  /** What a comparison counted. */
  readonly counts: Readonly<Record<string, Json>> | null;
};

/** Runs, newest first. */
export async function readRuns(sql: Sql, before: string | null, limit: number): Promise<Listing<RunLine>> {
  const found = await sql.query<RunLine>(
    `select r.id::text as id, r.kind, r.table_name, r.started_at, r.finished_at, r.total::float8, r.selection, r.actor,
            r.result, r.counts
       from pgnotion.runs r where $1::bigint is null or r.id < $1 order by r.id desc limit ${limit + 1}`,
    [before],
  );
  const lines = found.slice(0, limit);
  return { lines, next: found.length > limit ? (lines.at(-1)?.id ?? null) : null };
}
