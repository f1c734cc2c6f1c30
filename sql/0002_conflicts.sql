-- What both sides changed, or what one would not take, and how it was decided.

create table pgnotion.conflicts (
  id            bigint generated always as identity primary key,
  type          text not null check (type in (
    'CONCURRENT_UPDATE', 'DELETED_IN_POSTGRES', 'DELETED_IN_NOTION', 'DUPLICATED_PAGE', 'ID_EDITED', 'REFUSED_EDIT')),
  table_name    text not null,
  -- The record's key.
  record_id     text not null,
  page_id       uuid,
  -- The field of an update; a deletion is of the whole record and names none.
  fields        text[] not null default '{}',
  -- What both sides held when they last agreed: {"row": ..., "page": ...}.
  base          jsonb not null default '{}',
  -- PostgreSQL's values and Notion's, each as its own side gave them.
  local_record  jsonb not null default '{}',
  remote_record jsonb not null default '{}',
  -- Why it was decided as it was: 'lww', 'lww-tie' (nobody can say who was last), 'postgres', 'notion', 'manual'.
  strategy      text not null,
  -- 'decided' is what is still to be carried out; 'outdated' is what ended by itself.
  status        text not null check (status in ('open', 'decided', 'resolved', 'outdated')),
  resolution    text,
  -- The row's value that a person chose instead of both.
  value         jsonb,
  note          text,
  detected_at   timestamptz not null default clock_timestamp(),
  decided_at    timestamptz,
  resolved_at   timestamptz,
  -- The person who decided; null for what a rule decided.
  resolved_by   text
);
create unique index conflicts_live on pgnotion.conflicts (table_name, record_id, type, (coalesce(fields[1], '')))
  where status in ('open', 'decided');
create index conflicts_time on pgnotion.conflicts (detected_at desc);
create index conflicts_over on pgnotion.conflicts (resolved_at) where status in ('resolved', 'outdated');

-- Notion's time of the last sight of the page that held what the base says: an edit that is not taken over came later.
alter table pgnotion.records add column agreed_at timestamptz;
