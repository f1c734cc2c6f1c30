-- A database that `apply` makes in Notion, from before its request leaves until its place is settled: an `apply` that was
-- stopped in between finds it, and makes no second one. One that nobody has answered has no data source yet.
create table pgnotion.made_databases (
  kind text not null check (kind in ('table', 'report')),
  name text not null,
  title text not null,
  parent_page text not null,
  sent_at timestamptz not null default clock_timestamp(),
  data_source_id uuid,
  database_id uuid,
  primary key (kind, name)
);

-- What the configuration said of a database's title, description and icon when that was last carried out: only what the
-- configuration says otherwise since is written again, so that what people make of them in Notion stays.
create table pgnotion.applied_looks (
  table_name text primary key,
  data_source_id uuid not null,
  looks jsonb not null
);

-- The properties that `apply` has added to a data source (`whole`), and the options that it has made (id to name). Nothing else
-- is ever taken out of a schema.
create table pgnotion.made_properties (
  table_name text not null,
  data_source_id uuid not null,
  property_id text not null,
  name text not null,
  type text not null,
  whole boolean not null,
  options jsonb not null default '{}',
  primary key (table_name, data_source_id, property_id)
);
