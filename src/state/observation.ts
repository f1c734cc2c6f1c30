import { BACKFILL } from '../model/urgency.ts';
import type { Sql } from './sql.ts';
import { COUNTING_RUN } from './verifications.ts';

/** What figures and alerts go by, read at once. Seconds and bytes; null is what nobody knows. */
export type Observation = {
  readonly slot: {
    readonly exists: boolean;
    readonly walStatus: string | null;
    readonly lagSeconds: number | null;
    readonly lagBytes: number | null;
    readonly retainedBytes: number | null;
  } | null;
  /** All that waits for its delivery. */
  readonly outbox: Waiting;
  /** Of that, what neither a first sync nor a table that stands still explains. */
  readonly backlog: Waiting;
  /** Records that were set aside. */
  readonly failures: number;
  readonly openConflicts: number;
  readonly conflictsOfHour: number;
  /** Changes of the last hour; not counted beyond what the conflicts could be a considerable share of. */
  readonly changesOfHour: number;
  readonly guarded: number;
  readonly drift: number;
  /** The tables that drift, at most three of them. */
  readonly drifting: readonly string[];
  readonly verify: { readonly run: string; readonly differences: number } | null;
  /** Seconds since 1970 of the last change that was carried out. */
  readonly lastSuccess: number | null;
  /** Requests of the present window. */
  readonly requests: number;
};

type Waiting = { readonly entries: number; readonly seconds: number | null };

type Row = Omit<Observation, 'slot' | 'outbox' | 'backlog' | 'verify'> & {
  readonly entries: number;
  readonly oldest: number | null;
  readonly late: number;
  readonly latest: number | null;
  readonly run: string | null;
  readonly differences: number | null;
};

/** What both sides changed: what was only refused, or copied, stands beside it. SQL. */
export const CONFLICTS = `array['CONCURRENT_UPDATE', 'DELETED_IN_POSTGRES', 'DELETED_IN_NOTION']`;

/** Failures that stand among the guarded changes, and are counted there. */
const GUARDED = [
  'mass_deletion',
  'mass_clearing',
  'mass_creation',
  'delete_review',
  'adoption_review',
  'ambiguous_match',
  'duplicate_match',
];

/** One statement, which is cheap however much the tables hold: nothing counts operations or records. */
export async function readObservation(sql: Sql, slot: string, windowMs: number): Promise<Observation> {
  const [row] = await sql.query<Row>(
    `with
       waiting as (
         select o.priority < ${BACKFILL} and d.paused_at is null as late, sum(o.n) as n, min(o.first_at) as first_at
           from (select table_name, priority, count(*) as n, min(first_at) as first_at
                   from pgnotion.outbox where parked_at is null group by 1, 2) as o
           left join pgnotion.data_sources d using (table_name) group by 1),
       clashed as (
         select count(*) as n from pgnotion.conflict_entries where detected_at > clock_timestamp() - interval '1 hour' and type = any(${CONFLICTS})),
       verified as (
         select id::text as run, differences from (${COUNTING_RUN}) as counting)
     select coalesce((select sum(n) from waiting), 0)::float8 as entries,
            extract(epoch from clock_timestamp() - (select min(first_at) from waiting))::float8 as oldest,
            coalesce((select sum(n) from waiting where late), 0)::float8 as late,
            extract(epoch from clock_timestamp() - (select min(first_at) from waiting where late))::float8 as latest,
            (select count(*) from pgnotion.failures where parked and code <> all($2::text[]))::float8 as failures,
            (select count(*) from pgnotion.open_conflicts)::float8 as "openConflicts",
            clashed.n::float8 as "conflictsOfHour",
            (select count(*) from (select from pgnotion.operations
                                    where started_at > clock_timestamp() - interval '1 hour' and status = 'done'
                                    order by started_at desc limit least(clashed.n * 200, 20000)) as recent)::float8 as "changesOfHour",
            coalesce((select sum(changes) from pgnotion.guarded_changes), 0)::float8 as guarded,
            (select count(*) from pgnotion.drift where pauses <> 'table')::float8 as drift,
            array(select distinct table_name from pgnotion.drift where pauses <> 'table' order by 1 limit 3) as drifting,
            verified.run, verified.differences::float8,
            (select extract(epoch from finished_at)::float8 from pgnotion.operations
              where status = 'done' order by id desc limit 1) as "lastSuccess",
            (select count(*) from pgnotion.requests
              where at > clock_timestamp() - make_interval(secs => $1))::float8 as requests
       from clashed left join verified on true`,
    [windowMs / 1_000, GUARDED],
  );
  if (row === undefined) throw new Error('the observation gave no row');
  const { entries, oldest, late, latest, run, differences, ...rest } = row;
  return {
    ...rest,
    slot: await readSlot(sql, slot),
    outbox: { entries, seconds: oldest },
    backlog: { entries: late, seconds: latest },
    verify: run === null ? null : { run, differences: differences ?? 0 },
  };
}

async function readSlot(sql: Sql, slot: string): Promise<Observation['slot']> {
  const [row] = await sql.query<NonNullable<Observation['slot']>>(
    `select exists, wal_status as "walStatus", lag_seconds::float8 as "lagSeconds", lag_bytes::float8 as "lagBytes",
            retained_bytes::float8 as "retainedBytes" from pgnotion.slot where slot = $1`,
    [slot],
  );
  return row ?? null;
}
