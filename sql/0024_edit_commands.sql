-- What the next look at a waiting page does stood in the column of the digest, as a word in the place of a hash. It has a
-- column of its own now, and an entry has one of three marks:
--   digest   of the values that were seen: the page is not tried again by itself as long as it holds them
--   command  what the next look does, whatever the page holds:
--            look     it looks afresh; asked for by retry, by a decided conflict, or as what hindered the edit is over
--            hold     nothing: the page left its database, and waits to be back, for a person, or for what refused it
--            approve  it carries out what waited for a person (guarded_changes)
--            reject   it undoes that
--   neither  the reason says what the entry waits for: a page that Notion hides, a conflict that a delivery saw, a page
--            that shows the key of a record
-- Without force, nothing but the look itself takes the place of hold, approve and reject. See model/edit-command.ts.
alter table pgnotion.edits add column command text check (command in ('look', 'hold', 'approve', 'reject'));
alter table pgnotion.edits alter column digest drop not null;

-- The empty word stood for a look; where the entry was set aside, for values that nobody had seen.
update pgnotion.edits
   set command = case digest when '' then case when parked_at is null then 'look' end
                   when 'left' then 'hold' when 'approved' then 'approve' when 'rejected' then 'reject' end,
       digest = null
 where digest in ('', 'left', 'approved', 'rejected', 'hidden', 'carries');

alter table pgnotion.edits add constraint edits_one_mark 
  check ((command is null or digest is null) and digest <> '');
