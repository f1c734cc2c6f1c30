import type { Json } from '../model/change.ts';
import type { SeenValue } from '../model/editor.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { Looks } from '../runtime/looks.ts';
import type { Sql } from './sql.ts';

/** A value of a person's as it was first seen on a page. Times are PostgreSQL's. */
export type Sighting = SeenValue & {
  /** The last look at the page that did not show it; null if there was none. */
  readonly absentAt: Date | null;
  readonly seenAt: Date;
};

/**
 * Keeps what was seen on a page and is not taken over yet: who typed it and when cannot be told any more once somebody
 * else, or this connection, writes to the page. The first sight of a value counts.
 */
export async function keepSightings(
  sql: Sql,
  { looks, botId }: { readonly looks: Looks; readonly botId: string },
  { table, page }: { readonly table: TableName; readonly page: PageId },
  /** The page as it was seen. */
  {
    seen,
    values,
  }: {
    readonly seen: { readonly lastEditedBy: string | null; readonly askedAt: number };
    readonly values: Readonly<Record<string, Json>>;
  },
): Promise<void> {
  const fields = Object.keys(values);
  if (fields.length === 0) return;
  const looked = looks.last(table, page);
  const secondsSince = (at: number): number => (performance.now() - at) / 1_000;
  await sql.query(
    `insert into pgnotion.edit_sightings as s (page_id, field, value, editor, absent_at, seen_at)
     select $1, f, v::jsonb, $4::uuid, clock_timestamp() - make_interval(secs => $5::float8),
            clock_timestamp() - make_interval(secs => $6::float8)
       from unnest($2::text[], $3::text[]) as u(f, v) order by f
     on conflict (page_id, field) do update
       set value = excluded.value, editor = excluded.editor, absent_at = excluded.absent_at, seen_at = excluded.seen_at
     where s.value is distinct from excluded.value`,
    [
      page,
      fields,
      fields.map((field) => JSON.stringify(values[field] ?? null)),
      seen.lastEditedBy === botId ? null : seen.lastEditedBy,
      looked === null ? null : secondsSince(looked),
      secondsSince(seen.askedAt),
    ],
  );
}

export async function sightingsOf(sql: Sql, page: PageId): Promise<Sighting[]> {
  // As text, because the users' own connections leave JSON and times as they are.
  const rows = await sql.query<{
    field: string;
    value: string;
    editor: string | null;
    absent: number | null;
    seen: number;
  }>(
    `select field, value::text, editor::text, (extract(epoch from absent_at) * 1000)::float8 as absent,
            (extract(epoch from seen_at) * 1000)::float8 as seen
       from pgnotion.edit_sightings where page_id = $1`,
    [page],
  );
  return rows.map(({ field, value, editor, absent, seen }) => ({
    field,
    value: JSON.parse(value) as Json,
    editor,
    absentAt: absent === null ? null : new Date(Number(absent)),
    seenAt: new Date(Number(seen)),
  }));
}

/** Forgets what a page has shown of fields that it holds as its base says by now: `differing` names the others. */
export async function dropSightings(sql: Sql, page: PageId, differing: readonly string[]): Promise<void> {
  await sql.query('delete from pgnotion.edit_sightings where page_id = $1 and field <> all($2::text[])', [
    page,
    differing,
  ]);
}

/** Forgets what was seen so many days ago and belongs to no edit that waits. */
export async function pruneSightings(sql: Sql, days: number): Promise<void> {
  await sql.query(
    `delete from pgnotion.edit_sightings s
      where seen_at < clock_timestamp() - make_interval(days => $1)
        and not exists (select from pgnotion.edits e where e.page_id = s.page_id)`,
    [days],
  );
}
