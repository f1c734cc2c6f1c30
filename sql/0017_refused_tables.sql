-- A table that PostgreSQL cannot give whole, as its catalog says: its changes cannot be published, or policies hide its rows.
alter table pgnotion.data_sources drop constraint data_sources_paused_by_check;
alter table pgnotion.data_sources
  add constraint data_sources_paused_by_check check (paused_by in ('hand', 'trouble', 'refused'));
