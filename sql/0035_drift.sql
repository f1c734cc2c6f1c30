-- What is noticed of either schema: whose it is, what it pauses, and what kind of act settles it. An entry for whatever
-- suspends a table as well, kept together with the suspension.
alter table pgnotion.drifts
  add column side        text not null default 'notion' check (side in ('postgres', 'notion')),
  add column pauses      text not null default 'nothing' check (pauses in ('nothing', 'field', 'table')),
  add column remedy_kind text not null default 'config'
    check (remedy_kind in ('config', 'sql', 'click', 'command', 'nothing'));

update pgnotion.drifts
   set side = case kind when 'publication' then 'postgres' else 'notion' end,
       pauses = case when kind in ('property_missing', 'property_retyped', 'relation_retargeted') then 'field' else 'nothing' end,
       remedy_kind = case when kind in ('property_missing', 'option_missing', 'left_over') then 'command'
                          when kind in ('property_retyped', 'relation_retargeted') then 'click'
                          when kind = 'publication' then 'nothing' else 'config' end;

alter table pgnotion.drifts
  alter column side drop default, alter column pauses drop default, alter column remedy_kind drop default;
