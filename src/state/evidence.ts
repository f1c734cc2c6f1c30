import type { Pool } from 'pg';
import type { Assumptions } from '../model/probe/assumptions.ts';
import { type Evidence, readEvidence } from '../model/probe/evidence.ts';
import { LOCKS } from './locks.ts';
import type { Sql } from './sql.ts';

/** What the last probe found out; null before the first one, or if another version of pgnotion has stored it. */
export async function storedEvidence(sql: Sql): Promise<Evidence | null> {
  const [row] = await sql.query<{ value: unknown }>(
    `select value from pgnotion.settings where name = 'evidence'`,
  );
  return readEvidence(row?.value);
}

export async function storeEvidence(sql: Sql, evidence: Evidence): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('evidence', $1)
     on conflict (name) do update set value = excluded.value`,
    [JSON.stringify(evidence)],
  );
}

/** What the daemon goes by, and whose token it had. */
export type Kept = { readonly connection: string; readonly assumed: Assumptions };

export async function keepAssumed(sql: Sql, kept: Kept): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('assumed', $1)
     on conflict (name) do update set value = excluded.value`,
    [JSON.stringify(kept)],
  );
}

/** Null before the first start. */
export async function keptAssumed(sql: Sql): Promise<Kept | null> {
  const [row] = await sql.query<{ value: Kept }>(
    `select value from pgnotion.settings where name = 'assumed'`,
  );
  return row?.value ?? null;
}

/** A scratch page that a probe has made, or may have made, and not removed yet. */
export type Scratch = {
  /** In the page's title. */
  readonly mark: string;
  readonly sentAgoMs: number;
  /** Null while it is not known whether it was made. */
  readonly page: string | null;
  readonly database: string | null;
};

/** Before the request leaves that makes the page: whoever comes later finds it by its mark. */
export async function noteScratch(sql: Sql, mark: string): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings as s (name, value)
     values ('probe_scratch', jsonb_build_object($1::text, jsonb_build_object('sentAt', clock_timestamp())))
     on conflict (name) do update set value = s.value || excluded.value`,
    [mark],
  );
}

export async function linkScratch(
  sql: Sql,
  mark: string,
  made: { readonly page?: string; readonly database?: string },
): Promise<void> {
  await sql.query(
    `update pgnotion.settings set value = jsonb_set(value, array[$1], (value -> $1) || $2::jsonb)
      where name = 'probe_scratch' and value ? $1`,
    [mark, JSON.stringify(made)],
  );
}

/** It is in the trash, or was never made. */
export async function forgetScratch(sql: Sql, mark: string): Promise<void> {
  await sql.query(`update pgnotion.settings set value = value - $1::text where name = 'probe_scratch'`, [
    mark,
  ]);
}

export function readScratch(sql: Sql): Promise<Scratch[]> {
  return sql.query<Scratch>(
    `select e.key as mark, e.value ->> 'page' as page, e.value ->> 'database' as database,
            (extract(epoch from clock_timestamp() - (e.value ->> 'sentAt')::timestamptz) * 1000)::float8 as "sentAgoMs"
       from pgnotion.settings, jsonb_each(value) e where name = 'probe_scratch' order by e.value ->> 'sentAt'`,
  );
}

/** Has the daemon note when a webhook tells of this data source, in which a probe edits; null ends that. */
export async function watchWebhooks(sql: Sql, dataSource: string | null): Promise<void> {
  if (dataSource === null) {
    await sql.query(`delete from pgnotion.settings where name = 'probe_webhook'`);
    return;
  }
  await sql.query(
    `insert into pgnotion.settings (name, value)
     values ('probe_webhook', jsonb_build_object('dataSource', $1::text, 'since', clock_timestamp()))
     on conflict (name) do update set value = excluded.value`,
    [dataSource],
  );
}

/** The data source that a probe edits in now; null if none does. */
export async function watchedSource(sql: Sql): Promise<string | null> {
  const [row] = await sql.query<{ source: string }>(
    `select value ->> 'dataSource' as source from pgnotion.settings
      where name = 'probe_webhook' and not value ? 'at'
        and (value ->> 'since')::timestamptz > clock_timestamp() - interval '1 hour'`,
  );
  return row?.source ?? null;
}

export async function noteWebhook(sql: Sql): Promise<void> {
  await sql.query(
    `update pgnotion.settings set value = value || jsonb_build_object('at', clock_timestamp())
      where name = 'probe_webhook' and not value ? 'at'`,
  );
}

/** How long after the probe's first edit the first webhook came; null if none has. */
export async function webhookAfterMs(sql: Sql): Promise<number | null> {
  const [row] = await sql.query<{ ms: number | null }>(
    `select (extract(epoch from (value ->> 'at')::timestamptz - (value ->> 'since')::timestamptz) * 1000)::float8 as ms
       from pgnotion.settings where name = 'probe_webhook'`,
  );
  return row?.ms ?? null;
}

/** Whether a daemon is at work, which takes webhooks: it holds the lease for as long as its session lasts. */
export async function isDaemonAtWork(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ there: boolean }>(
    `select exists (
       select from pg_locks where locktype = 'advisory' and granted and classid = 0 and objid = $1
          and database = (select oid from pg_database where datname = current_database())) as there`,
    [LOCKS.lease],
  );
  return row?.there ?? false;
}

/** Keeps two probes from working at once. Gives what ends the lock, or null if another one has it. */
export async function lockProbes(pool: Pool): Promise<(() => Promise<void>) | null> {
  const client = await pool.connect();
  const { rows } = await client.query<{ got: boolean }>('select pg_try_advisory_lock($1) as got', [
    LOCKS.probe,
  ]);
  if (!rows[0]?.got) {
    client.release();
    return null;
  }
  return async () => {
    const ended = await client.query('select pg_advisory_unlock($1)', [LOCKS.probe]).catch(() => null);
    client.release(ended === null);
  };
}
