-- Pages without a key that are joined with rows by the columns of `match`.

-- What a page shows for these columns, as PostgreSQL spells it; null for a page that shows none for one of them.
alter table pgnotion.contact_pages add column match_values text[];

-- Pages that match rows, until they are joined.
create table pgnotion.match_pages (
  page_id      uuid primary key,
  table_name   text not null,
  match_values text[] not null,
  -- 'pair': it becomes the page of `key`. 'held': a person has to decide. 'undecided': what it matches is looked for anew.
  -- 'separate': a person decided that it becomes a row of its own.
  verdict      text not null check (verdict in ('pair', 'held', 'undecided', 'separate')),
  key          text,
  -- The first of the pages that show the same values.
  group_id     uuid not null,
  -- Who chose the pair; null if nothing else matched.
  decided_by   text,
  check ((verdict = 'pair') = (key is not null))
);
create index match_pages_table on pgnotion.match_pages (table_name, verdict);
create index match_pages_key on pgnotion.match_pages (table_name, key) where key is not null;
create index match_pages_group on pgnotion.match_pages (group_id);

-- Rows that pages match: none of them gets a page of its own until that is decided.
create table pgnotion.match_rows (
  table_name text not null,
  key        text not null,
  group_id   uuid not null,
  -- 'separate': a person decided that it gets a page of its own.
  verdict    text not null check (verdict in ('pair', 'held', 'separate')),
  primary key (table_name, key)
);
create index match_rows_group on pgnotion.match_rows (group_id);
