-- What came of the operations of each hour that is over, so that a report over weeks does not read them one by one.
-- `prompt`: within the time that the report asks for. `latencies` counts changes by the logarithm of their latency
-- (model/slo.ts).
create table pgnotion.operation_hours (
  hour timestamptz not null,
  table_name text not null,
  direction text not null,
  done bigint not null,
  failed bigint not null,
  prompt bigint not null,
  latencies jsonb not null,
  primary key (hour, table_name, direction)
);

-- What was set aside is counted every few seconds, however much waits beside it.
create index outbox_parked on pgnotion.outbox (table_name) where parked_at is not null;
