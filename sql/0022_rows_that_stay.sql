-- A row that its table's query or condition leaves out is not deleted: its record rests, and goes on when the row is back.
alter table pgnotion.records add column filtered boolean not null default false;
create index records_filtered on pgnotion.records (table_name) where filtered;

-- Whether the row of a change that waits is left out: null if nobody has looked since the change.
alter table pgnotion.outbox add column leaves boolean;

alter table pgnotion.operations drop constraint operations_kind_check;
alter table pgnotion.operations add constraint operations_kind_check
  check (kind in ('create', 'update', 'delete', 'restore', 'link', 'unlink', 'filter', 'rekey'));

-- Changes of rows' keys, as the log tells them: each is carried over to the record once, so that it keeps its page.
create table pgnotion.rekeys (
  id         bigint generated always as identity primary key,
  table_name text not null,
  old_key    text not null,
  new_key    text not null,
  -- The transaction, and the place of this change in it: the log may be read again after a crash.
  xid        bigint not null,
  commit_at  timestamptz not null,
  place      integer not null,
  applied_at timestamptz,
  unique (xid, commit_at, place)
);
create index rekeys_pending on pgnotion.rekeys (id) where applied_at is null;

create index operations_doubt on pgnotion.operations (started_at) where status in ('started', 'unknown');
