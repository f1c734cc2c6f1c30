import type { RowImage } from '../model/change.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** An entry that needs no request: the row is as `base`; null if there is neither a row nor a record. */
export type Quiet = { readonly key: RowKey; readonly version: string; readonly base: RowImage | null };

/**
 * Takes out those entries that are still as they were read, with records that are, and that nothing else waits for: a
 * conflict, an edit or a guarded clearing is ended by the delivery itself. Gives their keys. With
 * an epoch it needs no transaction around it.
 */
export async function settleQuietEntries(
  sql: Sql,
  table: TableName,
  entries: readonly Quiet[],
  epoch: number | null = null,
): Promise<ReadonlySet<RowKey>> {
  const rows = await sql.query<{ key: RowKey }>(
    `with found as (
       -- Entry by entry: the planner takes few entries for many, and would compare each with all others.
       select o.ctid as place, q.version, q.base
         from unnest($2::text[], $3::bigint[], $4::jsonb[]) as q(key, version, base)
        cross join lateral (
          select e.ctid, e.version, e.restore from pgnotion.outbox e
           where e.table_name = $1 and e.key = q.key offset 0) as o
         left join lateral (
          select r.state, r.base_row from pgnotion.records r where r.table_name = $1 and r.key = q.key offset 0) as r on true
        where o.version = q.version and o.restore = '{}'
          and case when q.base is null then r.state is null else r.state = 'linked' and r.base_row = q.base end
          and not exists (select from pgnotion.conflict_entries c
                           where c.table_name = $1 and c.record_id = q.key and c.status in ('open', 'decided'))
          and not exists (select from pgnotion.edits e where e.table_name = $1 and e.key = q.key)
          and not exists (select from pgnotion.clearings c where c.table_name = $1 and c.key = q.key)),
     settled as (
       delete from pgnotion.outbox o using found f where o.ctid = f.place and o.version = f.version
       returning o.key, f.base is null as is_gone),
     no_longer as (
       delete from pgnotion.waiting w using settled s where w.table_name = $1 and w.key = s.key and s.is_gone)
     select key from settled ${epoch === null ? '' : ', pgnotion.fence($5)'}`,
    [
      table,
      entries.map(({ key }) => key),
      entries.map(({ version }) => version),
      entries.map(({ base }) => (base === null ? null : JSON.stringify(base))),
      ...(epoch === null ? [] : [epoch]),
    ],
  );
  return new Set(rows.map(({ key }) => key));
}
