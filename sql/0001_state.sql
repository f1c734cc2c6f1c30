-- pgnotion's memory. These tables are private: the views and functions of views.sql are the interface.

create table pgnotion.settings (
  name  text primary key,
  value jsonb not null
);

-- The number of the daemon that may write. A new daemon raises it; one that was frozen and wakes up
-- finds another number here, and every one of its transactions fails.
insert into pgnotion.settings (name, value) values ('epoch', '0');

create table pgnotion.checkpoint (
  slot      text primary key,
  system_id text not null,
  timeline  integer not null,
  -- Everything that committed before this position is in the outbox, or needs nothing.
  lsn       pg_lsn not null,
  at        timestamptz not null default clock_timestamp()
);

create table pgnotion.data_sources (
  table_name     text primary key,
  data_source_id uuid not null unique,
  database_id    uuid,
  -- Property name of the configuration -> property id, which survives a rename in Notion.
  properties     jsonb not null default '{}',
  -- Tells one mapping from another.
  mapping        text not null default '',
  -- Edits that Notion dates before this have been looked at. Notion's clock.
  watermark      timestamptz,
  -- When the data source was last read whole.
  swept_at       timestamptz,
  -- When all rows that existed at the start had been put into the outbox.
  backfilled_at  timestamptz,
  paused_at      timestamptz,
  paused_reason  text,
  -- 'trouble' ends by itself when what was wrong is right again; 'hand' only by hand.
  paused_by      text check (paused_by in ('hand', 'trouble'))
);

create table pgnotion.records (
  table_name     text not null,
  key            text not null,
  page_id        uuid unique,
  state          text not null check (state in ('creating', 'linked', 'trashed')),
  -- What both sides held when they last agreed, field by field, each side in its own values.
  base_row       jsonb not null default '{}',
  base_page      jsonb not null default '{}',
  -- Set before a page is asked for; while it stands without a page_id, the page may or may not exist.
  intent_at      timestamptz,
  -- Notion's last_edited_time when the page was last read or written.
  page_edited_at timestamptz,
  synced_at      timestamptz,
  primary key (table_name, key)
);

create table pgnotion.outbox (
  table_name text not null,
  key        text not null,
  kind       text not null check (kind in ('write', 'delete')),
  -- 0 live, 1 first sync or resync. A live change of a record lifts it.
  priority   smallint not null default 0,
  lsn        pg_lsn,
  changed_at timestamptz not null default clock_timestamp(),
  -- Commit time of the oldest change that is not in Notion yet.
  first_at   timestamptz not null default clock_timestamp(),
  -- Raised by each change, so that one that comes during a delivery is not settled with it.
  version    bigint not null default 1,
  -- Fields to write though the row did not change them.
  restore    text[] not null default '{}',
  -- A person let this deletion pass the guard.
  approved   boolean not null default false,
  attempts   integer not null default 0,
  next_at    timestamptz not null default clock_timestamp(),
  parked_at  timestamptz,
  code       text,
  reason     text,
  remedy     text,
  primary key (table_name, key)
);
create index outbox_due on pgnotion.outbox (priority, first_at) where parked_at is null;

-- A relation that could not be written because its target has no page yet.
create table pgnotion.waiting (
  table_name   text not null,
  key          text not null,
  target_table text not null,
  target_key   text not null,
  primary key (target_table, target_key, table_name, key)
);
create index waiting_record on pgnotion.waiting (table_name, key);

-- Pages that cannot be applied now: not settled, waiting for a related record, or refused.
create table pgnotion.edits (
  page_id    uuid primary key,
  table_name text not null,
  key        text,
  -- Of the values that were seen: the same page with the same values is not tried again by itself.
  digest     text not null,
  seen_at    timestamptz not null default clock_timestamp(),
  quiet_from timestamptz not null default clock_timestamp(),
  next_at    timestamptz,
  attempts   integer not null default 0,
  parked_at  timestamptz,
  fields     text[] not null default '{}',
  code       text,
  reason     text,
  remedy     text
);

create table pgnotion.operations (
  id          bigint generated always as identity primary key,
  started_at  timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  direction   text not null check (direction in ('to-notion', 'to-postgres')),
  table_name  text not null,
  key         text,
  page_id     uuid,
  kind        text not null check (kind in ('create', 'update', 'delete', 'restore', 'link')),
  fields      text[] not null default '{}',
  before      jsonb not null default '{}',
  after       jsonb not null default '{}',
  lsn         pg_lsn,
  -- Commit time of the row's change, or Notion's time of the edit.
  changed_at  timestamptz,
  actor       text,
  attempt     integer not null default 1,
  status      text not null default 'started' check (status in ('started', 'done', 'failed', 'unknown')),
  error       text,
  batch       text
);
create index operations_record on pgnotion.operations (table_name, key, id desc);
create index operations_time on pgnotion.operations (started_at desc);

create table pgnotion.runs (
  id          bigint generated always as identity primary key,
  kind        text not null check (kind in ('backfill', 'resync')),
  table_name  text not null,
  started_at  timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  total       bigint
);

-- A line per request, written before it leaves: the rate limit survives a crash.
create table pgnotion.requests (
  id       bigint generated always as identity primary key,
  at       timestamptz not null default clock_timestamp(),
  priority text not null,
  status   integer,
  ms       integer
);
create index requests_at on pgnotion.requests (at);
