import pg from 'pg';
import type { Fault } from '../model/errors.ts';
import { faultsError, type Queryable } from './pool.ts';

const OLDEST = 140_000;

type ServerFacts = {
  /** As `SHOW server_version` says. */
  readonly version: string;
  readonly versionNumber: number;
  readonly database: string;
  readonly role: string;
  readonly walLevel: string;
  readonly standby: boolean;
  /** What ends it that the role or the database makes every transaction a read-only one; null if neither does. */
  readonly readOnlyFix: string | null;
  /** Superuser, the REPLICATION attribute, or a member of rds_replication. */
  readonly canReplicate: boolean;
  readonly slots: { readonly used: number; readonly most: number };
  readonly senders: { readonly used: number; readonly most: number };
};

type Inspection = { readonly facts: ServerFacts; readonly faults: readonly Fault[] };

const FACTS = `
  select jsonb_build_object(
    'version', current_setting('server_version'),
    'versionNumber', current_setting('server_version_num')::int,
    'database', current_database(),
    'role', current_user,
    'walLevel', current_setting('wal_level'),
    'standby', pg_is_in_recovery(),
    'readOnlyFix', (select case when split_part(setting, '=', 2) in ('on', 'true', 'yes', '1')
          then concat('ALTER ', case when setrole <> 0 then format('ROLE %I', current_user) end,
                      case when setrole <> 0 and setdatabase <> 0 then ' IN ' end,
                      case when setdatabase <> 0 then format('DATABASE %I', current_database()) end,
                      ' RESET default_transaction_read_only') end
        from pg_db_role_setting, unnest(setconfig) as setting
       where setdatabase in (0, (select oid from pg_database where datname = current_database()))
         and setrole in (0, (select oid from pg_roles where rolname = current_user))
         and setting like 'default_transaction_read_only=%'
       order by setrole = 0, setdatabase = 0 limit 1),
    'canReplicate', (select rolsuper or rolreplication from pg_roles where rolname = current_user)
      or exists (select from pg_roles where rolname = 'rds_replication' and pg_has_role(oid, 'MEMBER')),
    'slots', jsonb_build_object('used', (select count(*) from pg_replication_slots),
      'most', current_setting('max_replication_slots')::int),
    'senders', jsonb_build_object('used', (select count(*) from pg_stat_replication),
      'most', current_setting('max_wal_senders')::int))::text as facts`;

/**
 * Looks whether the server and the role of `db` can stream changes. Ask on the role that will replicate.
 * `slot` names the slot that will be used: if it exists, no free one is needed.
 */
export async function inspectServer(db: Queryable, slot?: string): Promise<Inspection> {
  const { rows } = await db.query<{ facts: string }>(FACTS);
  const facts = JSON.parse(rows[0]?.facts ?? '{}') as ServerFacts;
  const own = await db.query<{ active: string }>(
    'select active::text as active from pg_replication_slots where slot_name = $1',
    [slot ?? ''],
  );
  const [ours] = own.rows;
  return {
    facts,
    faults: [...serverFaults(facts), ...roomFaults(facts, ours !== undefined, ours?.active === 'true')],
  };
}

/**
 * As `inspectServer`. Throws PgnotionError `postgres_not_ready` that lists all that is missing. `replicates`: whether the role
 * of `db` is the one that will replicate; what another one may do shows when it connects.
 */
export async function preflight(db: Queryable, slot?: string, replicates = true): Promise<ServerFacts> {
  const { facts, faults: all } = await inspectServer(db, slot);
  const faults = all.filter(({ path }) => replicates || path !== 'role');
  if (faults.length > 0)
    throw faultsError('postgres_not_ready', 'PostgreSQL is not ready for logical replication:', faults);
  return facts;
}

function serverFaults(facts: ServerFacts): Fault[] {
  const faults: Fault[] = [];
  if (facts.versionNumber < OLDEST) {
    faults.push({
      path: 'server_version',
      message: `it is PostgreSQL ${facts.version}`,
      remedy: 'upgrade the server to PostgreSQL 14 or later',
    });
  }
  if (facts.standby) {
    faults.push({
      path: 'standby',
      message: 'the server is a standby, where nothing can be written',
      remedy: 'connect to the primary',
    });
  }
  if (facts.readOnlyFix !== null) {
    faults.push({
      path: 'default_transaction_read_only',
      message: 'it is on for this role or database, so that nothing can be written',
      remedy: facts.readOnlyFix,
    });
  }
  if (facts.walLevel !== 'logical') {
    faults.push({
      path: 'wal_level',
      message: `it is ${facts.walLevel}, and must be logical`,
      remedy:
        'ALTER SYSTEM SET wal_level = logical; then restart the server. On Amazon RDS and Aurora: set rds.logical_replication = 1 in the parameter group and reboot. On Google Cloud SQL: the flag cloudsql.logical_decoding. On Neon: enable logical replication in the project settings. Supabase has it',
    });
  }
  if (!facts.canReplicate) {
    const role = pg.escapeIdentifier(facts.role);
    faults.push({
      path: 'role',
      message: `${facts.role} has no REPLICATION attribute`,
      remedy: `as a superuser: ALTER ROLE ${role} REPLICATION; on Amazon RDS: GRANT rds_replication TO ${role}; on Supabase: use the role postgres`,
    });
  }
  return faults;
}

function roomFaults({ slots, senders }: ServerFacts, slotExists: boolean, slotActive: boolean): Fault[] {
  const faults: Fault[] = [];
  if (!slotExists && slots.used >= slots.most) {
    faults.push({
      path: 'max_replication_slots',
      message: `all ${slots.most} replication slots are taken`,
      remedy:
        'drop one that nobody reads (SELECT slot_name, active FROM pg_replication_slots), or raise max_replication_slots and restart',
    });
  }
  if (!slotActive && senders.used >= senders.most) {
    faults.push({
      path: 'max_wal_senders',
      message: `all ${senders.most} WAL senders are taken`,
      remedy: 'end a replication connection that is not needed, or raise max_wal_senders and restart',
    });
  }
  return faults;
}
