-- How urgent the record is that waits for a page of another: that page is as urgent, and so is what it waits for itself.
-- The record may have no entry of the outbox any more by the time its target has a page.
alter table pgnotion.waiting add column urgency smallint not null default 2 check (urgency between 0 and 2);
create index waiting_urgent on pgnotion.waiting (target_table, target_key) where urgency < 2;

-- How far a walk over all rows of a table has come, from its beginning until the last row is written: the first sync, or a
-- comparison that was asked for later. Kept by the daemon every few seconds, so that it goes on after a restart.
create table pgnotion.first_syncs (
  table_name      text primary key,
  -- False: all rows were compared before, and are now again.
  is_first        boolean not null,
  began_at        timestamptz not null default clock_timestamp(),
  -- Null until all rows are in the outbox. What enters the outbox later is no part of it.
  walked_at       timestamptz,
  finished_at     timestamptz,
  -- Counted when it began, and exact once all rows are in the outbox.
  total           bigint not null,
  done            bigint not null default 0,
  set_aside       bigint not null default 0,
  -- Of the present minutes; null until something has been measured.
  rows_per_second double precision,
  seconds_left    double precision,
  seen_at         timestamptz not null default clock_timestamp(),
  -- Requests of all tables that left while it was under way, counted up to `seen_at`.
  requests        bigint not null default 0
);

-- What was synced before goes on as what it is.
insert into pgnotion.first_syncs (table_name, is_first, began_at, walked_at, finished_at, total, done)
select d.table_name, true, d.backfilled_at, d.backfilled_at, case when o.waiting = 0 then d.backfilled_at end,
       r.pages + o.waiting, r.pages
  from pgnotion.data_sources d
 cross join lateral (
   select count(*) as pages from pgnotion.records r where r.table_name = d.table_name and r.state = 'linked') r
 cross join lateral (
   select count(*) as waiting from pgnotion.outbox o
    where o.table_name = d.table_name and o.priority = 2 and o.parked_at is null) o
 where d.backfilled_at is not null;
