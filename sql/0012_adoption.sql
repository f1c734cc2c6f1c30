-- Databases whose listings are not trusted yet, or were once: Notion's queries lag, and miss rows after a change of the
-- schema. Until `over_at` is set, the table's rows without a page get none.
create table pgnotion.first_contacts (
  table_name     text primary key,
  data_source_id uuid not null,
  -- 'made': apply created the database a moment ago, and nobody has been seen in it. 'found': it may have pages.
  origin         text not null check (origin in ('made', 'found')),
  -- When apply made or changed the database; from the first reading on, when that began. PostgreSQL's clock.
  since          timestamptz not null default clock_timestamp(),
  -- Whole readings since then; the last one is under way while `ended_at` is null.
  reading        integer not null default 0,
  began_at       timestamptz,
  ended_at       timestamptz,
  over_at        timestamptz,
  -- The database had been known before its schema changed: only what the change itself hides is waited for.
  known_before   boolean not null default false
);

-- What the readings of a first contact showed. Emptied when it is over.
create table pgnotion.contact_pages (
  table_name text not null,
  page_id    uuid not null,
  -- The record id as it stands on the page; null for none.
  typed      text,
  -- The reading that last showed something else than the one before it, and the last one that showed the page at all.
  changed_in integer not null,
  seen_in    integer not null,
  primary key (table_name, page_id)
);

-- Tables that were in use before this version have been met.
insert into pgnotion.first_contacts (table_name, data_source_id, origin, over_at)
  select table_name, data_source_id, 'found', case when swept_at is not null then clock_timestamp() end
    from pgnotion.data_sources;

-- The key that a page which belongs to no record shows, as PostgreSQL spells it.
alter table pgnotion.edits add column carries text;
create index edits_carries on pgnotion.edits (table_name, carries) where carries is not null;
