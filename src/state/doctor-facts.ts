import { migrations } from './migrate.ts';
import type { Sql } from './sql.ts';

type StateSchema = {
  /** Null if nothing was made yet. */
  readonly version: number | null;
  readonly newest: number;
  readonly isAllowed: boolean;
  readonly role: string;
  readonly database: string;
};

/** How far our schema is, without making or changing anything. Any role may ask. */
export async function readStateSchema(sql: Sql): Promise<StateSchema> {
  const [row] = await sql.query<Record<'role' | 'database' | 'allowed' | 'made', string>>(
    `select quote_ident(current_user) as role, quote_ident(current_database()) as database,
       exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'pgnotion' and c.relname = 'migrations')::text as made,
       coalesce((select pg_has_role(nspowner, 'USAGE') from pg_namespace where nspname = 'pgnotion'),
         has_database_privilege(current_database(), 'CREATE'))::text as allowed`,
  );
  const newest = (await migrations()).at(-1)?.version ?? 0;
  const { role = '', database = '', allowed, made } = row ?? {};
  const isAllowed = allowed === 'true';
  const at = { newest, isAllowed, role, database };
  if (made !== 'true' || !isAllowed) return { ...at, version: made === 'true' ? 0 : null };
  const [found] = await sql.query<{ version: string | null }>(
    'select max(version)::text as version from pgnotion.migrations',
  );
  return { ...at, version: Number(found?.version ?? 0) };
}
