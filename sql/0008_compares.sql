-- Raised by everyone who wants all rows compared: a walk that was under way by then does not count.
alter table pgnotion.data_sources add column compares integer not null default 0;
