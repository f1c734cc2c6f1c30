import type { Drift, DriftKind } from '../model/drift.ts';
import { merged } from '../model/drift.ts';
import type { Sql } from './sql.ts';

/**
 * Keeps what is noticed of a table now, of these kinds: what is not among `noticed` is settled. What stays keeps its time.
 * `about` is the table's name, or that of a database that pgnotion writes for people; empty: no table.
 */
export async function keepDrifts(
  sql: Sql,
  about: string,
  kinds: readonly DriftKind[],
  noticed: readonly Drift[],
): Promise<void> {
  const drifts = merged(noticed);
  await sql.query(
    `delete from pgnotion.drifts d
      where table_name = $1 and kind = any($2::text[])
        and not exists (select from unnest($3::text[], $4::text[]) as now(property, kind)
                         where now.property = d.property and now.kind = d.kind)`,
    [about, kinds, drifts.map(({ field }) => field), drifts.map(({ kind }) => kind)],
  );
  for (const { field, kind, side, pauses, detail, remedy, remedyKind } of drifts)
    await sql.query(
      `insert into pgnotion.drifts as d (table_name, property, kind, side, pauses, detail, remedy, remedy_kind)
       values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (table_name, property, kind) do update
         set side = excluded.side, pauses = excluded.pauses, detail = excluded.detail, remedy = excluded.remedy,
             remedy_kind = excluded.remedy_kind
         where (d.side, d.pauses, d.detail, d.remedy, d.remedy_kind)
           is distinct from (excluded.side, excluded.pauses, excluded.detail, excluded.remedy, excluded.remedy_kind)`,
      [about, field, kind, side, pauses, detail, remedy, remedyKind],
    );
}

export async function hasDrift(sql: Sql, about: string, kind: DriftKind): Promise<boolean> {
  const rows = await sql.query('select from pgnotion.drifts where table_name = $1 and kind = $2 limit 1', [
    about,
    kind,
  ]);
  return rows.length > 0;
}

/** An entry of the view `drift`. */
export type DriftEntry = {
  /** Empty if it is about no single table. */
  readonly table_name: string;
  /** Empty if it is about the table as a whole. */
  readonly property: string;
  readonly kind: DriftKind;
  readonly side: Drift['side'];
  readonly pauses: Drift['pauses'];
  readonly detail: string;
  readonly remedy: string;
  readonly remedy_kind: Drift['remedyKind'];
  readonly since: Date;
};

/** All that is noticed of either schema, or of one table. */
export const driftEntries = (sql: Sql, table: string | null = null): Promise<DriftEntry[]> =>
  sql.query<DriftEntry>(
    `select table_name, property, kind, side, pauses, detail, remedy, remedy_kind, since
       from pgnotion.drift where $1::text is null or table_name = $1`,
    [table],
  );

/** How many entries each table has, and how many of them pause something; tables without entries are left out. */
export type DriftCount = { readonly entries: number; readonly pausing: number };

export async function driftCounts(sql: Sql): Promise<ReadonlyMap<string, DriftCount>> {
  const rows = await sql.query<DriftCount & { readonly table: string }>(
    `select table_name as "table", count(*)::int as entries,
            (count(*) filter (where pauses <> 'nothing'))::int as pausing
       from pgnotion.drift group by 1 order by 1`,
  );
  return new Map(rows.map(({ table, ...count }) => [table, count]));
}

/** Former names. */
export type DriftLine = DriftEntry;
export const readDrift = driftEntries;
