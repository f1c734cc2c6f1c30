-- A page that could not be looked at, or not whole. Its failure stops nothing but itself.
create table pgnotion.page_failures (
  page_id    uuid primary key,
  table_name text not null,
  key        text,
  -- The fields that could not be read; empty if nothing of the page could be.
  fields     text[] not null default '{}',
  -- Notion's time of the page's last edit, as it was seen: a later one is reason to look before `next_at`.
  edited_at  timestamptz,
  attempts   integer not null default 1,
  since      timestamptz not null default clock_timestamp(),
  next_at    timestamptz not null,
  code       text not null,
  reason     text not null,
  remedy     text not null
);
create index page_failures_due on pgnotion.page_failures (next_at);

-- Values that a page's answer cuts short, as they were last read whole.
create table pgnotion.long_values (
  page_id    uuid primary key,
  table_name text not null,
  -- Notion's time of the page's last edit when they were read, and whether that minute was over by then.
  edited_at  timestamptz not null,
  closed     boolean not null,
  -- Tells the parts that the answer did list.
  listed     text not null,
  whole      jsonb not null,
  reads      integer not null default 1,
  read_at    timestamptz not null default clock_timestamp()
);

-- Fields of a record that Notion refused. `value` and `schema` tell what was refused, and under which schema.
create table pgnotion.refused_fields (
  table_name text not null,
  key        text not null,
  field      text not null,
  -- A property that pgnotion adds itself: the record has no change that waits for it.
  own        boolean not null,
  value      text not null,
  schema     text,
  since      timestamptz not null default clock_timestamp(),
  code       text not null,
  reason     text not null,
  remedy     text not null,
  primary key (table_name, key, field)
);

-- Kinds of requests that Notion refuses to this connection: of all data sources ('') or of one table's.
create table pgnotion.refused_requests (
  kind       text not null check (kind in ('create', 'update', 'comment')),
  table_name text not null default '',
  since      timestamptz not null default clock_timestamp(),
  -- When one request of the kind may be sent again, to see whether it passes.
  next_at    timestamptz not null,
  tries      integer not null default 1,
  code       text not null,
  reason     text not null,
  remedy     text not null,
  primary key (kind, table_name)
);
