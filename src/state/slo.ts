import { BUCKET_BASE, LEAST_SECONDS, type Slo, sloOf, TARGETS } from '../model/slo.ts';
import { CONFLICTS } from './observation.ts';
import type { Sql } from './sql.ts';

const LATENCY = `greatest(extract(epoch from finished_at - changed_at), ${LEAST_SECONDS})::float8`;

/** What the operations of a span came to, by `keys`: the rest of a select, given conditions on `started_at`. */
const counted = (keys: string, where: string): string => `
  select ${keys}, sum(done) as done, sum(failed) as failed, sum(prompt) as prompt,
         coalesce(jsonb_object_agg(bucket, timed) filter (where bucket is not null), '{}') as latencies
    from (
      select ${keys}, bucket, count(*) filter (where status = 'done') as done, count(*) filter (where status = 'failed') as failed,
             count(*) filter (where latency < ${TARGETS.latencySeconds}) as prompt, count(latency) as timed
        from (
          select date_bin('1 hour', started_at, 'epoch') as hour, table_name, direction, status, latency,
                 floor(ln(latency) / ln(${BUCKET_BASE}))::int as bucket
            from pgnotion.operations
           cross join lateral (
             select case when status = 'done' and changed_at is not null and batch is distinct from 'backfill'
                         then ${LATENCY} end as latency) as timing
           where ${where} and status in ('done', 'failed')) as ended
       group by ${keys}, bucket) as buckets
   group by ${keys}`;

/** An hour is summed up so long after its end, when what was in doubt has been settled. */
const SETTLED = '1 hour';
const HOURS = 200;
/** Sums are kept for longer than the operations. */
const KEEP_DAYS = 400;

/** Sums up the next hours that are over. Returns whether there are more. */
export async function sumUpHours(sql: Sql): Promise<boolean> {
  const [span] = await sql.query<{ from: Date | null; to: Date; more: boolean }>(
    `select known.from, least(known.from + interval '${HOURS} hours', known.last) as to,
            known.from + interval '${HOURS} hours' < known.last as more
       from (select coalesce((select (value #>> '{}')::timestamptz from pgnotion.settings where name = 'hours_summed'),
                             (select date_bin('1 hour', min(started_at), 'epoch') from pgnotion.operations)) as from,
                    date_bin('1 hour', clock_timestamp() - interval '${SETTLED}', 'epoch') as last) as known`,
  );
  if (span?.from == null || span.from >= span.to) return false;
  await sql.query(
    `insert into pgnotion.operation_hours (hour, table_name, direction, done, failed, prompt, latencies)
     ${counted('hour, table_name, direction', 'started_at >= $1 and started_at < $2')}
     on conflict do nothing`,
    [span.from, span.to],
  );
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('hours_summed', to_jsonb($1::timestamptz))
     on conflict (name) do update set value = excluded.value`,
    [span.to],
  );
  await sql.query(
    `delete from pgnotion.operation_hours where hour < clock_timestamp() - interval '${KEEP_DAYS} days'`,
  );
  return span.more;
}

type Sums = {
  readonly done: number;
  readonly failed: number;
  readonly prompt: number;
  readonly latencies: Readonly<Record<string, number>>;
};

/** How the success criteria were met since then, for whoever shows it. */
export async function readSlo(sql: Sql, since: Date, now: Date): Promise<Slo> {
  const sums = await sql.query<Sums>(
    `with
       bound as (
         select coalesce((select (value #>> '{}')::timestamptz from pgnotion.settings where name = 'hours_summed'),
                         '-infinity') as summed,
                date_bin('1 hour', $1::timestamptz + interval '1 hour' - interval '1 microsecond', 'epoch') as whole),
       parts as (
         select done, failed, prompt, latencies from pgnotion.operation_hours, bound
          where hour >= bound.whole and hour < bound.summed
         union all
         -- The rest of the hour in which the window begins.
         select done, failed, prompt, latencies
           from (${counted('direction', 'started_at >= $1 and started_at < (select least(whole, summed) from bound)')}) as head
         union all
         select done, failed, prompt, latencies
           from (${counted('direction', 'started_at >= (select greatest($1, summed) from bound)')}) as tail)
     select done::float8, failed::float8, prompt::float8, latencies from parts`,
    [since],
  );
  const [rest] = await sql.query<{ conflicts: number; comparisons: number; differences: number }>(
    `select (select count(*) from pgnotion.conflict_entries where detected_at >= $1 and type = any(${CONFLICTS}))::float8 as conflicts,
            count(*)::float8 as comparisons, coalesce(max(differences), 0)::float8 as differences
       from pgnotion.verifications where finished_at >= $1 and result in ('same', 'differences')`,
    [since],
  );
  const latencies = new Map<number, number>();
  for (const part of sums)
    for (const [bucket, n] of Object.entries(part.latencies))
      latencies.set(Number(bucket), (latencies.get(Number(bucket)) ?? 0) + n);
  const total = (of: (part: Sums) => number): number => sums.reduce((sum, part) => sum + of(part), 0);
  const counts = {
    done: total(({ done }) => done),
    failed: total(({ failed }) => failed),
    prompt: total(({ prompt }) => prompt),
    latencies,
    conflicts: rest?.conflicts ?? 0,
    comparisons: rest?.comparisons ?? 0,
    differences: rest?.differences ?? 0,
  };
  return sloOf(counts, since, now);
}
