-- No position after this one was acknowledged to the server. It is stored before an acknowledgement leaves, so a slot
-- that stands further was moved by somebody else, and its changes were read by nobody of ours. Null: not known yet.
alter table pgnotion.checkpoint add column acknowledged pg_lsn;

-- Each time that a slot was replaced because it may have lost changes, and why.
create table pgnotion.slot_renewals (
  id     bigint generated always as identity primary key,
  at     timestamptz not null default clock_timestamp(),
  slot   text not null,
  reason text not null
);
