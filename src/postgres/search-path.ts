import type { Queryable } from './pool.ts';

/** What no table of the users' can be found in by a bare name of ours. */
const NOTHING_ELSE = 'pg_catalog';

/**
 * A start-up option by which a session finds what this role and database have it find, without our own schema; empty where
 * that is so already. A trigger of the users' that writes a bare `outbox` means theirs, and `"$user"` is our schema for a
 * role that is called like it.
 */
export async function searchPathOption(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ ours: boolean; path: string | null }>(
    `select 'pgnotion' = any(current_schemas(false)) as ours,
            (select string_agg(quote_ident(name), ',' order by place)
               from unnest(current_schemas(false)) with ordinality as s (name, place) where name <> 'pgnotion') as path`,
  );
  const [found] = rows;
  return found?.ours === true ? `-c search_path=${escaped(found.path ?? NOTHING_ELSE)}` : '';
}

/** The server splits its options at blanks, unless a backslash stands before them. */
const escaped = (value: string): string => value.replaceAll(/[\\\s]/g, '\\$&');
