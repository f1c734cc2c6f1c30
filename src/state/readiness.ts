import type { TableProgress } from '../model/first-sync.ts';
import type { TableName } from '../model/ids.ts';
import { readFirstSync } from './first-sync.ts';
import { type RefusedKind, readRefusedKinds } from './refused-requests.ts';
import type { PausedBy } from './sources.ts';
import type { Sql } from './sql.ts';

/** What the state says of the work as a whole, cheap enough to be asked every few seconds. */
export type StateReading = {
  readonly slotActive: boolean;
  readonly paused: readonly {
    readonly table: TableName;
    readonly by: PausedBy;
    readonly reason: string;
  }[];
  readonly backfilling: readonly TableName[];
  /** Until the last row is written; none if nothing is under way. */
  readonly firstSync: readonly TableProgress[];
  /** Kinds of requests that Notion refuses to this connection. */
  readonly refused: readonly RefusedKind[];
};

export async function readState(sql: Sql, slot: string, tables: readonly TableName[]): Promise<StateReading> {
  const [row] = await sql.query<{
    active: boolean;
    paused: StateReading['paused'];
    backfilling: TableName[];
  }>(
    `select coalesce((select active from pg_replication_slots where slot_name = $1), false) as active,
            coalesce(jsonb_agg(jsonb_build_object('table', table_name, 'by', paused_by, 'reason', paused_reason)
                               order by table_name) filter (where paused_at is not null), '[]') as paused,
            coalesce(array_agg(table_name order by table_name) filter (where backfilled_at is null), '{}') as backfilling
       from pgnotion.data_sources where table_name = any($2::text[])`,
    [slot, tables],
  );
  return {
    slotActive: row?.active ?? false,
    paused: row?.paused ?? [],
    backfilling: row?.backfilling ?? [],
    firstSync: await readFirstSync(sql, tables),
    refused: await readRefusedKinds(sql),
  };
}
