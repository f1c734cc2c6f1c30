-- What rollback and the audit trail need beside what was there.

alter table pgnotion.operations
  add column actor_id   text,
  -- The row's change by property, each value as PostgreSQL's text: of a copy to Notion the one that it copies, of an
  -- edit what came of it, triggers included. Without `row_before` the row was inserted, without `row_after` it was
  -- deleted, without both it did not change.
  add column row_before jsonb,
  add column row_after  jsonb;

create index operations_batch on pgnotion.operations (batch, id) where batch <> 'backfill';
create index operations_actor on pgnotion.operations (actor, id) where actor is not null;
create index operations_done on pgnotion.operations (table_name, id) where status = 'done';
create index operations_deletes on pgnotion.operations (page_id) where kind = 'delete';

-- Whether the row was inserted by the change that waits: a page that is made for a row of old undoes nothing.
alter table pgnotion.outbox add column inserted boolean not null default false;

-- Runs of other kinds, and of several tables; `selection` is what a rollback was asked to undo, as JSON text.
alter table pgnotion.runs drop constraint if exists runs_kind_check;
alter table pgnotion.runs
  alter column table_name drop not null,
  add column selection text,
  add column actor     text;
