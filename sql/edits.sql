-- What wakes the pages that wait in `pgnotion.edits`, and tells their next look what to do. Made anew with views.sql.

-- Gives the next look at these pages a command, and makes it due now; what was seen of their values counts no more.
-- `overrides`: false leaves a page alone that is held, or that a person has decided about. An entry gets the key that is
-- given. Returns how many there are by it. No page may be named twice.
create function pgnotion.command_edits(
  pages uuid[], names text[], keys text[], given text, overrides boolean default true)
  returns bigint language sql as $$
  with told as (
    insert into pgnotion.edits as e (page_id, table_name, key, command, next_at)
    select p, t, k, given, clock_timestamp() from unnest(pages, names, keys) as u(p, t, k) order by p
    on conflict (page_id) do update
      set key = coalesce(excluded.key, e.key), command = excluded.command, digest = null,
          next_at = excluded.next_at, parked_at = null, attempts = 0
      where overrides or coalesce(e.command, 'look') = 'look'
    returning 1)
  select count(*) from told;
$$;

-- Has these pages looked at now. What is known of their values stays, and so does what is held or decided.
create function pgnotion.wake_edits(pages uuid[], names text[], keys text[]) returns bigint language sql as $$
  with woken as (
    insert into pgnotion.edits as e (page_id, table_name, key, command, next_at)
    select p, t, k, 'look', clock_timestamp() from unnest(pages, names, keys) as u(p, t, k) order by p
    on conflict (page_id) do update set next_at = excluded.next_at, parked_at = null
      where coalesce(e.command, 'look') = 'look'
    returning 1)
  select count(*) from woken;
$$;

-- Keeps a person's decision about pages that wait for one: all of a table, or those of one record or kind. A page that is
-- no record yet goes by its page id. Returns how many of them are pages that may become rows.
create function pgnotion.decide_edits(given text, name text, record_key text, only_kind text)
  returns bigint language plpgsql as $$
declare
  creations bigint;
  told bigint;
begin
  select count(*) filter (where code = 'mass_creation'),
         pgnotion.command_edits(array_agg(page_id), array_agg(table_name), array_agg(key), given)
    into creations, told
    from (select page_id, table_name, key, code from pgnotion.edits
           where table_name = name and (record_key is null or key = record_key or page_id::text = record_key)
             and parked_at is not null
             and (code in ('mass_deletion', 'delete_review') and coalesce(only_kind, 'deletion') = 'deletion'
                  or code = 'mass_creation' and coalesce(only_kind, 'creation') = 'creation'
                  or code = 'adoption_review' and coalesce(only_kind, 'adoption') = 'adoption')
             for update) waiting;
  return creations;
end $$;
