-- What failed of rows and is in no line of the outbox: a part of the view `failures`.
create view pgnotion.row_failures (direction, table_name, key, page_id, code, reason, remedy, attempts, parked, since) as
  select 'to-notion', l.table_name, key_start || '…', null::uuid, 'key_too_long',
         format('the key of a row of %s has %s bytes, and keys of at most 2000 can be kept', l.table_name, bytes),
         'shorten the key in SQL, which releases the row by itself; or leave such rows out with a query',
         1, true, l.since
    from pgnotion.long_keys l
  union all
  -- A relation whose target has no page, and nothing is on its way that would make one.
  select 'to-notion', w.table_name, w.key, r.page_id, 'relation_target_missing',
         format('a relation of %s %s points to %s %s, which has no page', w.table_name, w.key, w.target_table, w.target_key),
         format('correct the row, or see that the row of %s exists and is synced (its `query` may leave it out)', w.target_table),
         1, true, w.since
    from pgnotion.waiting w
    left join pgnotion.records r on r.table_name = w.table_name and r.key = w.key
   where not exists (select from pgnotion.records t where t.table_name = w.target_table and t.key = w.target_key
                        and t.rested_at is null)
     and not exists (select from pgnotion.outbox o where o.table_name = w.target_table and o.key = w.target_key)
     and not exists (select from pgnotion.outbox o where o.table_name = w.table_name and o.key = w.key)
     -- Until all rows have been looked at, and while the table stands still, the target may come.
     and exists (select from pgnotion.data_sources d
                  where d.table_name = w.target_table and d.backfilled_at is not null and d.paused_at is null)
  union all
  -- Of the mapped fields, and as long as the record is written, the record's own line tells.
  select 'to-notion', table_name, nullif(key, ''), null, code, reason, remedy, 1, true, since
    from pgnotion.refused_fields f
   where own and not exists (select from pgnotion.outbox o where o.table_name = f.table_name and o.key = f.key);
