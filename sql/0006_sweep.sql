-- Lost writes are looked for every few seconds, and are few.
create index operations_doubts on pgnotion.operations (started_at)
  where direction = 'to-notion' and status in ('started', 'unknown');
