import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { InFlightKind, Known } from '../model/verify.ts';
import type { Sql } from './sql.ts';

type Asked = { readonly key: RowKey | null; readonly page: PageId | null };

/** What is under way of records and pages, or stands elsewhere for a person. */
export type Underway = (of: Asked) => readonly Known[];

type Row = {
  readonly key: RowKey | null;
  readonly page: PageId | null;
  readonly what: InFlightKind;
  /** Empty for all of the record. */
  readonly fields: readonly string[];
};

const GUARDED = `('mass_deletion', 'mass_creation', 'mass_clearing', 'delete_review', 'adoption_review', 'creation_refused')`;

/** What has failed several times stands in the failures, whether or not it is tried again by itself. */
const underWay = (entry: string): string =>
  `${entry}.parked_at is null and (${entry}.code is null or ${entry}.attempts < 3)`;

const QUERY = `
  select o.key, null::uuid as page, case when ${underWay('o')} then 'outbox' when o.code in ${GUARDED} then 'guarded'
         else 'failures' end as what, '{}'::text[] as fields
    from pgnotion.outbox o where o.table_name = $1 and o.key = any($2::text[])
  union all
  select e.key, e.page_id, case when e.code = 'conflict_open' then 'conflicts' when e.code in ${GUARDED} then 'guarded'
         when ${underWay('e')} then 'edits' else 'failures' end, e.fields
    from pgnotion.edits e where e.table_name = $1 and (e.key = any($2::text[]) or e.page_id = any($3::uuid[]))
  union all
  select c.record_id, c.page_id, 'conflicts', c.fields
    from pgnotion.conflict_entries c
   where c.table_name = $1 and c.record_id = any($2::text[]) and c.status in ('open', 'decided')
  union all
  select l.key, l.page_id, 'guarded', array[l.field]
    from pgnotion.clearings l
   where l.table_name = $1 and l.key = any($2::text[]) and l.state in ('waiting', 'rejected')
  union all
  select p.key, p.page_id, 'failures', p.fields
    from pgnotion.page_failures p where p.page_id = any($3::uuid[])
  union all
  select k, null, 'failures', array[f.field]
    from unnest($2::text[]) k join pgnotion.refused_fields f on f.table_name = $1 and f.key in (k, '')
  union all
  select unnest(array[m.old_key, m.new_key]), null, 'outbox', '{}'
    from pgnotion.rekeys m
   where m.table_name = $1 and m.applied_at is null and (m.old_key = any($2::text[]) or m.new_key = any($2::text[]))
  union all
  select r.key, r.page_id, 'outbox', '{}'
    from pgnotion.records r where r.table_name = $1 and r.key = any($2::text[]) and r.state = 'creating'
  union all
  select r.key, r.page_id, 'away', '{}'
    from pgnotion.records r
   where r.table_name = $1 and r.key = any($2::text[]) and r.state like 'away%'`;

export async function readUnderway(sql: Sql, table: TableName, asked: readonly Asked[]): Promise<Underway> {
  const keys = asked.flatMap(({ key }) => key ?? []);
  const pages = asked.flatMap(({ page }) => page ?? []);
  const rows = await sql.query<Row>(QUERY, [table, keys, pages]);
  const byKey = Map.groupBy(rows, ({ key }) => key);
  const byPage = Map.groupBy(rows, ({ page }) => page);
  return ({ key, page }) => {
    const found = new Set([
      ...(key === null ? [] : (byKey.get(key) ?? [])),
      ...(page === null ? [] : (byPage.get(page) ?? [])),
    ]);
    // A second page that shows the record's key says nothing of the record's own.
    const own = [...found].filter((row) => row.page === null || page === null || row.page === page);
    return own.map(({ what, fields }) => ({ what, fields: fields.length === 0 ? null : fields }));
  };
}

/** Whether a daemon holds the lock, so that what is under way will arrive; one that is silent for a moment may go on. */
export async function isDaemonAlive(sql: Sql): Promise<boolean> {
  const rows = await sql.query(`select from pgnotion.daemon where state <> 'stopped'`);
  return rows.length > 0;
}

/** When a table's two sides were last brought together, and last read. */
export type SyncTimes = {
  readonly records: number;
  readonly linked: number;
  readonly lastSynced: Date | null;
  readonly lastPolled: Date | null;
  readonly lastSwept: Date | null;
};

export async function syncTimes(sql: Sql, table: TableName): Promise<SyncTimes> {
  const [row] = await sql.query<SyncTimes>(
    `select count(r.key) filter (where r.rested_at is null)::int as records,
            count(r.key) filter (where r.state = 'linked')::int as linked,
            max(r.synced_at) as "lastSynced", max(d.watermark) as "lastPolled", max(d.swept_at) as "lastSwept"
       from pgnotion.data_sources d left join pgnotion.records r using (table_name) where d.table_name = $1`,
    [table],
  );
  return row ?? { records: 0, linked: 0, lastSynced: null, lastPolled: null, lastSwept: null };
}
