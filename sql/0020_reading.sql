-- Rows whose key is longer than an index of this schema takes. They have no record: this is all that is known of them.
create table pgnotion.long_keys (
  table_name text not null,
  -- Of the whole key.
  digest     text not null,
  key_start  text not null,
  bytes      integer not null,
  since      timestamptz not null default clock_timestamp(),
  primary key (table_name, digest)
);

-- Since when a relation lacks its target.
alter table pgnotion.waiting add column since timestamptz not null default clock_timestamp();
