-- The table of the users that a synced table reads: whoever calls it otherwise in the configuration would have all of its
-- pages made a second time. Null until the next start or apply.
alter table pgnotion.data_sources add column reads text;
