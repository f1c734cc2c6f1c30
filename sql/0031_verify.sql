-- What `verify` compared and found.

alter table pgnotion.runs
  -- Of a run of kind `verify`: what it came to, and its counts by table as JSON.
  add column result text check (result in ('same', 'differences', 'failed')),
  add column counts jsonb;

create table pgnotion.verify_findings (
  id         bigint generated always as identity primary key,
  run_id     bigint not null references pgnotion.runs (id) on delete cascade,
  table_name text not null,
  kind       text not null,
  key        text,
  page_id    uuid,
  field      text,
  row_value  text,
  page_value jsonb,
  note       text not null
);
create index verify_findings_run on pgnotion.verify_findings (run_id, id);

-- Working memory of a run that is under way, so that a database of any size passes in bounded memory. Nothing of it is worth
-- a write of the log: a run that breaks off is begun anew.
create unlogged table pgnotion.verify_pages (
  run_id  bigint not null,
  page_id uuid not null,
  primary key (run_id, page_id)
);

-- What looked different, and is looked at again before it is reported.
create unlogged table pgnotion.verify_suspects (
  run_id     bigint not null,
  table_name text not null,
  -- The page, or the key where there is none.
  ref        text not null,
  key        text,
  page_id    uuid,
  -- Tells what was seen from what is seen later; empty if only a look at the page itself can tell.
  signature  text not null,
  seen_at    timestamptz not null default clock_timestamp(),
  looks      integer not null default 0,
  primary key (run_id, table_name, ref)
);
