-- How the record of what was found was when it was seen, so that a heal leaves alone what has moved on since. Null: no record.
alter table pgnotion.verify_findings add column moved text;
