-- Changes that wait for a person because so many came at once. Made anew with views.sql.

-- What is too much to cross by itself, and what is to be confirmed in any case: it waits for a person.
create view pgnotion.guarded_changes as
  select 'deletion' as kind, 'to-notion' as side, o.table_name, o.key, r.page_id, null::text as field, o.reason, o.cause,
         o.parked_at as since, 1 as changes
    from pgnotion.outbox o
    left join pgnotion.records r using (table_name, key)
   where o.code = 'mass_deletion' and o.parked_at is not null
  union all
  select 'deletion', 'to-postgres', table_name, key, page_id, null, reason, cause, coalesce(parked_at, seen_at), 1
    from pgnotion.edits
   where code in ('mass_deletion', 'delete_review') and parked_at is not null
  union all
  -- One line for all of a table: they are decided together, as a rule.
  select 'creation', 'to-postgres', table_name, null, null, null, max(reason), max(cause), min(parked_at), count(*)::int
    from pgnotion.edits
   where code = 'mass_creation' and parked_at is not null
   group by table_name
  union all
  select 'creation', 'to-notion', table_name, null, null, null, rows_reason, rows_cause, over_at, rows_count
    from pgnotion.first_contacts
   where rows_held = 'waiting' and over_at is not null
  union all
  -- A page of ours that is perhaps another row's: it would get the values of the row.
  select 'adoption', 'to-notion', table_name, key, page_id, null, reason, cause, parked_at, 1
    from pgnotion.edits
   where code = 'adoption_review' and parked_at is not null
  union all
  -- A page without a key that is not one to one with a row: its reason names both.
  select 'pairing', 'to-postgres', table_name, key, page_id, null, reason, null, parked_at, 1
    from pgnotion.edits
   where code in ('ambiguous_match', 'duplicate_match') and parked_at is not null
  union all
  select 'clearing', side, table_name, key, page_id, field, reason, cause, since, 1
    from pgnotion.clearings
   where state = 'waiting';

-- The former name of the same list.
create view pgnotion.deletes as
  select side, table_name, key, page_id, reason, since, kind, field, cause from pgnotion.guarded_changes;

-- Lets changes that wait for a person cross: all of a table, or those of one record, kind ('deletion', 'clearing',
-- 'creation', 'adoption') or property. Pairings are decided one by one, by `pair_match`. A page that is no record yet goes by its page id. Returns how many.
create function pgnotion.approve_guarded(
  name text, record_key text default null, only_kind text default null, only_field text default null)
  returns bigint language plpgsql as $$
declare
  decided bigint;
begin
  select count(*) into decided from pgnotion.guarded_changes g
   where g.table_name = name and (record_key is null or g.key = record_key or g.page_id::text = record_key)
     and (only_kind is null or g.kind = only_kind) and (only_field is null or g.field = only_field)
     and g.kind not in ('creation', 'pairing');
  if only_field is null and coalesce(only_kind, 'deletion') = 'deletion' then
    perform pgnotion.enqueue(array_agg(table_name), array_agg(key), 'write', lifts => false, approves => true)
       from pgnotion.outbox
      where table_name = name and (record_key is null or key = record_key) and code = 'mass_deletion';
  end if;
  if only_field is null then
    decided := decided + pgnotion.decide_edits('approve', name, record_key, only_kind);
    if coalesce(only_kind, 'creation') = 'creation' then
      decided := decided + pgnotion.decide_rows(null, name, record_key);
    end if;
  end if;
  if coalesce(only_kind, 'clearing') = 'clearing' then
    perform pgnotion.decide_clearings('approved', name, record_key, only_field);
  end if;
  perform pgnotion.note_decision('approve', name, record_key, only_kind, only_field, decided);
  return decided;
end $$;

-- Refuses them. Deletions: pages whose rows are gone stay as they are, until a row comes back under the same key;
-- trashed pages are restored, their rows stay. Clearings: a page that was emptied gets the row's value again; a page
-- whose row was emptied keeps its value until either changes. Creations: the pages stay without rows, until a person
-- edits one. Adoptions: the row gets a page of its own, and the page that was there stays as it is. Pairings: pages become
-- rows of their own, and rows get pages of their own.
create function pgnotion.reject_guarded(
  name text, record_key text default null, only_kind text default null, only_field text default null)
  returns bigint language plpgsql as $$
declare
  decided bigint;
begin
  select count(*) into decided from pgnotion.guarded_changes g
   where g.table_name = name and (record_key is null or g.key = record_key or g.page_id::text = record_key)
     and (only_kind is null or g.kind = only_kind) and (only_field is null or g.field = only_field)
     and g.kind not in ('creation', 'pairing');
  if only_field is null and coalesce(only_kind, 'deletion') = 'deletion' then
    with o as (
      delete from pgnotion.outbox
       where table_name = name and (record_key is null or key = record_key) and code = 'mass_deletion'
       returning table_name, key, leaves)
    update pgnotion.records
       set state = case when o.leaves then 'filtered_left' else 'deleted_left' end, rested_at = clock_timestamp()
      from o where records.table_name = o.table_name and records.key = o.key;
  end if;
  if only_field is null then
    decided := decided + pgnotion.decide_edits('reject', name, record_key, only_kind);
    if coalesce(only_kind, 'creation') = 'creation' then
      decided := decided + pgnotion.decide_rows('rejected', name, record_key);
    end if;
  end if;
  if coalesce(only_kind, 'clearing') = 'clearing' then
    perform pgnotion.decide_clearings('rejected', name, record_key, only_field);
  end if;
  -- All of a table only where they are asked for by their kind: each of them makes something new.
  if only_field is null and (only_kind = 'pairing' or only_kind is null and record_key is not null) then
    decided := decided + pgnotion.separate_pairs(name, record_key);
  end if;
  perform pgnotion.note_decision('reject', name, record_key, only_kind, only_field, decided);
  return decided;
end $$;

-- The line in `actions` of a decision about guarded changes.
create function pgnotion.note_decision(
  decision text, name text, record_key text, only_kind text, only_field text, decided bigint)
  returns void language sql as $$
  select pgnotion.note_call(
    decision, jsonb_build_object('table', name, 'key', record_key, 'kind', only_kind, 'field', only_field),
    case when decided = 0 then format('no change of %s waits for a decision', concat_ws(' ', name, record_key))
         else format('%s %s of %s %s; the daemon carries it out', decided, case decided when 1 then 'change' else 'changes' end,
                     name, case decision when 'approve' then 'approved' else 'rejected' end) end);
$$;

-- Lets the rows that wait for new pages get them, or none: all of a table, or one. Returns how many.
create function pgnotion.decide_rows(decision text, name text, record_key text) returns bigint language plpgsql as $$
declare
  decided bigint := 0;
begin
  if record_key is null then
    update pgnotion.first_contacts set rows_held = decision where table_name = name and rows_held = 'waiting'
     returning rows_count into decided;
    -- Those of the first sync (priority 2) that are about to be set aside as well: nobody would ask about them any more.
    perform pgnotion.wake(table_name, key) from pgnotion.outbox
      where table_name = name and (code = 'mass_creation' and parked_at is not null
                                   or decided is not null and priority = 2 and parked_at is null);
  else
    -- What a person asks for by itself is no part of a mass.
    select count(pgnotion.enqueue(array[table_name], array[key], 'write')) into decided from pgnotion.outbox
     where table_name = name and key = record_key and code = 'mass_creation' and parked_at is not null and decision is null;
  end if;
  return coalesce(decided, 0);
end $$;

-- Makes a page without a key the page of one of the rows that it matches, whatever else does. False if it does not wait
-- for that, or the row is not one of these.
create function pgnotion.pair_match(name text, record_key text, page uuid) returns boolean language plpgsql as $$
declare
  grouped uuid;
begin
  update pgnotion.match_pages p set verdict = 'pair', key = record_key, decided_by = current_user
   where p.page_id = page and p.table_name = name and p.verdict in ('held', 'undecided')
     and exists (select from pgnotion.match_rows r
                  where r.table_name = name and r.key = record_key and r.group_id = p.group_id and r.verdict = 'held')
   returning group_id into grouped;
  if grouped is not null then
    update pgnotion.match_rows r set verdict = 'pair' where r.table_name = name and r.key = record_key;
    update pgnotion.match_pages set verdict = 'undecided' where group_id = grouped and verdict = 'held';
    delete from pgnotion.edits where page_id = page;
  end if;
  perform pgnotion.note_call(
    'pair', jsonb_build_object('table', name, 'key', record_key, 'page', page),
    case when grouped is null
           then format('the page %s does not wait to be joined with the row %s of %s', page, record_key, name)
         else format('the page becomes the page of %s of %s; the daemon carries it out', record_key, name) end);
  return grouped is not null;
end $$;

-- Has pages that wait for a pair become rows of their own, and rows that do get pages of their own: all of a table, or the
-- one of this page id or key. Returns how many.
create function pgnotion.separate_match(name text, record_key text) returns bigint language plpgsql as $$
declare
  decided constant bigint := pgnotion.separate_pairs(name, record_key);
begin
  perform pgnotion.note_decision('reject', name, record_key, 'pairing', null, decided);
  return decided;
end $$;

-- The same within a decision that leaves its own line.
create function pgnotion.separate_pairs(name text, record_key text) returns bigint language plpgsql as $$
declare
  pages bigint;
  freed bigint;
begin
  with apart as (
    update pgnotion.match_pages set verdict = 'separate', decided_by = current_user
     where table_name = name and verdict in ('held', 'undecided') and (record_key is null or page_id::text = record_key)
     returning page_id, group_id)
  select count(*), pgnotion.command_edits(array_agg(page_id), array_agg(name), array_agg(null::text), 'look')
    into pages from apart;
  with apart as (
    update pgnotion.match_rows set verdict = 'separate'
     where table_name = name and verdict = 'held' and (record_key is null or key = record_key)
     returning key)
  select sum(pgnotion.wake(name, key)) into freed from apart;
  -- What else was held for their sake is decided anew.
  update pgnotion.match_pages p set verdict = 'undecided'
   where p.table_name = name and p.verdict = 'held'
     and (exists (select from pgnotion.match_rows r where r.group_id = p.group_id and r.verdict = 'separate')
          or exists (select from pgnotion.match_pages o where o.group_id = p.group_id and o.verdict = 'separate'));
  return pages + coalesce(freed, 0);
end $$;

-- Keeps a decision about cleared fields, and tells whoever carries it out: the delivery, or the poll.
create function pgnotion.decide_clearings(verdict text, name text, record_key text, only_field text)
  returns void language plpgsql as $$
declare
  one record;
begin
  for one in
    update pgnotion.clearings set state = verdict, decided_by = current_user
     where table_name = name and (record_key is null or key = record_key or page_id::text = record_key)
       and (only_field is null or field = only_field) and state = 'waiting'
     returning table_name, key, side, page_id
  loop
    if one.side = 'to-notion' then
      perform pgnotion.enqueue(array[one.table_name], array[one.key], 'write');
    elsif one.page_id is not null then
      perform pgnotion.command_edits(
        array[one.page_id], array[one.table_name], array[one.key], 'look', overrides => false);
    end if;
  end loop;
end $$;

-- Their former names.
create function pgnotion.approve_delete(name text, record_key text default null) returns bigint language sql as $$
  select pgnotion.approve_guarded(name, record_key);
$$;

create function pgnotion.reject_delete(name text, record_key text default null) returns bigint language sql as $$
  select pgnotion.reject_guarded(name, record_key);
$$;
