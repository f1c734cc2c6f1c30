-- Why the page of a record with the state 'trashed' is not among the live ones; null if that was noted by an earlier version.
alter table pgnotion.records add column away text check (away in ('trashed', 'archived', 'moved', 'hidden'));
-- Relation elements that belong to the base, and that the page does not show while their pages are away: field -> page ids.
alter table pgnotion.records add column unshown jsonb not null default '{}';
create index records_unshown on pgnotion.records (table_name) where unshown <> '{}';

-- Notion did not show the page when it was to be told something: it is told once the page is seen.
alter table pgnotion.notices add column hidden boolean not null default false;

-- The pair of row and page was given up, because the table is tied to another database.
alter table pgnotion.operations drop constraint operations_kind_check;
alter table pgnotion.operations
  add constraint operations_kind_check check (kind in ('create', 'update', 'delete', 'restore', 'link', 'unlink'));

-- Pages that pgnotion wrote for people, and that Notion does not show now: since when, and when that was last looked at.
alter table pgnotion.sync_log add column hidden_since timestamptz;
alter table pgnotion.sync_log add column looked_at timestamptz;
alter table pgnotion.conflict_pages add column hidden_since timestamptz;
alter table pgnotion.conflict_pages add column looked_at timestamptz;
