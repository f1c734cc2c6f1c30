-- What a synced table reads, and the columns that its records are known by: a table that the configuration calls otherwise, or
-- whose key it names otherwise, is the same one, and each row keeps its page. Null until the next start or apply.
alter table pgnotion.data_sources add column reads text, add column key_columns text[];
