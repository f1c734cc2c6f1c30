-- Rows that would all get new pages in a database that was there with pages: so many at once wait for a person.
alter table pgnotion.first_contacts
  add column rows_held text check (rows_held in ('waiting', 'rejected')),
  add column rows_count integer,
  add column rows_reason text,
  add column rows_cause text;
