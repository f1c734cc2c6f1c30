-- The views of the interface: read them from psql, a dashboard or a monitor. All views and functions are made anew
-- whenever one of their files changes.

create view pgnotion.queue as
  select table_name, key, kind, case priority when 0 then 'live' when 1 then 'bulk' else 'backfill' end as priority,
         lsn, changed_at, first_at, extract(epoch from clock_timestamp() - first_at) as age_seconds,
         attempts, next_at, code, reason
    from pgnotion.outbox
   where parked_at is null
   order by outbox.priority, first_at;

-- `first_at` and `last_at`: when it failed first since it last succeeded, and when it was last tried. `next_at`: when it is
-- tried again by itself; null if a person has to act. `shown`: what the page says of it, if it says something.
create view pgnotion.failures as
  select 'to-notion' as direction, o.table_name, o.key, r.page_id, o.code, o.reason, o.remedy,
         o.attempts, o.parked_at is not null as parked, coalesce(o.parked_at, o.first_at) as since,
         coalesce(o.failed_at, o.parked_at, o.first_at) as first_at, coalesce(o.tried_at, o.parked_at) as last_at,
         case when o.parked_at is null then o.next_at end as next_at, null::text as shown
    from pgnotion.outbox o
    left join pgnotion.records r using (table_name, key)
   where (o.parked_at is not null or o.attempts > 0) and coalesce(o.code not in ('mass_creation', 'creation_refused'), true)
  union all
  select 'to-postgres', e.table_name, e.key, e.page_id, e.code, e.reason, e.remedy,
         e.attempts, e.parked_at is not null, coalesce(e.parked_at, e.seen_at),
         coalesce(e.failed_at, e.parked_at, e.seen_at), coalesce(e.tried_at, e.parked_at),
         case when e.parked_at is null then e.next_at end, nullif(n.wanted, '')
    from pgnotion.edits e
    left join pgnotion.notices n using (page_id)
   -- What only waits for a conflict's decision stands in open_conflicts, a mass of new pages in guarded_changes.
   where e.code not in ('conflict_open', 'mass_creation', 'creation_refused')
  union all
  select 'to-postgres', table_name, key, page_id, code, reason, remedy, attempts, false, since,
         since, coalesce(tried_at, since), next_at, null
    from pgnotion.page_failures
  union all
  select side, table_name, key, page_id, 'mass_clearing', string_agg(reason, '; ' order by field),
         'look at `pgnotion guarded list`, then run `pgnotion guarded approve TABLE` or `pgnotion guarded reject TABLE`', 1, true,
         min(since), min(since), max(since), null, null
    from pgnotion.clearings
   -- Those of the other side are in their edit's line.
   where state = 'waiting' and side = 'to-notion'
   group by 1, 2, 3, 4
  union all
  select f.*, since, since, null, null from pgnotion.row_failures f;

-- All that are kept (`retention.days`), the ones that are over included. The row's value was committed at
-- `row_changed_at`, the page's was typed between `edited_from` and `edited_to`; null is what nobody knows.
create view pgnotion.conflicts as
  select id, type, table_name, record_id, page_id, fields, base, local_record, remote_record, strategy, status,
         resolution, value, note, detected_at, decided_at, resolved_at, resolved_by,
         row_changed_at, edited_from, edited_to
    from pgnotion.conflict_entries;

create view pgnotion.open_conflicts as
  select id, type, table_name, record_id, page_id, fields, base, local_record, remote_record, strategy, status,
         resolution, value, note, detected_at, decided_at, resolved_at, resolved_by,
         row_changed_at, edited_from, edited_to
    from pgnotion.conflict_entries
   -- What a rule decided needs nobody.
   where status = 'open' or (status = 'decided' and resolved_by is not null)
   order by id;

create view pgnotion.recent_operations as
  select id, started_at, finished_at,
         round(extract(epoch from finished_at - started_at) * 1000) as duration_ms,
         direction, table_name, key, page_id, kind, fields, before, after, lsn, changed_at,
         actor, actor_id, candidates, attempt, status, error, batch, row_before, row_after
    from pgnotion.operations
   order by id desc limit 1000;

create view pgnotion.status as
  with
    linked as (
      select table_name, sum(n) filter (where state not like 'deleted%' and state not like 'filtered%' and state <> 'soft_deleted')
               as records,
             sum(n) filter (where state = 'linked') as linked,
             sum(n) filter (where state like 'filtered%') as filtered
        from pgnotion.record_counts group by 1),
    pending as (
      select table_name, count(*) as pending, min(first_at) as oldest
        from pgnotion.outbox where parked_at is null group by 1),
    failed as (
      select table_name, count(*) as failed from pgnotion.failures where parked group by 1),
    hour as (
      select table_name,
             count(*) filter (where status = 'done') as done,
             count(*) filter (where status = 'failed') as refused,
             percentile_cont(0.5) within group (order by latency) filter (where counts) as p50,
             percentile_cont(0.95) within group (order by latency) filter (where counts) as p95
        -- More than any plan of Notion's lets through in an hour. What stands still is found by an index.
        from (select table_name, status, changed_at, finished_at, batch from pgnotion.operations
               where started_at > statement_timestamp() - interval '1 hour' order by started_at desc limit 40000) o
       cross join lateral (
         -- Notion's clock may be ahead of ours.
         select greatest(extract(epoch from finished_at - changed_at), 0) as latency,
                status = 'done' and changed_at is not null and batch is distinct from 'backfill' as counts) as timed
       group by 1),
    disputed as (
      select table_name, count(*) as conflicts from pgnotion.open_conflicts group by 1),
    clashed as (
      select table_name, count(*) as clashes from pgnotion.conflict_entries
       where detected_at > clock_timestamp() - interval '1 hour' group by 1),
    last as (
      select d.table_name, o.finished_at as last_success
        from pgnotion.data_sources d
        cross join lateral (
          select finished_at from pgnotion.operations
           where table_name = d.table_name and status = 'done' order by id desc limit 1) o)
  select d.table_name,
         coalesce(linked.records, 0)::bigint as records,
         coalesce(linked.linked, 0)::bigint as linked,
         coalesce(pending.pending, 0) as pending,
         extract(epoch from clock_timestamp() - pending.oldest) as oldest_pending_seconds,
         coalesce(failed.failed, 0) as failed,
         d.paused_at is not null as paused,
         d.paused_reason,
         d.backfilled_at is not null as backfilled,
         last.last_success,
         hour.p50 as latency_p50_seconds,
         hour.p95 as latency_p95_seconds,
         round(hour.done::numeric / nullif(hour.done + hour.refused, 0), 4) as success_rate,
         coalesce(disputed.conflicts, 0) as conflicts,
         round(coalesce(clashed.clashes, 0)::numeric
                 / nullif(greatest(hour.done, clashed.clashes, 0), 0), 4) as conflict_rate, coalesce(linked.filtered, 0)::bigint as filtered
    from pgnotion.data_sources d
    left join linked using (table_name)
    left join pending using (table_name)
    left join failed using (table_name)
    left join hour using (table_name)
    left join disputed using (table_name)
    left join clashed using (table_name)
    left join last using (table_name)
   order by d.table_name;

-- The first sync of each table, or the last comparison of all its rows, until the last row is written to Notion. As the daemon
-- saw it at `seen_at`, a few seconds ago; `stopped` where none has looked for longer. The whole takes as long as the table
-- with the most `seconds_left`. `requests` are those of all tables meanwhile.
create view pgnotion.first_sync as
  select f.table_name,
         case when f.is_first then 'first sync' else 'comparison' end as kind,
         w.state, f.total, f.done, f.set_aside, f.total - f.done - f.set_aside as remaining,
         case when w.state in ('reading', 'writing') then f.rows_per_second end as rows_per_second,
         case w.state when 'done' then 0 when 'writing' then f.seconds_left end as seconds_left,
         f.began_at, f.finished_at, f.seen_at, f.requests
    from pgnotion.first_syncs f
    join pgnotion.data_sources d using (table_name)
   cross join lateral (
     select case when f.finished_at is not null then 'done'
                 when d.paused_at is not null then 'paused'
                 when f.seen_at < clock_timestamp() - interval '2 minutes' then 'stopped'
                 when f.walked_at is null then 'reading'
                 else 'writing' end as state) as w
   order by f.table_name;

-- What is noticed of either schema that is not as the sync expects, what it pauses, and what settles it. `property` is empty
-- where it is about the table as a whole, `table_name` where it is about none.
create view pgnotion.drift as
  select table_name, property, kind, detail, remedy, since, side, pauses, remedy_kind
    from pgnotion.drifts order by table_name, property, kind;

create view pgnotion.sweep as
  select d.table_name, d.swept_at as last_finished,
         case when s.finished_at is null then s.started_at end as under_way_since,
         case when s.finished_at is null and s.started_at is not null then s.pages end as pages_read,
         coalesce(nullif(greatest(s.expected, case when s.finished_at is not null then s.pages end), 0), l.linked)
           as pages_expected,
         s.asked_at
    from pgnotion.data_sources d
    left join pgnotion.sweeps s using (table_name)
    left join lateral (select coalesce(sum(n), 0)::bigint as linked from pgnotion.record_counts r
                        where r.table_name = d.table_name and r.state = 'linked') l on true
   order by d.table_name;

-- The daemon at work, or the last one that was. It holds an advisory lock (state/locks.ts) and leaves a sign of life twice
-- a second. A standby takes over from one that has been silent for 3 seconds; without a standby nobody does.
create view pgnotion.daemon as
  select case when not exists (select from pg_locks
                                where locktype = 'advisory' and classid = 0 and objid = 7420002 and granted
                                  and database = (select oid from pg_database where datname = current_database()))
                then 'stopped'
              when clock_timestamp() - d.seen_at > interval '3 seconds' then 'silent'
              when d.syncing_at is not null then 'syncing'
              else 'starting' end as state,
         d.host, d.process, d.since, d.seen_at as last_seen,
         extract(epoch from clock_timestamp() - d.seen_at) as silent_seconds,
         array(select substr(application_name, length('pgnotion (standby) ') + 1) from pg_stat_activity
                where datname = current_database() and application_name like 'pgnotion (standby) %'
                order by backend_start) as standbys
    from (select 1) as one
    left join pgnotion.daemon_at_work d on true;

-- How Notion answered the daemon of late. `refused`: every request, until a person acts; one now and then is tried.
create view pgnotion.notion as
  with
    good as (select at from pgnotion.requests where status < 500 and status <> 429 order by at desc limit 1),
    later as (
      select min(at) filter (where status in (429, 529)) as limited_since,
             min(at) filter (where ms is not null and (status is null or status >= 500) and status is distinct from 529)
               as silent_since
        from pgnotion.requests where at > coalesce((select at from good), '-infinity')),
    lately as (
      select min(at) as limited_since from pgnotion.requests
       where status in (429, 529) and at > clock_timestamp() - interval '1 minute')
  select case when r.code is not null then 'refused'
              when later.silent_since is not null then 'silent'
              when later.limited_since is not null or lately.limited_since is not null then 'limited'
              when good.at is not null then 'reachable'
              else 'unknown' end as state,
         coalesce(r.since, later.silent_since, later.limited_since, lately.limited_since) as since,
         good.at as last_answer, r.code, r.reason, r.remedy
    from later cross join lately
    left join good on true
    left join pgnotion.notion_refusal r on true;

-- The seconds of a slot that is read are as PostgreSQL measures them, of one that is not the time since somebody did; null
-- where this role may not see them.
create view pgnotion.slot as
  select c.slot, s.slot_name is not null as exists, coalesce(s.active, false) as active, s.wal_status,
         c.lsn as checkpoint, s.confirmed_flush_lsn,
         pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn) as lag_bytes,
         pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn) as retained_bytes,
         extract(epoch from case
           when s.slot_name is null then null
           when pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn) <= 0 then interval '0'
           when not s.active then clock_timestamp() - coalesce((to_jsonb(s) ->> 'inactive_since')::timestamptz, d.last_seen)
           when w.state is not null then greatest(coalesce(w.flush_lag, interval '0'), interval '0') end) as lag_seconds
    from pgnotion.checkpoint c
    left join pg_replication_slots s on s.slot_name = c.slot
    left join pg_stat_replication w on w.pid = s.active_pid
    cross join pgnotion.daemon d;

create view pgnotion.notion_usage as
  select date_trunc('minute', at) as minute, coalesce(status::text, 'no answer') as status,
         count(*) as requests, round(avg(ms)) as mean_ms
    from pgnotion.requests
   group by 1, 2
   order by 1 desc, 2;

-- Comparisons of both sides, and what each found. `counts` has the report as JSON, without its list.
create view pgnotion.verifications as
  select id, started_at, finished_at, result, (counts ->> 'differences')::bigint as differences, total as records,
         table_name, selection, actor, counts
    from pgnotion.runs where kind = 'verify' order by id desc;

create view pgnotion.differences as
  select f.run_id, f.table_name, f.kind, f.key, f.page_id, f.field, f.row_value, f.page_value, f.note
    from pgnotion.verify_findings f order by f.run_id desc, f.id;

-- What people had done through the admin port, by commands and by the functions of this schema, and in whose name.
create view pgnotion.actions as
  select id, at, actor, action, input, message from pgnotion.admin_actions order by id desc;
