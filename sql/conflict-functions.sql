-- Conflicts: what decides them, and what the last write goes by. Made anew with views.sql.

-- Joins what the log told of some fields in one batch (`seen`: first value's digest and time, last value's digest, and
-- the time of the last change within the batch, if there was one) to what was known. A value that the base has, and
-- that did not change in between, needs no entry.
create function pgnotion.merge_field_times(known jsonb, base jsonb, seen jsonb) returns jsonb
  language sql immutable as $$
  select known || coalesce(jsonb_object_agg(field, jsonb_build_object('h', one ->> 'last', 'at', at)), '{}')
    from (
      select s.key as field, s.value as one,
             case when s.value ? 'changed' then s.value ->> 'changed'
                  when coalesce(known -> s.key ->> 'h', based.digest) is distinct from s.value ->> 'first'
                    then s.value ->> 'at'
                  else known -> s.key ->> 'at' end as at
        from jsonb_each(seen) s
        cross join lateral (
          select case when not base ? s.key then null
                      when base ->> s.key is null then 'null'
                      else left(encode(sha256(convert_to(base ->> s.key, 'UTF8')), 'hex'), 16) end as digest) based
    ) told
   where at is not null
$$;

-- Decides a conflict: 'postgres' or 'notion' keeps that side's value; the form below takes a value instead. The daemon
-- carries it out. The first decision stands: later ones are not accepted, and are told who was first.
create function pgnotion.resolve_conflict(
  conflict bigint, keep text, who text default current_user, chosen jsonb default null,
  out accepted boolean, out message text) language plpgsql as $$
declare
  line pgnotion.conflict_entries;
  -- What is no choice may be a value.
  input constant jsonb := jsonb_build_object(
    'id', conflict::text, 'keep', case when keep in ('postgres', 'notion', 'value') then keep end, 'by', who);
begin
  select * into line from pgnotion.conflict_entries where id = conflict for update;
  if not found then
    raise exception 'there is no conflict %', conflict using hint = 'see pgnotion.open_conflicts';
  end if;
  accepted := line.status = 'open';
  if not accepted then
    message := case
      when line.status = 'outdated' then
        format('conflict %s ended by itself at %s: there is nothing to decide any more', conflict, line.resolved_at)
      when line.resolved_by is null then
        format('conflict %s was decided by the rule %s: %s', conflict, line.strategy, line.resolution)
      else format('conflict %s was decided by %s at %s: %s', conflict, line.resolved_by, line.decided_at,
                  case line.resolution when 'value' then format('the value %s', line.value) else line.resolution end) end;
    -- The message may show a value of the row.
    perform pgnotion.note_call('resolve', input, format('conflict %s was decided already', conflict));
    return;
  end if;
  if keep is null or keep not in ('postgres', 'notion', 'value') or (keep = 'value') <> (chosen is not null) then
    raise exception 'a conflict is resolved with ''postgres'', ''notion'' or a jsonb value';
  end if;
  if keep = 'value' and line.fields = '{}' then
    raise exception 'conflict % is of a whole record: no value can stand for it', conflict
      using hint = 'keep ''postgres'' or ''notion''';
  end if;
  if coalesce(who, '') = '' then raise exception 'somebody has to resolve it: name who'; end if;
  update pgnotion.conflict_entries
     set status = 'decided', resolution = keep, value = chosen, decided_at = clock_timestamp(), resolved_by = who, note = null
   where id = conflict;
  -- Whoever carries it out is told: the delivery what goes to the page, the poll what goes to the row.
  if keep = 'postgres' and line.type <> 'DELETED_IN_NOTION' then
    perform pgnotion.enqueue(
      array[line.table_name], array[line.record_id],
      case line.type when 'DELETED_IN_POSTGRES' then 'delete' else 'write' end,
      restored => line.fields, approves => line.type = 'DELETED_IN_POSTGRES');
  else
    perform pgnotion.command_edits(array[line.page_id], array[line.table_name], array[line.record_id], 'look');
  end if;
  message := format('conflict %s: %s', conflict,
                    case keep when 'value' then format('the row and the page get %s', chosen)
                      when 'postgres' then 'PostgreSQL is kept' else 'Notion is kept' end);
  perform pgnotion.note_call(
    'resolve', input,
    case keep when 'value' then format('conflict %s: the row and the page get the value that was given', conflict) else message end);
end $$;

create function pgnotion.resolve_conflict(
  conflict bigint, chosen jsonb, who text default current_user, out accepted boolean, out message text) language sql as $$
  select * from pgnotion.resolve_conflict(conflict, 'value', who, chosen);
$$;
