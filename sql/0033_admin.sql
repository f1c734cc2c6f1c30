-- What people had done through the admin port, in whose name. What became of it stands in the operations, conflicts and runs.
create table pgnotion.admin_actions (
  id      bigint generated always as identity primary key,
  at      timestamptz not null default clock_timestamp(),
  actor   text not null,
  action  text not null,
  input   jsonb not null,
  message text not null
);
create index admin_actions_time on pgnotion.admin_actions (at);

-- How many records each table has in each state: see record-counts.sql.
create table pgnotion.record_counts (
  table_name text not null,
  state      text not null,
  n          bigint not null
);

-- With them, lists of operations are read from their end, whatever they are narrowed to.
create index operations_table on pgnotion.operations (table_name, id);
create index operations_failed on pgnotion.operations (id) where status = 'failed';
create index operations_inbound on pgnotion.operations (id) where direction = 'to-postgres';
