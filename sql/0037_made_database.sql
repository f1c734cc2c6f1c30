-- Whether apply made the database: pages that people put there since are new ones, unless they are a mass.
alter table pgnotion.first_contacts add column made boolean not null default false;
