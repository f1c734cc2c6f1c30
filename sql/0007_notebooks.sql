-- Databases in Notion that are not synced but written for people: the sync log, the conflicts.
create table pgnotion.notebooks (
  name           text primary key,
  data_source_id uuid not null,
  database_id    uuid,
  -- Property name -> property id.
  properties     jsonb not null default '{}'
);

-- The pages of the sync log, written or still to be written.
create table pgnotion.sync_log (
  sync_id     text primary key,
  at          timestamptz not null,
  table_name  text,
  record_id   text,
  page_id     uuid,
  direction   text not null check (direction in ('to-notion', 'to-postgres', 'both')),
  status      text not null check (status in ('success', 'failed', 'conflict')),
  error       text,
  duration_ms double precision,
  -- Set before its page is asked for: until it is known, the page may or may not exist.
  sent_at     timestamptz,
  attempts    integer not null default 0,
  log_page    uuid
);
create index sync_log_waiting on pgnotion.sync_log (at) where log_page is null;
create index sync_log_written on pgnotion.sync_log (at) where log_page is not null;

-- A page for each conflict that waits for a person.
create table pgnotion.conflict_pages (
  conflict_id bigint primary key,
  page_id     uuid unique,
  -- Set before the page is asked for: until it is known, it may or may not exist.
  sent_at     timestamptz,
  -- Tells what the page shows from what it should show.
  shown       text not null default '',
  -- The choice that stands on the page has been looked at: it is to be taken off if the conflict is still open.
  taken       boolean not null default false
);
