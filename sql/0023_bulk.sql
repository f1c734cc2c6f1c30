-- Changes that stand alone overtake the many of one transaction: 0 live, 1 bulk, 2 first sync or resync.
update pgnotion.outbox set priority = 2 where priority = 1;

-- The entries of one table and priority are taken in this order, however many others wait.
drop index pgnotion.outbox_due;
create index outbox_turn on pgnotion.outbox (table_name, priority, first_at, key) where parked_at is null;

-- A deletion that a person let through counts for no guard: see `model/guard.ts`.
alter table pgnotion.operations add column approved boolean not null default false;
