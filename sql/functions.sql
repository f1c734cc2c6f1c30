-- The functions of the interface that change something. Each call leaves one line in the view `actions` (actions.sql).
-- Made anew with views.sql.

-- Raises unless `mine` is the daemon that may write. The row lock makes a take-over wait for what is in flight.
create function pgnotion.fence(mine bigint) returns void language plpgsql as $$
declare
  present bigint;
begin
  select (value #>> '{}')::bigint into present from pgnotion.settings where name = 'epoch' for share;
  if present is distinct from mine then
    raise exception 'another pgnotion daemon has taken over (epoch % now, % here)', present, mine
      using errcode = 'PGN01';
  end if;
end $$;

-- Stops the delivery and the polling of one table; what changes meanwhile stays in the outbox.
create function pgnotion.pause(name text) returns void language plpgsql as $$
begin
  update pgnotion.data_sources set paused_at = clock_timestamp(), paused_reason = 'paused by hand', paused_by = 'hand'
   where table_name = name;
  if not found then raise exception '% is not a synced table', name; end if;
  perform pgnotion.note_call('pause', jsonb_build_object('table', name), format('%s is paused', name));
end $$;

create function pgnotion.resume(name text) returns void language plpgsql as $$
begin
  update pgnotion.data_sources set paused_at = null, paused_reason = null, paused_by = null
   where table_name = name;
  if not found then raise exception '% is not a synced table', name; end if;
  -- What suspends it still is noticed again.
  delete from pgnotion.drifts where table_name = name and pauses = 'table';
  perform pgnotion.note_call('resume', jsonb_build_object('table', name), format('%s is resumed', name));
end $$;

-- The same for all tables at once. Those that a person has not paused, because they cannot be synced, go on by themselves.
create function pgnotion.pause_all() returns bigint language plpgsql as $$
declare
  tables bigint;
begin
  update pgnotion.data_sources
     set paused_at = clock_timestamp(), paused_reason = 'paused by hand', paused_by = 'hand'
   where paused_by is distinct from 'hand';
  select count(*) into tables from pgnotion.data_sources;
  perform pgnotion.note_call('pause', '{}', 'every table is paused; what changes meanwhile waits');
  return tables;
end $$;

create function pgnotion.resume_all() returns bigint language plpgsql as $$
declare
  tables bigint;
begin
  with resumed as (
    update pgnotion.data_sources set paused_at = null, paused_reason = null, paused_by = null
     where paused_by = 'hand' returning table_name),
  noticed as (
    delete from pgnotion.drifts d using resumed r where d.table_name = r.table_name and d.pauses = 'table')
  select count(*) into tables from resumed;
  perform pgnotion.note_call('resume', '{}', format('%s paused tables go on', tables));
  return tables;
end $$;

-- Tries a failed record again now, in both directions. A page that is no record yet goes by its page id. What a person
-- decided about it and could not be carried out is tried again as decided. Returns how many lines were waiting.
create function pgnotion.retry(name text, record_key text) returns bigint language plpgsql as $$
declare
  tried bigint;
begin
  with e as (
    select page_id, table_name, key, case when command in ('approve', 'reject') then command else 'look' end as given
      from pgnotion.edits
     where table_name = name and (key = record_key or page_id::text = record_key) for update),
  told as (
    select pgnotion.command_edits(array_agg(page_id), array_agg(table_name), array_agg(key), given) as n
      from e group by given),
  f as (
    update pgnotion.page_failures set next_at = clock_timestamp()
     where table_name = name and (key = record_key or page_id::text = record_key) returning 1),
  r as (delete from pgnotion.refused_fields where table_name = name and key in (record_key, '') returning 1)
  select pgnotion.wake(name, record_key) + (select count(*) from f)
         + (select coalesce(sum(n), 0)::bigint from told) into tried;
  perform pgnotion.note_call(
    'retry', jsonb_build_object('table', name, 'key', record_key),
    format(case tried when 0 then 'nothing of %s %s waits or has failed' else '%s %s is tried again now' end, name, record_key));
  return tried;
end $$;

-- Has every row and every page of a table compared again; only what differs is written. Null: all tables.
create function pgnotion.resync(name text default null) returns bigint language plpgsql as $$
declare
  tables bigint;
begin
  with asked as (
    update pgnotion.data_sources set backfilled_at = null, compares = compares + 1
     where name is null or table_name = name returning table_name),
  refused as (delete from pgnotion.refused_fields where name is null or table_name = name),
  sweep as (
    insert into pgnotion.sweeps (table_name, asked_at) select table_name, clock_timestamp() from asked
    on conflict (table_name) do update set asked_at = excluded.asked_at)
  select count(*) into tables from asked;
  perform pgnotion.note_call(
    'resync', jsonb_build_object('table', name),
    case when tables > 0 then format('%s is compared again; the daemon writes what differs', coalesce(name, 'every table'))
         when name is null then 'no table has been applied yet'
         else format('%s is not a synced table', name) end);
  return tables;
end $$;
