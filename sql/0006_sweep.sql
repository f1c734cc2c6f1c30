-- Lost writes are looked for every few seconds, and are few.
create index operations_doubts on pgnotion.operations (started_at)
  where direction = 'to-notion' and status in ('started', 'unknown');

-- The last whole reading of each data source, or the one under way.
create table pgnotion.sweeps (
  table_name  text primary key,
  data_source_id uuid,
  -- Somebody wants one soon.
  asked_at    timestamptz,
  started_at  timestamptz,
  -- All pages that were created before this have been read: a restart goes on from here.
  position    timestamptz,
  pages       bigint not null default 0,
  -- How many the one before read.
  expected    bigint,
  finished_at timestamptz
);

-- When a sweep, or a look after one, met the page: what a finished sweep has not met may be gone.
alter table pgnotion.records add column swept_at timestamptz;
alter table pgnotion.edits add column swept_at timestamptz;
