-- What notes a call of the functions that change something, in the view `actions`. Made anew with views.sql.

-- Leaves the line of a call: `input` holds names, keys, ids and choices, and never a value of a column. pgnotion's own calls
-- leave none here (`pgnotion.own_call`, see state/own-call.ts): the command line and the dashboard note who asked, and
-- what the daemon carries out by itself nobody asked for in SQL. Only who could write such a line anyway is believed.
create function pgnotion.note_call(action text, input jsonb, message text) returns void language plpgsql as $$
begin
  if not has_table_privilege('pgnotion.admin_actions', 'INSERT') then
    perform pgnotion.note_call_of_role(action, input, message);
  elsif current_setting('pgnotion.own_call', true) is distinct from 'on' then
    insert into pgnotion.admin_actions (actor, action, input, message)
    values (format('database role (%s)', session_user), action, jsonb_strip_nulls(input), message);
  end if;
end $$;

-- The same for a role that may change some of our tables and not that one: it can call the functions as before. A role that
-- may change nothing here leaves nothing by it, whatever it calls: so nobody writes lines without having done something.
create function pgnotion.note_call_of_role(action text, input jsonb, message text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  -- Within this function the current user is its owner. `role` is what SET ROLE has chosen.
  caller constant name := case current_setting('role') when 'none' then session_user else current_setting('role') end;
begin
  if exists (
    select from pg_catalog.pg_class c
     where c.relnamespace = 'pgnotion'::regnamespace and c.relkind = 'r'
       and (has_any_column_privilege(caller, c.oid, 'INSERT, UPDATE') or has_table_privilege(caller, c.oid, 'DELETE'))) then
    insert into pgnotion.admin_actions (actor, action, input, message)
    values (format('database role (%s)', session_user), action, jsonb_strip_nulls(input), message);
  end if;
end $$;
