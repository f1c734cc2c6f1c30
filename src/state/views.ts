import { createHash } from 'node:crypto';
import { PgnotionError } from '../model/errors.ts';
import type { Sql } from './sql.ts';

/** The views and functions of our schema, each by what other objects can depend on: itself, and a view's row type. */
const OURS = `
  select 'pg_class'::regclass as class, c.oid from pg_class c
   where c.relnamespace = 'pgnotion'::regnamespace and c.relkind = 'v'
  union all select 'pg_type'::regclass, c.reltype from pg_class c
   where c.relnamespace = 'pgnotion'::regnamespace and c.relkind = 'v'
  union all select 'pg_proc'::regclass, p.oid from pg_proc p where p.pronamespace = 'pgnotion'::regnamespace`;

/**
 * Drops the views and functions if `text`, which creates them, is not what they were made from, and gives what makes them
 * anew. What was granted on them stays granted. Throws `state_views_used`, and changes nothing, if something of the users'
 * is built on them: it would have to go with them.
 */
export async function takeDownViews(sql: Sql, text: string): Promise<() => Promise<void>> {
  const digest = createHash('sha256').update(text).digest('hex');
  if ((await madeFrom(sql)) === digest) return async () => undefined;
  await refuseDependants(sql);
  const grants = await grantsOn(sql);
  await dropAll(sql);
  return () => makeAnew(sql, text, { digest, grants });
}

/** The digest of what the views were made from; null if there are none yet. */
async function madeFrom(sql: Sql): Promise<string | null> {
  const [there] = await sql.query<{ settings: boolean }>(
    `select to_regclass('pgnotion.settings') is not null as settings`,
  );
  if (there?.settings !== true) return null;
  const [row] = await sql.query<{ value: string }>(
    `select value #>> '{}' as value from pgnotion.settings where name = 'views'`,
  );
  return row?.value ?? null;
}

async function makeAnew(
  sql: Sql,
  text: string,
  { digest, grants }: { readonly digest: string; readonly grants: readonly Granted[] },
): Promise<void> {
  await sql.query(text);
  for (const { identity, statements } of grants)
    if (await exists(sql, identity)) for (const statement of statements) await sql.query(statement);
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('views', to_jsonb($1::text))
     on conflict (name) do update set value = excluded.value`,
    [digest],
  );
}

async function refuseDependants(sql: Sql): Promise<void> {
  const found = await sql.query<{ what: string }>(
    `with ours as (${OURS})
     select distinct coalesce('view ' || rule.ev_class::regclass, pg_describe_object(d.classid, d.objid, d.objsubid)) as what
       from pg_depend d
       join ours on ours.class = d.refclassid and ours.oid = d.refobjid
       left join pg_rewrite rule on d.classid = 'pg_rewrite'::regclass and rule.oid = d.objid
       left join pg_trigger t on d.classid = 'pg_trigger'::regclass and t.oid = d.objid
       left join pg_class viewed on viewed.oid = coalesce(rule.ev_class, t.tgrelid)
      where d.deptype = 'n' and viewed.relnamespace is distinct from 'pgnotion'::regnamespace
        and (d.classid, d.objid) not in (select class, oid from ours)
      order by 1`,
  );
  if (found.length === 0) return;
  throw new PgnotionError({
    code: 'state_views_used',
    message: `this version of pgnotion has other views, and these objects of yours are built on the present ones: ${found.map(({ what }) => what).join(', ')}`,
    remedy:
      'keep their definitions, drop them, start pgnotion, and make them again. (Read the views from outside, or through a view that you make anew with each upgrade.)',
  });
}

type Granted = { readonly identity: string; readonly statements: readonly string[] };

/** What roles other than the owner may do, as the statements that allow it again. */
async function grantsOn(sql: Sql): Promise<readonly Granted[]> {
  return sql.query<Granted>(
    `with objects as (
       select format('pgnotion.%I', c.relname) as identity, 'table' as kind, c.relowner as owner, c.relacl as acl
         from pg_class c where c.relnamespace = 'pgnotion'::regnamespace and c.relkind = 'v' and c.relacl is not null
       union all
       select p.oid::regprocedure::text, 'function', p.proowner, p.proacl
         from pg_proc p where p.pronamespace = 'pgnotion'::regnamespace and p.proacl is not null)
     select identity,
            array_agg(format('revoke all on %s %s from public', kind, identity)) filter (where kind = 'function' and first)
              || array_agg(format('grant %s on %s %s to %s%s', privilege, kind, identity, grantee,
                                  case when grantable then ' with grant option' else '' end))
                 filter (where privilege is not null) as statements
       from (select o.identity, o.kind, a.privilege_type as privilege, a.is_grantable as grantable,
                    case a.grantee when 0 then 'public' else a.grantee::regrole::text end as grantee,
                    row_number() over (partition by o.identity) = 1 as first
               from objects o left join lateral
                    (select * from aclexplode(o.acl) where grantee <> o.owner) as a on true) as each
      group by identity, kind
     having count(privilege) > 0 or kind = 'function'`,
  );
}

async function dropAll(sql: Sql): Promise<void> {
  const old = await sql.query<{ drop: string }>(
    `select format('drop view if exists pgnotion.%I cascade', c.relname) as drop
       from pg_class c where c.relnamespace = 'pgnotion'::regnamespace and c.relkind = 'v'
     union all
     select format('drop function if exists %s cascade', p.oid::regprocedure)
       from pg_proc p where p.pronamespace = 'pgnotion'::regnamespace`,
  );
  for (const { drop } of old) await sql.query(drop);
}

/** A later version may have left it out, or given it other arguments. */
async function exists(sql: Sql, identity: string): Promise<boolean> {
  const [row] = await sql.query<{ there: boolean }>(
    `select case when $1 like '%(%' then to_regprocedure($1) is not null else to_regclass($1) is not null end as there`,
    [identity],
  );
  return row?.there ?? false;
}
