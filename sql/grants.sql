-- A role of its own for pgnotion, with the least that works. Run it in the database that is synced, as a superuser
-- (on a managed service: as the role that owns the tables and may create roles):
--
--   psql "$ADMIN_URL" --set role=pgnotion_sync --set password='a long one' --set schemas='public, auth' \
--     --set both_ways='public.suppliers, public.products' --set read_only='auth.users' --file sql/grants.sql
--
-- role       the role that DATABASE_URL logs in as; not `pgnotion`, which is the name of the schema: PostgreSQL looks for
--            tables without a schema in the one that is called like the role first (a role that is called so already
--            goes on working)
-- schemas    the schemas of all tables below
-- both_ways  the sources of tables whose direction is `both` or `to-postgres`
-- read_only  the sources of `to-notion` tables, and every table that a `query` or `dependsOn` names besides; leave
--            the variable away if there is none
--
-- It stops at the first error and changes nothing then. It can be run again after the lists have grown; what is no
-- longer listed keeps its grants.

\set ON_ERROR_STOP on
\if :{?read_only} \else \set read_only '' \endif

begin;

-- REPLICATION: to make and to read the replication slot. It also lets the role stream every change of every
-- published table, whatever its grants are. Amazon RDS: leave REPLICATION out and `grant rds_replication to` it.
-- Supabase before PostgreSQL 17: only `postgres` may replicate, so pgnotion has to use that role.
select format('create role %I login replication password %L', :'role', :'password')
 where not exists (select from pg_roles where rolname = :'role') \gexec

select format('a role called %s, like the schema, finds pgnotion''s tables before its own: choose another name', :'role') as warning
 where :'role' = 'pgnotion';

-- To log in here.
select format('grant connect on database %I to %I', current_database(), :'role') \gexec

-- pgnotion's own schema. Made here, so that the role needs no right to make others.
create schema if not exists pgnotion authorization :"role";

-- To see the tables, read the mapped rows and write what people change in Notion. Reading a row to change it locks it,
-- which needs UPDATE. Rights on single columns do too, as long as they cover the key and all mapped columns.
grant usage on schema :schemas to :"role";
grant select, insert, update, delete on table :both_ways to :"role";
select format('grant select on table %s to %I', :'read_only', :'role') where :'read_only' <> '' \gexec

-- Keys that a sequence fills (serial; identity columns need nothing): a new page makes a new row.
select distinct format('grant usage on sequence %s to %I', sequence.oid::regclass, :'role')
  from pg_class as sequence
  join pg_depend as owned on owned.classid = 'pg_class'::regclass and owned.objid = sequence.oid and owned.deptype = 'a'
 where sequence.relkind = 'S'
   and has_table_privilege(:'role', owned.refobjid, 'INSERT') \gexec

-- The publication. Only the owner of a table may publish it, and pgnotion should not own your tables: so whoever
-- runs this script makes it, and pgnotion finds it as it has to be. When the configuration gets another table,
-- add it here (`alter publication pgnotion add table ...`) before pgnotion starts with it.
--
-- The other way: let pgnotion do it. Make it a member of the owning role (`grant owner to pgnotion_sync`), and
-- `grant create on database ... to pgnotion`; then leave this part out.
select format('create publication pgnotion for table %s%s with (%s)', :'both_ways',
              case when :'read_only' <> '' then ', ' || :'read_only' else '' end,
              'publish = ''insert, update, delete, truncate'', publish_via_partition_root = true'
              || case when current_setting('server_version_num')::int >= 180000
                      then ', publish_generated_columns = stored' else '' end)
 where not exists (select from pg_publication where pubname = 'pgnotion') \gexec

-- A row that row-level security hides would look deleted, so pgnotion does not sync such a table, even if a policy shows
-- the role all rows. As a superuser: alter role pgnotion_sync bypassrls; or make the role a member of the tables' owner.
select format('%s has row-level security: it is not synced until %s has BYPASSRLS', c.oid::regclass, :'role') as warning
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relrowsecurity
   and not (select rolbypassrls or rolsuper from pg_roles where rolname = :'role')
   and exists (select from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
                where p.pubname = 'pgnotion' and r.prrelid = c.oid);

commit;
