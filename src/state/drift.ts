import type { Sql } from './sql.ts';

/** How Notion deviates from the configuration in one respect, which hinders nothing else. */
type Drift = {
  /** Empty if it is about no single property. */
  readonly property: string;
  readonly kind: string;
  readonly detail: string;
  readonly remedy: string;
};

/**
 * Keeps how a table deviates now, of these kinds: what is not among `drifts` is settled. What stays keeps its time. `about` is
 * the table's name, or that of a database that pgnotion writes for people.
 */
export async function keepDrifts(
  sql: Sql,
  about: string,
  kinds: readonly string[],
  drifts: readonly Drift[],
): Promise<void> {
  await sql.query(
    `delete from pgnotion.drifts d
      where table_name = $1 and kind = any($2::text[])
        and not exists (select from unnest($3::text[], $4::text[]) as now(property, kind)
                         where now.property = d.property and now.kind = d.kind)`,
    [about, kinds, drifts.map(({ property }) => property), drifts.map(({ kind }) => kind)],
  );
  for (const { property, kind, detail, remedy } of drifts)
    await sql.query(
      `insert into pgnotion.drifts as d (table_name, property, kind, detail, remedy) values ($1, $2, $3, $4, $5)
       on conflict (table_name, property, kind) do update set detail = excluded.detail, remedy = excluded.remedy
         where (d.detail, d.remedy) is distinct from (excluded.detail, excluded.remedy)`,
      [about, property, kind, detail, remedy],
    );
}

export async function hasDrift(sql: Sql, about: string, kind: string): Promise<boolean> {
  const rows = await sql.query('select from pgnotion.drifts where table_name = $1 and kind = $2 limit 1', [
    about,
    kind,
  ]);
  return rows.length > 0;
}

/** A line of the view `drift`. */
export type DriftLine = Drift & { readonly table_name: string; readonly since: Date };

export const readDrift = (sql: Sql): Promise<DriftLine[]> =>
  sql.query<DriftLine>('select * from pgnotion.drift');
