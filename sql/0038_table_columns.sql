-- Which column of which table each column is that a table reads: its table's oid, its number and its type, kept while it is gone.
-- A renamed column is known by it, and another one of the same name holds nothing of what the pages were given.
alter table pgnotion.table_shapes add column columns jsonb not null default '{}';
