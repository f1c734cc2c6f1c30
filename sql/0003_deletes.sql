-- A record whose row or page was deleted stays, so that either of them coming back makes the same pair again.
alter table pgnotion.records drop constraint records_state_check;
alter table pgnotion.records add constraint records_state_check
  check (state in ('creating', 'linked', 'trashed', 'resting'));
-- How its page rests: in the trash, archived, marked, or left as it is; `soft`: in the trash, and its row is marked.
alter table pgnotion.records add column rested_as text
  check (rested_as in ('trashed', 'archived', 'marked', 'left', 'soft'));
alter table pgnotion.records add column rested_at timestamptz;
alter table pgnotion.records add constraint records_rest_check
  check ((state = 'resting') = (rested_as is not null and rested_at is not null));
create index records_resting on pgnotion.records (rested_at) where state = 'resting';

-- What a person in Notion is to be told of a refused edit, and what they have been told.
create table pgnotion.notices (
  page_id    uuid primary key,
  table_name text not null,
  -- What the page's status property is to say; empty: nothing is wrong.
  wanted     text not null,
  -- What it says; null while a write of it is in doubt.
  shown      text default '',
  -- Tells one refusal from another; null: nothing is wrong.
  refusal    text,
  comment    text,
  -- The refusal whose comment is on the page, or never will be.
  commented  text,
  -- Set before a comment leaves; while it stands, that comment may or may not exist.
  intent_at  timestamptz,
  -- Comments of ours that are known to exist: one that is not among them is the one in doubt.
  known      text[] not null default '{}',
  attempts   integer not null default 0,
  -- Null: nothing is left to do.
  next_at    timestamptz,
  changed_at timestamptz not null default clock_timestamp()
);
create index notices_due on pgnotion.notices (next_at) where next_at is not null;
