-- Who may have made an edit, and when: what was seen of it before it could be taken over.

alter table pgnotion.operations
  -- Names of those who may have made the change, where nobody can say who did.
  add column candidates text[] not null default '{}';

-- A value on a page that differs from its base, as it was first seen. Gone once the page's edit is settled.
create table pgnotion.edit_sightings (
  page_id   uuid not null,
  field     text not null,
  value     jsonb not null,
  -- The page's last editor when it was first seen; null if that was this connection.
  editor    uuid,
  -- By PostgreSQL's clock: the last look without it (null: nobody knows), and the first look that showed it.
  absent_at timestamptz,
  seen_at   timestamptz not null,
  primary key (page_id, field)
);

-- All conflicts, the ones that are over included, are a view of the interface now.
alter table pgnotion.conflicts rename to conflict_entries;
alter table pgnotion.conflict_entries
  -- When the row's value was committed; null if nobody knows. When the page's edit was made: between these two.
  add column row_changed_at timestamptz,
  add column edited_from    timestamptz,
  add column edited_to      timestamptz;

-- Property -> {"h": digest of the value that the log told last, "at": commit time of the change that brought it}.
alter table pgnotion.outbox add column field_times jsonb not null default '{}';
