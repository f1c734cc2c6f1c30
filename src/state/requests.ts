import type { Sql } from './sql.ts';

/** Longer than any window of the rate limit, and enough history for `notion_usage`. */
const KEEP = '24 hours';

/**
 * Writes down that a request leaves now, and returns its line. With an epoch it fails if another daemon has taken over,
 * so that one that was frozen sends nothing when it wakes up (invariant 11).
 */
export async function recordRequest(sql: Sql, priority: string, epoch: number | null): Promise<string> {
  const [row] = await sql.query<{ id: string }>(
    epoch === null
      ? 'insert into pgnotion.requests (priority) values ($1) returning id::text'
      : 'insert into pgnotion.requests (priority) select $1 from pgnotion.fence($2) returning id::text',
    epoch === null ? [priority] : [priority, epoch],
  );
  return row?.id ?? '0';
}

/** Ages, in milliseconds, of the requests that left within the last `windowMs`, whichever process sent them. */
export async function recentRequests(sql: Sql, windowMs: number): Promise<number[]> {
  const rows = await sql.query<{ age: number }>(
    `select (extract(epoch from clock_timestamp() - at) * 1000)::float8 as age from pgnotion.requests
      where at > clock_timestamp() - make_interval(secs => $1) order by at`,
    [windowMs / 1000],
  );
  return rows.map((row) => row.age);
}

export type Answer = { readonly priority: string; readonly status: number | null; readonly ms: number };

/**
 * Adds the answers' status and duration, many at once. An answer goes to the oldest line of its priority that has none:
 * which one it was does not matter to `notion_usage`, which counts by minute.
 */
export async function recordAnswers(sql: Sql, answers: readonly Answer[]): Promise<void> {
  if (answers.length === 0) return;
  await sql.query(
    `with answer as (
       select priority, status, ms, row_number() over (partition by priority order by place) as nth
         from unnest($1::text[], $2::int[], $3::int[]) with ordinality as u(priority, status, ms, place)),
     line as (
       select id, priority, row_number() over (partition by priority order by id) as nth
         from pgnotion.requests where ms is null and at > clock_timestamp() - interval '2 minutes')
     update pgnotion.requests r set status = answer.status, ms = answer.ms
       from line join answer using (priority, nth) where r.id = line.id`,
    [
      answers.map((answer) => answer.priority),
      answers.map((answer) => answer.status),
      answers.map((answer) => Math.round(answer.ms)),
    ],
  );
}

/** Keeps the limit that the daemon goes by, so that `explain` can tell what waits for it. */
export async function keepRateLimit(
  sql: Sql,
  limit: { readonly requests: number; readonly windowMs: number },
): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('rate_limit', $1)
     on conflict (name) do update set value = excluded.value`,
    [JSON.stringify(limit)],
  );
}

export async function pruneRequests(sql: Sql): Promise<void> {
  await sql.query(`delete from pgnotion.requests where at < clock_timestamp() - interval '${KEEP}'`);
}
