-- What puts records into the outbox and wakes the entries that wait there. Made anew with views.sql.

-- An entry that is there already wakes: it is due now, and what it failed of before is over, so that `queue` never shows
-- the reason of a former failure. A deletion replaces a write, and never the other way about. `lifts`: an entry becomes at
-- least as urgent. `keeps`: one that waits, and is not set aside, keeps its time and its reason, and is delivered once more if
-- it is just being delivered. Returns how many entries there are by it. No record may be named twice.
create function pgnotion.enqueue(
  names text[], keys text[], as_kind text, urgency smallint default 0, lifts boolean default true,
  restored text[] default '{}', approves boolean default false, keeps boolean default false)
  returns bigint language sql as $$
  with queued as (
    insert into pgnotion.outbox as o (table_name, key, kind, priority, restore, approved)
    select t, k, as_kind, urgency, restored, approves from unnest(names, keys) as u(t, k) order by t, k
    on conflict (table_name, key) do update
      set kind = case excluded.kind when 'delete' then 'delete' else o.kind end,
          restore = (select coalesce(array_agg(distinct f), '{}') from unnest(o.restore || excluded.restore) f),
          approved = o.approved or excluded.approved,
          priority = case when lifts then least(o.priority, excluded.priority) else o.priority end,
          version = o.version + 1,
          next_at = case when keeps and o.parked_at is null then o.next_at else clock_timestamp() end,
          attempts = case when keeps and o.parked_at is null then o.attempts else 0 end,
          parked_at = null,
          code = case when keeps and o.parked_at is null then o.code end,
          reason = case when keeps and o.parked_at is null then o.reason end,
          remedy = case when keeps and o.parked_at is null then o.remedy end,
          cause = case when keeps and o.parked_at is null then o.cause end
    returning 1)
  select count(*) from queued;
$$;

-- The same for an entry that is there, if it is: nothing else about it changes. Returns how many there are, one or none.
create function pgnotion.wake(name text, record_key text) returns bigint language sql as $$
  with woken as (
    update pgnotion.outbox
       set version = version + 1, next_at = clock_timestamp(), attempts = 0, parked_at = null,
           code = null, reason = null, remedy = null, cause = null
     where table_name = name and key = record_key returning 1)
  select count(*) from woken;
$$;

