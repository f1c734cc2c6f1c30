import type { Sql } from './sql.ts';

// What comparisons that are over say.

/** How long ago the last comparisons have ended that this one asked for, in milliseconds; null if there was none. */
export async function sinceVerified(
  sql: Sql,
  actor: string,
): Promise<{ readonly done: number | null; readonly failed: number | null }> {
  const [row] = await sql.query<{ done: number | null; failed: number | null }>(
    `select (extract(epoch from clock_timestamp() - max(finished_at) filter (where result <> 'failed')) * 1000)::float8 as done,
            (extract(epoch from clock_timestamp() - max(finished_at) filter (where result = 'failed')) * 1000)::float8 as failed
       from pgnotion.runs where kind = 'verify' and actor = $1`,
    [actor],
  );
  return row ?? { done: null, failed: null };
}

export type LastVerification = {
  readonly run: string;
  readonly finishedAt: Date;
  readonly result: 'same' | 'differences';
  readonly differences: number;
};

/** Of which comparisons there may be more than anybody looks through. */
const MOST_RUNS = 200;

/**
 * The comparison that counts, as SQL: the last one, but one that looked at less (some of the tables, of the rows) and found
 * nothing there does not take back what another one found elsewhere.
 */
export const COUNTING_RUN = `
  with late as (
    select id, finished_at, result, coalesce(differences, 0) as differences, counts,
           counts #> '{scope,where}' is distinct from 'null' and counts #> '{scope,where}' is not null
             or counts #> '{scope,sample}' is distinct from 'null' and counts #> '{scope,sample}' is not null as of_part
      from pgnotion.verifications where result in ('same', 'differences') limit ${MOST_RUNS})
  select r.id, r.finished_at, r.result, r.differences from late r
   where r.id = (select max(id) from late)
      or r.differences > 0 and not exists (
        select from late l
         where l.id > r.id and not l.of_part
           and not exists (
             select from jsonb_array_elements(r.counts -> 'tables') as t
              where t -> 'differences' <> '{}'
                and not l.counts -> 'tables' @> jsonb_build_array(jsonb_build_object('table', t -> 'table'))
                and (l.counts #> '{scope,all}' is distinct from 'true'
                  or l.counts -> 'skipped' @> jsonb_build_array(jsonb_build_object('table', t -> 'table')))))
   order by r.differences > 0 desc, r.id desc limit 1`;

/** What the comparisons that ended well come to; null if there was none. */
export async function lastVerification(sql: Sql): Promise<LastVerification | null> {
  const [row] = await sql.query<LastVerification>(
    `select id::text as run, finished_at as "finishedAt", result, differences::int as differences
       from (${COUNTING_RUN}) as counting`,
  );
  return row ?? null;
}
