-- What is known of one record, and waiting for its delivery. Made anew with views.sql.

-- Where an entry of the outbox stands among those of its table. Null if there is none.
create function pgnotion.place_in_queue(name text, record_key text) returns text language sql stable as $$
  select format('%s, behind %s others of its table',
                case o.priority when 0 then 'live' when 1 then 'bulk: one of many changes made together'
                                else 'a part of the first sync or a resync' end,
                (select count(*) from pgnotion.outbox b
                  where b.table_name = name and b.parked_at is null
                    and (b.priority, b.first_at, b.key) < (o.priority, o.first_at, o.key)))
    from pgnotion.outbox o where o.table_name = name and o.key = record_key;
$$;

-- Why a record that others wait for has no page among the live ones, in one clause. Follows what it waits for itself, for
-- so many steps.
create function pgnotion.standing(name text, record_key text, steps integer default 3)
  returns text language plpgsql stable as $$
declare
  source pgnotion.data_sources;
  pair pgnotion.records;
  line pgnotion.outbox;
  next pgnotion.waiting;
begin
  select * into source from pgnotion.data_sources d where d.table_name = name;
  select * into pair from pgnotion.records r where r.table_name = name and r.key = record_key;
  select * into line from pgnotion.outbox o where o.table_name = name and o.key = record_key;
  select * into next from pgnotion.waiting w where w.table_name = name and w.key = record_key
   order by w.since, w.target_table, w.target_key limit 1;
  return case
    when source.table_name is null then format('%s is not a synced table', name)
    when source.paused_at is not null then format('%s is paused (%s)', name, source.paused_reason)
    when line.parked_at is not null then format('it was set aside: %s (%s)', line.reason, line.code)
    when pair.state = 'away_hidden' then 'Notion does not show its page'
    when pair.state like 'away%' then format('its page was %s', substr(pair.state, 6))
    when pair.state like 'filtered%' then 'the table''s query or condition leaves its row out'
    when line.key is null and pair.state = 'linked' then 'its page is there'
    when line.key is null and source.backfilled_at is null then format('the rows of %s are being read', name)
    when line.key is null then 'its row is not there, or the table''s query leaves it out'
    when source.swept_at is null then format('the database of %s has not been read yet', name)
    when pair.page_id is null and exists (select from pgnotion.first_contacts f where f.table_name = name and f.over_at is null)
      then format('the database of %s is being read for the first time', name)
    when line.attempts > 0 then format('its delivery failed, and is tried again at %s: %s (%s)', line.next_at, line.reason, line.code)
    when next.key is not null and steps > 0 and pair.page_id is null
      then format('it waits for a page of %s %s itself: %s', next.target_table, next.target_key,
                  pgnotion.standing(next.target_table, next.target_key, steps - 1))
    else pgnotion.place_in_queue(name, record_key) end;
end $$;

-- What the requests of the last window leave for one that waits now: a sentence if it has to wait for them, null if not.
-- Those that nobody waits for may not spend the last fifth.
create function pgnotion.limit_text(urgency smallint) returns text language sql stable as $$
  with rate as (
    select (value ->> 'requests')::int as requests, (value ->> 'windowMs')::int as ms
      from pgnotion.settings where name = 'rate_limit'),
  share as (
    select requests as allowed, false as patient, ms from rate
    union all select greatest(1, requests * 4 / 5), true, ms from rate where urgency > 0),
  spent as (
    select s.allowed, s.ms, s.patient,
           (array_agg(r.at order by r.at desc))[s.allowed] + make_interval(secs => s.ms / 1000.0) - clock_timestamp() as left
      from share s
      join pgnotion.requests r on r.at > clock_timestamp() - make_interval(secs => s.ms / 1000.0)
                              and (not s.patient or r.priority not in ('live', 'poll'))
     group by s.allowed, s.ms, s.patient)
  select format('%s requests%s have left within %s seconds, which is the limit; the next one may leave in about %s s', allowed,
                case when patient then ' of first syncs and bulk changes' else '' end, ms / 1000,
                ceil(extract(epoch from spent.left)))
    from spent where spent.left > interval '0' order by spent.left desc limit 1;
$$;

-- What keeps a record that waits for Notion from being delivered, besides its place.
create function pgnotion.hindrances(name text, record_key text)
  returns table (at timestamptz, what text, detail text) language sql stable as $$
  with line as (
    select o.*, r.page_id from pgnotion.outbox o left join pgnotion.records r using (table_name, key)
     where o.table_name = name and o.key = record_key and o.parked_at is null)
  select null::timestamptz, 'database not read', 'nothing is written before the database in Notion has been read once'
    from line join pgnotion.data_sources d using (table_name) where d.swept_at is null
  union all
  select k.at, 'key changes wait', 'rows got other keys, and their records follow before anything is written'
    from (select min(m.commit_at) as at from pgnotion.rekeys m where m.applied_at is null) k where k.at is not null
     and exists (select from line)
  union all
  select q.next_at, 'Notion refuses',
         format('Notion refuses to %s pages%s: %s (%s); tried again at %s. What to do: %s', q.kind,
                case q.table_name when '' then '' else ' of ' || q.table_name end, q.reason, q.code, q.next_at, q.remedy)
    from line join pgnotion.refused_requests q
      on q.table_name in ('', line.table_name) and q.kind = case when line.page_id is null then 'create' else 'update' end
  union all
  select null, 'request limit', limits.told
    from line cross join lateral (select pgnotion.limit_text(line.priority) as told) limits
   where line.next_at <= clock_timestamp() and limits.told is not null
  union all
  select f.began_at, f.kind,
         format('%s of %s rows of %s are written%s%s', f.done, f.total, name,
                coalesce(format(', %s a second', round(f.rows_per_second::numeric, 1)), ''),
                coalesce(format(', about %s s left', ceil(f.seconds_left)), ''))
    from line join pgnotion.first_sync f using (table_name) where line.priority = 2 and f.finished_at is null;
$$;

-- A record's journey: what it is and waits for now, then what happened to it, newest first. A page that is no record
-- yet goes by its page id.
create function pgnotion.explain(name text, record_key text)
  returns table (at timestamptz, what text, detail text) language plpgsql stable as $$
declare
  source pgnotion.data_sources;
  pair pgnotion.records;
  line pgnotion.outbox;
  reader record;
begin
  select * into source from pgnotion.data_sources d where d.table_name = name;
  if not found then raise exception '% is not a synced table', name using errcode = 'PGN02'; end if;
  select * into pair from pgnotion.records r where r.table_name = name and r.key = record_key;
  select * into line from pgnotion.outbox o where o.table_name = name and o.key = record_key;
  if pair.key is null and line.key is null
     and not exists (select from pgnotion.edits e
                      where e.table_name = name and (e.key = record_key or e.page_id::text = record_key)
                     union all select from pgnotion.page_failures f where f.table_name = name and f.page_id::text = record_key)
     and not exists (select from pgnotion.operations o where o.table_name = name and o.key = record_key) then
    raise exception 'pgnotion knows no record % of %', record_key, name
      using errcode = 'PGN02',
            hint = 'give the primary key as text; of several columns, a JSON array of texts';
  end if;
  if source.paused_at is not null then
    return query select source.paused_at, 'table paused', source.paused_reason;
  end if;
  select s.active, c.lsn into reader
    from pgnotion.checkpoint c left join pg_replication_slots s on s.slot_name = c.slot order by c.at desc limit 1;
  if reader.active is not true then
    return query select clock_timestamp(), 'log not read',
      format('nobody reads the replication slot: changes of the row after %s are not known here', reader.lsn);
  end if;
  if line.parked_at is not null then
    return query select line.parked_at, 'set aside',
      format('%s (%s). What to do: %s', line.reason, line.code, line.remedy);
  elsif line.key is not null then
    return query select line.first_at, 'waits for Notion',
      format('%s, committed at %s%s; %s; tries so far: %s, next at %s%s',
             case line.kind when 'delete' then 'the row was deleted' else 'the row changed' end, line.changed_at,
             coalesce(', stored up to ' || line.lsn, ''),
             pgnotion.place_in_queue(name, record_key),
             line.attempts, line.next_at,
             coalesce('; ' || line.reason || ' (' || line.code || ')', ''));
    return query select * from pgnotion.hindrances(name, record_key);
  end if;
  return query
    select f.began_at, 'first contact', 'the database is being read for the first time: no row gets a page before it is known'
      from pgnotion.first_contacts f
     where f.table_name = name and f.over_at is null and line.key is not null and pair.page_id is null
    union all
    select c.since, 'clearing ' || c.state,
           format('%s of the page: %s%s. What to do: run `pgnotion guarded approve TABLE KEY` to empty the page, or `pgnotion guarded reject TABLE KEY` to keep it',
                  c.field, c.reason, coalesce('; likely cause: ' || c.cause, ''))
      from pgnotion.clearings c
     where c.table_name = name and c.key = record_key and c.side = 'to-notion' and c.state = 'waiting';
  return query
    select e.seen_at, case when e.parked_at is null then 'edit waits' else 'edit set aside' end,
           coalesce(format('%s (%s). What to do: %s', e.reason, e.code, e.remedy), 'the page has just been edited')
             || coalesce('; next look at ' || e.next_at, '')
      from pgnotion.edits e
     where e.table_name = name and (e.key = record_key or e.page_id::text = record_key);
  return query
    select f.since, 'page failed', format('%s (%s); next try at %s. What to do: %s', f.reason, f.code, f.next_at, f.remedy)
      from pgnotion.page_failures f where f.table_name = name and (f.key = record_key or f.page_id::text = record_key)
    union all
    (select w.since, 'relation waits',
            format('for a page of %s %s: %s', w.target_table, w.target_key, pgnotion.standing(w.target_table, w.target_key))
       from pgnotion.waiting w where w.table_name = name and w.key = record_key
      order by w.since, w.target_table, w.target_key limit 20);
  return query
    select c.detected_at, case c.status when 'open' then 'conflict open' when 'decided' then 'conflict decided' else 'conflict' end,
           concat_ws('; ', format('conflict %s, %s', c.id, c.type), nullif(array_to_string(c.fields, ', '), ''),
             case c.status when 'open' then 'waits for a decision' when 'outdated' then 'ended by itself'
               else format('%s was kept', coalesce(c.resolution, 'neither side')) end,
             case c.strategy
               when 'lww-tie' then 'the row was committed while the page was being edited, so nobody can say who was last'
               when 'lww-unknown' then 'when the row''s value was committed is not known'
               else 'by ' || coalesce(c.resolved_by, c.strategy) end,
             'row committed at ' || c.row_changed_at, 'page edited between ' || c.edited_from || ' and ' || c.edited_to,
             c.note)
      from pgnotion.conflict_entries c
     where c.table_name = name and c.record_id = record_key
     order by c.id desc limit 20;
  return query select pair.synced_at,
    case when pair.key is null then 'no record'
         when pair.state = 'linked' and line.key is null
              and not exists (select from pgnotion.edits e where e.page_id = pair.page_id) then 'in sync'
         when pair.state like 'filtered%' then 'filtered out'
         when pair.rested_at is not null then 'resting'
         when pair.state like 'away%' then substr(pair.state, 6) else pair.state end,
    case when pair.key is null then 'there is no pair of row and page now'
         when pair.state = 'away_hidden'
           then format('Notion does not show page %s: it is not shared with the connection, or was deleted for good; what waits for it goes on once it is seen', pair.page_id)
         when pair.state like 'filtered%' then format('the row is there, and the table''s query or condition leaves it out; page %s is kept for it', pair.page_id)
         else format('page %s; page edited at %s', coalesce(pair.page_id::text, 'not known yet'),
                     coalesce(pair.page_edited_at::text, 'a time not known')) end;
  return query
    select o.started_at, format('%s %s %s', o.status, o.direction, o.kind),
           concat_ws('; ', format('operation %s: %s', o.id, array_to_string(o.fields, ', ')), 'by ' || o.actor,
             'may have been ' || nullif(array_to_string(o.candidates, ', '), ''),
             'committed at ' || case o.direction when 'to-notion' then o.changed_at end, 'log ' || o.lsn,
             'edited since ' || case o.direction when 'to-postgres' then o.changed_at end,
             case when o.attempt > 1 then 'try ' || o.attempt end,
             round(extract(epoch from o.finished_at - o.started_at) * 1000) || ' ms', 'run ' || o.batch, o.error)
      from pgnotion.operations o
     where o.table_name = name and o.key = record_key
     order by o.id desc limit 50;
end $$;

-- What differs once a publication was changed, though it may be as it was again. Null if it is gone.
create function pgnotion.published_as(publication oid) returns text language sql stable
  set search_path = pg_catalog as $$
  select md5(concat_ws('/', p.oid, p.xmin, (select string_agg(r.oid || '.' || r.xmin, ',' order by r.oid)
                                              from pg_publication_rel r where r.prpubid = p.oid)))
    from pg_publication p where p.oid = publication;
$$;

-- Waits until Notion holds the record as it was committed before the call, or newer, and says how that ended: `synced`,
-- `timeout`, or at once `set_aside` (it failed) or `conflict` (the page shows another value until a person decides), with
-- the reason and what to do. Runs with its owner's rights: a caller needs no more than USAGE of this schema.
create function pgnotion.wait_for_status(
  name text, record_key text, timeout interval default '30 seconds',
  out status text, out reason text, out remedy text)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  wanted constant pg_lsn := pg_current_wal_insert_lsn();
  deadline constant timestamptz := clock_timestamp() + timeout;
  captured boolean := false;
  line record;
  held record;
  kept record;
  still record;
begin
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'wait_for in a transaction that has written would wait for that transaction itself'
      using errcode = '25001', hint = 'commit first, and call it in a transaction of its own';
  end if;
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'wait_for cannot see anything new under %', current_setting('transaction_isolation')
      using errcode = '25001', hint = 'call it in a transaction that is READ COMMITTED';
  end if;
  perform from pgnotion.data_sources where table_name = name;
  if not found then raise exception '% is not a synced table', name using errcode = 'PGN02'; end if;
  loop
    -- What was committed before the call is in the outbox once all of the log up to here has been stored. Where the slot
    -- stands says nothing of that: anybody can move it.
    captured := captured or exists (
      select from pgnotion.checkpoint c join pg_replication_slots s on s.slot_name = c.slot
       where c.acknowledged >= wanted);
    -- What the publication left out is in no log: the daemon compares all rows once it has seen that it was changed.
    if captured and not exists (
      select from pgnotion.settings where pgnotion.settings.name = 'publication' and value ? 'published'
         and value ->> 'published' is distinct from pgnotion.published_as((value ->> 'made')::oid))
    -- The same of a table that was not in it when the daemon looked: made anew, or given its name back, a moment ago.
    and not exists (
      select from pgnotion.settings s join pgnotion.data_sources d on d.table_name = wait_for_status.name
       where s.name = 'publication' and jsonb_typeof(s.value -> 'tables' -> d.reads) = 'null')
    -- A suspended table may be one that the daemon does not read at all.
    and exists (select from pgnotion.data_sources
                 where table_name = name and backfilled_at is not null and (paused_at is null or paused_by = 'hand')) then
      select o.key is not null as waits, o.parked_at, o.reason, o.remedy into line
        from (select) as one left join pgnotion.outbox o on o.table_name = name and o.key = record_key;
      if line.parked_at is not null then
        status := 'set_aside';
        reason := line.reason;
        remedy := line.remedy;
        return;
      end if;
      select c.id, c.fields into held
        from pgnotion.conflict_entries c
       where c.table_name = name and c.record_id = record_key and c.status = 'open' order by c.id limit 1;
      if held.id is not null then
        status := 'conflict';
        reason := format('conflict %s holds %s, and Notion shows another value', held.id,
                         case when held.fields = '{}' then 'the record' else array_to_string(held.fields, ', ') end);
        remedy := format('run `pgnotion conflicts resolve %s --keep postgres` or `pgnotion conflicts resolve %1$s --keep notion`', held.id);
        return;
      end if;
      select string_agg(c.field, ', ' order by c.field) as fields, min(c.reason) as reason into kept
        from pgnotion.clearings c
       where c.table_name = name and c.key = record_key and c.side = 'to-notion' and c.state = 'waiting';
      -- What was delivered last may have filled it again.
      if not line.waits and kept.fields is not null then
        status := 'set_aside';
        reason := format('%s waits for a decision, and Notion shows another value: %s', kept.fields, kept.reason);
        remedy := 'run `pgnotion guarded approve TABLE KEY` or `pgnotion guarded reject TABLE KEY`';
        return;
      end if;
      if not line.waits and not exists (select from pgnotion.waiting where table_name = name and key = record_key) then
        -- Nothing of such a field goes to Notion, so nobody can say that Notion holds what was committed.
        select d.property, d.detail, d.remedy into still
          from pgnotion.drifts d where d.table_name = name and d.pauses = 'field' order by d.property limit 1;
        if found then
          status := 'set_aside';
          reason := format('the field %s stands still: %s', still.property, still.detail);
          remedy := still.remedy;
          return;
        end if;
        exit;
      end if;
    end if;
    if clock_timestamp() >= deadline then
      status := 'timeout';
      reason := case when captured and exists (
          select from pgnotion.first_contacts f left join pgnotion.records r on r.table_name = name and r.key = record_key
           where f.table_name = name and f.over_at is null and r.page_id is null)
        then 'its database is being read for the first time: no row gets a page before it is known'
        when captured and exists (select from pgnotion.data_sources
                                   where table_name = name and paused_at is not null and paused_by is distinct from 'hand')
          then (select 'its table is suspended: ' || paused_reason from pgnotion.data_sources where table_name = name)
        when captured then 'its delivery is not over' else 'the log has not been read up to the call' end;
      remedy := format('see pgnotion.explain(%L, %L) and pgnotion.slot', name, record_key);
      return;
    end if;
    perform pg_sleep(0.05);
  end loop;
  if not exists (select from pgnotion.records where table_name = name and key = record_key)
     and not exists (select from pgnotion.operations where table_name = name and key = record_key) then
    raise exception 'pgnotion knows no record % of %', record_key, name using errcode = 'PGN02';
  end if;
  status := 'synced';
end $$;

-- Returns true once Notion holds the record as it was committed before the call, or newer; false when the time is up,
-- and at once where waiting is no use: `wait_for_status` says why.
create function pgnotion.wait_for(name text, record_key text, timeout interval default '30 seconds')
  returns boolean language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select status = 'synced' from pgnotion.wait_for_status(name, record_key, timeout);
$$;
