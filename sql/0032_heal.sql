-- What a heal has asked for: the next operation of the record belongs to its run, so that `rollback --run` finds it.
create table pgnotion.heals (
  run_id       bigint not null references pgnotion.runs (id) on delete cascade,
  table_name   text not null,
  -- The page, or the key where there is none.
  ref          text not null,
  key          text,
  page_id      uuid,
  direction    text not null,
  asked_at     timestamptz not null default clock_timestamp(),
  operation_id bigint,
  primary key (run_id, table_name, ref, direction)
);
create index heals_key on pgnotion.heals (table_name, key) where operation_id is null;
create index heals_page on pgnotion.heals (page_id) where operation_id is null;
