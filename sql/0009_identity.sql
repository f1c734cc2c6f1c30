-- How a mapped property is found again whatever a person makes of it: by its id. Ids are decoded from here on.
create table pgnotion.properties (
  table_name     text not null,
  -- The property's name in the configuration.
  property       text not null,
  -- What is known of another data source says nothing of this one.
  data_source_id uuid not null,
  id             text not null,
  -- Notion's name for it.
  name           text not null,
  type           text not null,
  -- What the field reads: it stays the same field when the configuration calls its property otherwise.
  source         text not null,
  target         text,
  -- Option id -> the label that it stands for and Notion's name for it.
  options        jsonb not null default '{}',
  -- Of a status: the id of the option that it shows where none was set.
  default_option text,
  -- Null while the field is in sync.
  interruption   text check (interruption in ('missing', 'retyped', 'retargeted')),
  primary key (table_name, property)
);

-- Raised whenever something of this changes, so that a running daemon takes over what `apply` did.
alter table pgnotion.data_sources add column schema_version integer not null default 0;
-- What requests call a property whose id is the name of another property.
alter table pgnotion.data_sources add column keys jsonb not null default '{}';

-- The same for the databases that pgnotion writes for people; `properties` are those that can be written now.
alter table pgnotion.notebooks add column known jsonb not null default '{}';

-- How Notion deviates from the configuration: a line for each, kept by whoever notices and settles it.
create table pgnotion.drifts (
  table_name text not null,
  property   text not null,
  kind       text not null,
  detail     text not null,
  remedy     text not null,
  since      timestamptz not null default clock_timestamp(),
  primary key (table_name, property, kind)
);
