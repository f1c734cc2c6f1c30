-- Who is at work, or was last, for the view `daemon`: in a table of its own, since the settings hold secrets, which no view
-- reads. `seen_at` is its last sign of life, `syncing_at` since when it syncs; before that it starts.
create table pgnotion.daemon_at_work (
  only_row   boolean primary key default true check (only_row),
  host       text not null,
  process    integer not null,
  since      timestamptz not null,
  seen_at    timestamptz not null,
  syncing_at timestamptz
);
insert into pgnotion.daemon_at_work (host, process, since, seen_at)
select h.value ->> 'host', (h.value ->> 'process')::int, (h.value ->> 'since')::timestamptz, (b.value #>> '{}')::timestamptz
  from pgnotion.settings h join pgnotion.settings b on b.name = 'beat'
 where h.name = 'holder';
-- A daemon of an earlier version that is still at work finds no place for its signs of life, and gives way.
delete from pgnotion.settings where name in ('holder', 'beat');

-- What Notion refuses every request of the daemon for, until a person acts; no row if it refuses nothing.
create table pgnotion.notion_refusal (
  only_row boolean primary key default true check (only_row),
  code     text not null,
  reason   text not null,
  remedy   text not null,
  since    timestamptz not null default clock_timestamp()
);

-- When something failed first and when it was last tried, for the view `failures`: an entry goes once it has succeeded.
alter table pgnotion.outbox add column failed_at timestamptz, add column tried_at timestamptz;
alter table pgnotion.edits add column failed_at timestamptz, add column tried_at timestamptz;
alter table pgnotion.page_failures add column tried_at timestamptz;
