import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { Finding, FindingKind } from '../model/verify.ts';
import type { Sql } from './sql.ts';

/** Begins a run. One that was broken off long ago is ended. */
export async function beginVerify(
  sql: Sql,
  {
    selection,
    table,
    actor,
  }: { readonly selection: string; readonly table: TableName | null; readonly actor: string },
): Promise<string> {
  const [row] = await sql.query<{ id: string }>(
    `with broken as (
       update pgnotion.runs set finished_at = clock_timestamp(), result = 'failed'
        where kind = 'verify' and finished_at is null and started_at < clock_timestamp() - interval '1 day')
     insert into pgnotion.runs (kind, table_name, selection, actor) values ('verify', $1, $2, $3) returning id::text`,
    [table, selection, actor],
  );
  return row?.id ?? '0';
}

/** Ends a run and forgets what it worked with, and what runs left behind that broke off long ago. */
export async function endVerify(
  sql: Sql,
  run: string,
  {
    result,
    counts,
    total,
  }: { readonly result: 'same' | 'differences' | 'failed'; readonly counts: object; readonly total: number },
): Promise<void> {
  await sql.query(
    `update pgnotion.runs set finished_at = clock_timestamp(), result = $2, counts = $3, total = $4 where id = $1`,
    [run, result, JSON.stringify(counts), total],
  );
  const over = `run_id = $1 or not exists (
    select from pgnotion.runs r where r.id = run_id and r.finished_at is null and r.started_at > clock_timestamp() - interval '1 day')`;
  await sql.query(`delete from pgnotion.verify_pages where ${over}`, [run]);
  await sql.query(`delete from pgnotion.verify_suspects where ${over}`, [run]);
}

/** Keeps which pages were listed, and returns those that were not listed before: one may be listed twice. */
export async function notePages(
  sql: Sql,
  run: string,
  pages: readonly PageId[],
): Promise<ReadonlySet<PageId>> {
  if (pages.length === 0) return new Set();
  const rows = await sql.query<{ page: PageId }>(
    `insert into pgnotion.verify_pages (run_id, page_id) select $1::bigint, p from unnest($2::uuid[]) p
     on conflict do nothing returning page_id as page`,
    [run, pages],
  );
  return new Set(rows.map(({ page }) => page));
}

/** A record or page that looked different. */
export type Suspect = {
  readonly key: RowKey | null;
  readonly page: PageId | null;
  /** Empty: only a look at the page can tell. */
  readonly signature: string;
};

const refOf = ({ key, page }: Pick<Suspect, 'key' | 'page'>): string => page ?? `key ${key ?? ''}`;

/** Keeps what looked different; a suspect that looks as before keeps the time at which it was first seen so. */
export async function noteSuspects(
  sql: Sql,
  run: string,
  table: TableName,
  suspects: readonly Suspect[],
): Promise<void> {
  if (suspects.length === 0) return;
  const unique = [...new Map(suspects.map((one) => [refOf(one), one])).values()];
  await sql.query(
    `insert into pgnotion.verify_suspects as s (run_id, table_name, ref, key, page_id, signature)
     select $1::bigint, $2, r, k, p, g from unnest($3::text[], $4::text[], $5::uuid[], $6::text[]) as u(r, k, p, g)
     on conflict (run_id, table_name, ref) do update
       set looks = s.looks + 1, key = excluded.key, page_id = excluded.page_id, signature = excluded.signature,
           seen_at = case when s.signature = excluded.signature then s.seen_at else clock_timestamp() end`,
    [
      run,
      table,
      unique.map(refOf),
      unique.map(({ key }) => key),
      unique.map(({ page }) => page),
      unique.map(({ signature }) => signature),
    ],
  );
}

export async function dropSuspects(
  sql: Sql,
  run: string,
  table: TableName,
  suspects: readonly Pick<Suspect, 'key' | 'page'>[],
): Promise<void> {
  if (suspects.length === 0) return;
  await sql.query(
    'delete from pgnotion.verify_suspects where run_id = $1 and table_name = $2 and ref = any($3::text[])',
    [run, table, suspects.map(refOf)],
  );
}

/** Those that have looked the same for so long, and those of which nothing has been seen yet: the longest first. */
export function dueSuspects(
  sql: Sql,
  run: string,
  table: TableName,
  { afterMs, limit }: { readonly afterMs: number; readonly limit: number },
): Promise<Suspect[]> {
  return sql.query<Suspect>(
    `select key, page_id as page, signature from pgnotion.verify_suspects
      where run_id = $1 and table_name = $2
        and (signature = '' or seen_at <= clock_timestamp() - make_interval(secs => $3::float8))
      order by looks, seen_at, ref limit $4`,
    [run, table, afterMs / 1_000, limit],
  );
}

/** Gives up those that were looked at several times and never looked the same for long. Returns how many. */
export async function giveUpSuspects(sql: Sql, run: string, table: TableName): Promise<number> {
  const rows = await sql.query(
    `delete from pgnotion.verify_suspects where run_id = $1 and table_name = $2 and looks >= ${MOST_LOOKS} returning 1`,
    [run, table],
  );
  return rows.length;
}

const MOST_LOOKS = 4;

export async function countSuspects(sql: Sql, run: string, table: TableName): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    'select count(*)::int as n from pgnotion.verify_suspects where run_id = $1 and table_name = $2',
    [run, table],
  );
  return row?.n ?? 0;
}

/** Linked records whose pages were not listed, in the order of their keys. */
export async function* unlistedRecords(
  sql: Sql,
  run: string,
  table: TableName,
  size: number,
): AsyncIterable<readonly { readonly key: RowKey; readonly page: PageId }[]> {
  let after: string | null = null;
  for (;;) {
    const rows: { key: RowKey; page: PageId }[] = await sql.query<{ key: RowKey; page: PageId }>(
      `select r.key, r.page_id as page from pgnotion.records r
        where r.table_name = $2 and r.state = 'linked' and ($3::text is null or r.key collate "C" > $3)
          and not exists (select from pgnotion.verify_pages p where p.run_id = $1 and p.page_id = r.page_id)
        order by r.key collate "C" limit $4`,
      [run, table, after, size],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.key;
    yield rows;
  }
}

export async function keepFindings(
  sql: Sql,
  run: string,
  table: TableName,
  { findings, moved }: { readonly findings: readonly Finding[]; readonly moved: string | null },
): Promise<void> {
  if (findings.length === 0) return;
  await sql.query(
    `insert into pgnotion.verify_findings (run_id, table_name, kind, key, page_id, field, row_value, page_value, note, moved)
     select $1::bigint, $2, k, key, p, f, r, v::jsonb, n, $10
       from unnest($3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[])
            as u(k, key, p, f, r, v, n)`,
    [
      run,
      table,
      findings.map(({ kind }) => kind),
      findings.map(({ key }) => key),
      findings.map(({ page }) => page),
      findings.map(({ field }) => field),
      findings.map(({ row }) => row),
      findings.map(({ value }) => (value === null ? null : JSON.stringify(value))),
      findings.map(({ note }) => note),
      moved,
    ],
  );
}

/** Forgets what was found in a table that could not be compared to its end. */
export async function dropFindings(sql: Sql, run: string, table: TableName): Promise<void> {
  await sql.query('delete from pgnotion.verify_findings where run_id = $1 and table_name = $2', [run, table]);
}

export type KeptFinding = Finding & {
  readonly id: string;
  readonly table: TableName;
  /** How its record was when it was seen; null if there was none. */
  readonly moved: string | null;
};

/** What a run found, so many at a time or a few more: what was found of one record stays together. */
export async function* findingsOf(
  sql: Sql,
  run: string,
  size: number,
): AsyncIterable<readonly KeptFinding[]> {
  let after = '0';
  for (;;) {
    const rows: KeptFinding[] = await sql.query<KeptFinding>(
      `with chosen as (
         select id, table_name, coalesce(page_id::text, 'key ' || key) as ref from pgnotion.verify_findings
          where run_id = $1 and id > $2 order by id limit $3),
       last as (select * from chosen order by id desc limit 1)
       select ${FINDING}, f.moved from pgnotion.verify_findings f, last
        where f.run_id = $1 and f.id > $2
          and (f.id <= last.id or f.id < last.id + 1000
                 and (f.table_name, coalesce(f.page_id::text, 'key ' || f.key)) = (last.table_name, last.ref))
        order by f.id`,
      [run, after, size],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
    yield rows;
  }
}

const FINDING = `f.id::text, f.table_name as "table", f.kind, f.key, f.page_id as page, f.field, f.row_value as row,
  f.page_value as value, f.note`;

export function firstFindings(
  sql: Sql,
  run: string,
  limit: number,
): Promise<(Finding & Pick<KeptFinding, 'id' | 'table'>)[]> {
  return sql.query(
    `select ${FINDING} from pgnotion.verify_findings f where f.run_id = $1 order by f.id limit $2`,
    [run, limit],
  );
}

export async function countFindings(
  sql: Sql,
  run: string,
): Promise<readonly { readonly table: TableName; readonly kind: FindingKind; readonly count: number }[]> {
  return sql.query(
    `select table_name as "table", kind, count(*)::int as count from pgnotion.verify_findings
      where run_id = $1 group by 1, 2 order by 1, 2`,
    [run],
  );
}
