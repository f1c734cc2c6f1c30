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

/** Adds the answers' status and duration to their lines, many at once. */
export async function recordAnswers(
  sql: Sql,
  answers: readonly { readonly id: string; readonly status: number | null; readonly ms: number }[],
): Promise<void> {
  if (answers.length === 0) return;
  await sql.query(
    `update pgnotion.requests r set status = u.status, ms = u.ms
       from unnest($1::bigint[], $2::int[], $3::int[]) as u(id, status, ms) where r.id = u.id`,
    [answers.map((a) => a.id), answers.map((a) => a.status), answers.map((a) => Math.round(a.ms))],
  );
}

export async function pruneRequests(sql: Sql): Promise<void> {
  await sql.query(`delete from pgnotion.requests where at < clock_timestamp() - interval '${KEEP}'`);
}
