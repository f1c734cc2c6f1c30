-- What becomes of a pair of row and page stood in four columns (state, rested_as, away, filtered), of whose 240 combinations
-- 15 are possible. Those are the values of one column now:
--   creating    its page is being made, or may have been
--   linked      row and page are both there
--   away_*      the row is kept, and its page is not among the live ones: trashed, archived, moved or hidden
--   deleted_*   it rests: its row was deleted, and its page is trashed, archived, marked or left as it is
--   filtered_*  it rests: its row is there, and the table's query or condition leaves it out; the page is as above
--   soft_deleted  it rests: its row is there and marked as deleted, and its page is in the trash
-- A record rests exactly while `rested_at` is set. The page of a row that is marked as deleted goes to the trash, whatever
-- the table's policies are, so that `soft_deleted` has no variants. See model/record-state.ts.
alter table pgnotion.records drop constraint records_rest_check;
alter table pgnotion.records drop constraint records_state_check;
drop index pgnotion.records_resting;
-- Nothing asks for the filtered ones alone.
drop index pgnotion.records_filtered;

-- Earlier versions did not note why a page had left: they knew of the trash only.
update pgnotion.records
   set state = case when state = 'trashed' then 'away_' || coalesce(away, 'trashed')
                    when rested_as = 'soft' then 'soft_deleted'
                    when filtered then 'filtered_' || rested_as
                    else 'deleted_' || rested_as end
 where state in ('trashed', 'resting');

alter table pgnotion.records drop column rested_as, drop column away, drop column filtered;
alter table pgnotion.records add constraint records_state_check check (state in (
  'creating', 'linked', 'away_trashed', 'away_archived', 'away_moved', 'away_hidden',
  'deleted_trashed', 'deleted_archived', 'deleted_marked', 'deleted_left',
  'filtered_trashed', 'filtered_archived', 'filtered_marked', 'filtered_left', 'soft_deleted'));
alter table pgnotion.records add constraint records_rest_check check (
  (rested_at is not null) = (state like 'deleted%' or state like 'filtered%' or state = 'soft_deleted'));
create index records_deleted on pgnotion.records (rested_at) where state like 'deleted%';
