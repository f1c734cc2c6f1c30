import { messageOf } from '../model/errors.ts';
import { errorCode, type Queryable } from './pool.ts';

/**
 * What the role of the connection may not use, or not see whole, and a message of PostgreSQL names, which it does without the
 * schema and in the server's language: the catalog knows what the role lacks. The longest name is the one that is meant. $1: the
 * message.
 */
const LACKING = `
  with lacking (schema, name, hides, act) as (
    select n.nspname, n.nspname, false, format('GRANT USAGE ON SCHEMA %I TO %I;', n.nspname, current_user)
      from pg_namespace n where not has_schema_privilege(n.oid, 'usage')
    union all
    select n.nspname, c.relname, false, format('GRANT SELECT ON %I.%I TO %I;', n.nspname, c.relname, current_user)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and not has_table_privilege(c.oid, 'select')
    union all
    select n.nspname, c.relname, true,
           format('ALTER ROLE %I BYPASSRLS; or ', current_user)
             || case when pg_has_role(c.relowner, 'usage')
                     then format('ALTER TABLE %I.%I NO FORCE ROW LEVEL SECURITY;', n.nspname, c.relname)
                     else format('GRANT %I TO %I;', pg_get_userbyid(c.relowner), current_user) end
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relrowsecurity and row_security_active(c.oid) and has_table_privilege(c.oid, 'select')
    union all
    select n.nspname, p.proname, false, format('GRANT EXECUTE ON ROUTINE %I.%I(%s) TO %I;', n.nspname, p.proname,
                                               pg_get_function_identity_arguments(p.oid), current_user)
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace where not has_function_privilege(p.oid, 'execute')),
  named as (select name, hides, act from lacking
             where position(name::text in $1) > 0 and schema not like 'pg\\_%' and schema <> 'information_schema')
  select hides, string_agg(act, ' ' order by act) as acts from named
   where length(name::text) = (select max(length(name::text)) from named) group by hides order by hides limit 1`;

/** The statement that gives the role of the connection what PostgreSQL has refused it; null if the error is another one. */
export async function grantFor(db: Queryable, error: unknown): Promise<string | null> {
  if (errorCode(error) !== '42501') return null;
  const { rows } = await db.query<{ hides: boolean | string; acts: string }>(LACKING, [messageOf(error)]);
  const [row] = rows;
  if (row === undefined) return GENERAL;
  // As text through a raw pool.
  const hides = row.hides === true || row.hides === 't';
  return `${hides ? 'as a superuser' : 'as the owner of what the message names'}: ${row.acts}`;
}

/** Where the role has what is named, and somebody else lacks it: the owner of a view, say. */
const GENERAL =
  'as the owner of what the message names: GRANT it TO the role that pgnotion connects as, or, if a view or a function of another owner reads it, to that owner';
