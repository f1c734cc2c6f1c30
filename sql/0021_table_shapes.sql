-- What the catalog says of each synced table, as a digest: a change of it, also while no daemon ran, is a reason to try
-- again what was refused on its account.
create table pgnotion.table_shapes (
  table_name text primary key,
  digest     text not null
);
