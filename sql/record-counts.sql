-- How many records each table has in each state, so that nobody counts a million of them to know. Every statement that changes
-- that adds a line, so that two of them never wait for each other; housekeeping adds the lines up. Made anew with views.sql.

create function pgnotion.count_records_made() returns trigger language plpgsql as $$
begin
  insert into pgnotion.record_counts (table_name, state, n) select table_name, state, count(*) from made group by 1, 2;
  return null;
end $$;

create function pgnotion.count_records_gone() returns trigger language plpgsql as $$
begin
  insert into pgnotion.record_counts (table_name, state, n) select table_name, state, -count(*) from gone group by 1, 2;
  return null;
end $$;

create function pgnotion.count_record_moved() returns trigger language plpgsql as $$
begin
  insert into pgnotion.record_counts (table_name, state, n)
  values (old.table_name, old.state, -1), (new.table_name, new.state, 1);
  return null;
end $$;

create function pgnotion.count_no_records() returns trigger language plpgsql as $$
begin
  delete from pgnotion.record_counts;
  return null;
end $$;

-- Corrects what was changed while the triggers were off, as by a restore of data alone. Records and lines are read as of the
-- same moment, so nothing has to wait for it.
create function pgnotion.recount_records() returns void language sql as $$
  insert into pgnotion.record_counts (table_name, state, n)
  select table_name, state, coalesce(r.n, 0) - coalesce(c.n, 0)
    from (select table_name, state, count(*) as n from pgnotion.records group by 1, 2) r
    full join (select table_name, state, sum(n) as n from pgnotion.record_counts group by 1, 2) c using (table_name, state)
   where coalesce(r.n, 0) <> coalesce(c.n, 0);
$$;

-- Before the first of them counts, and while nobody can write.
lock table pgnotion.records in share row exclusive mode;
select pgnotion.recount_records();
create trigger count_made after insert on pgnotion.records
  referencing new table as made for each statement execute function pgnotion.count_records_made();
create trigger count_gone after delete on pgnotion.records
  referencing old table as gone for each statement execute function pgnotion.count_records_gone();
create trigger count_moved after update on pgnotion.records
  for each row when (old.state <> new.state or old.table_name <> new.table_name) execute function pgnotion.count_record_moved();
create trigger count_none after truncate on pgnotion.records execute function pgnotion.count_no_records();
