-- The likely cause of a change that waits for a person because so many came at once.
alter table pgnotion.outbox add column cause text;
alter table pgnotion.edits add column cause text;

-- Fields that became empty on one side: those that crossed within the guard's window, and those that wait for a person.
create table pgnotion.clearings (
  table_name text not null,
  key        text not null,
  side       text not null check (side in ('to-notion', 'to-postgres')),
  field      text not null,
  page_id    uuid,
  -- 'crossed' is kept for the count only. A decision stays until it is carried out.
  state      text not null check (state in ('crossed', 'waiting', 'approved', 'rejected')),
  reason     text,
  cause      text,
  decided_by text,
  -- Whom an approved change is put down to instead of the page's last editor: 'notion' where no person made it.
  actor      text,
  since      timestamptz not null default clock_timestamp(),
  primary key (table_name, key, side, field)
);
create index clearings_count on pgnotion.clearings (table_name, side, field, since);
