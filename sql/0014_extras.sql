-- Which fields of the page hold more than their values say: styled text, uploaded files, a time of day under a column of
-- days. Null: not known, so the page is read before such a field is written.
alter table pgnotion.records add column extras text[];

-- What a page held beyond the values of `before`, by property, in the shape of a request: a rollback brings it back.
alter table pgnotion.operations add column extras jsonb;
create index operations_extras on pgnotion.operations (table_name, key, id) where extras is not null;
