import type { Fault } from '../errors.ts';
import { type Check, checkOf, failed, ofFaults, ok, skipped, warning } from './check.ts';
import { clockCheck } from './clock.ts';
import type {
  Look,
  OwnSlotLook,
  PostgresFacts,
  PublicationLook,
  ServerLook,
  SessionLook,
  StateLook,
  TableLook,
} from './facts.ts';

export function judgePostgres(facts: PostgresFacts): readonly Check[] {
  const { connection, session, replication } = facts;
  const setting = (id: string, path: string, seen: (value: ServerLook) => string): Check =>
    connection.kind === 'seen'
      ? settingCheck(id, faultsAt(connection.value.faults, path), seen(connection.value))
      : skipped(id, connection.kind === 'failed' ? NOT_REACHED : connection.why);
  return [
    checkOf('postgres.connection', connection, ({ role }) =>
      ok('postgres.connection', `${facts.target} answers, as ${role}`),
    ),
    setting('postgres.version', 'server_version', ({ version }) => `PostgreSQL ${version}`),
    setting('postgres.primary', 'standby', () => 'the server is a primary'),
    setting('postgres.writable', 'default_transaction_read_only', () => 'transactions may write'),
    setting('postgres.wal_level', 'wal_level', ({ walLevel }) => walLevel),
    setting('postgres.replication_role', 'role', ({ role }) => `${role} may replicate`),
    setting(
      'postgres.replication_slots',
      'max_replication_slots',
      ({ slots }) => `${slots.used} of ${slots.most} are taken`,
    ),
    setting(
      'postgres.wal_senders',
      'max_wal_senders',
      ({ senders }) => `${senders.used} of ${senders.most} are taken`,
    ),
    setting('postgres.plugin', 'plugin', () => 'the output plug-in can be used'),
    checkOf('postgres.replication_connection', replication, ({ target, isSeparate }) =>
      ok(
        'postgres.replication_connection',
        `${target} speaks the replication protocol${isSeparate ? ', and leads to the same database' : ''}`,
      ),
    ),
    poolerCheck(facts),
    ...sessionChecks(session, facts.target),
    checkOf('postgres.slot', facts.slot, slotCheck),
    checkOf('postgres.state_schema', facts.state, stateCheck),
    checkOf('postgres.installation', facts.state, installationCheck),
    checkOf('postgres.publication', facts.publication, publicationCheck),
    ...facts.tables.map(({ table, look }) =>
      checkOf(`postgres.table.${table}`, look, (value) => tableCheck(`postgres.table.${table}`, value)),
    ),
  ];
}

/** What one query shows of the server and the connection to it. */
export function sessionChecks(session: Look<SessionLook>, target: string): readonly Check[] {
  const check = (id: string, judge: (value: SessionLook) => Check): Check => checkOf(id, session, judge);
  return [
    check('postgres.tls', (value) => tlsCheck(value, target)),
    check('postgres.clock', ({ skewMs }) => clockCheck('postgres.clock', 'PostgreSQL', skewMs)),
    check('postgres.max_slot_wal_keep_size', keepSizeCheck),
    check('postgres.slots_left_over', leftOverCheck),
  ];
}

const faultsAt = (faults: readonly Fault[], at: string): readonly Fault[] =>
  faults.filter(({ path }) => path === at);

const NOT_REACHED = 'PostgreSQL was not reached';

/** The name of the check says already which setting is meant. */
const settingCheck = (id: string, faults: readonly Fault[], seen: string): Check => {
  const [first] = faults;
  return first === undefined ? ok(id, seen) : failed(id, first.message, first.remedy);
};

const POOLER = 'postgres.pooler';

/** A pooler refuses the settings of our sessions, or does not pass the replication protocol on. */
function poolerCheck({ connection, replication, target }: PostgresFacts): Check {
  if (connection.kind !== 'seen')
    return connection.kind === 'failed' && connection.code === 'postgres_pooler'
      ? failed(POOLER, connection.message, connection.remedy)
      : skipped(POOLER, NOT_REACHED);
  if (replication.kind === 'seen')
    return ok(
      POOLER,
      replication.value.isSeparate
        ? `REPLICATION_URL (${replication.value.target}) goes past whatever stands before ${target}`
        : 'none stands in the way of session settings and replication',
    );
  if (!/pooler|bouncer|:6543\//.test(target))
    return {
      id: POOLER,
      status: 'skipped',
      seen: 'there is no replication connection to tell by',
      fix: null,
    };
  return failed(
    POOLER,
    `${target} looks like a connection pooler, and replication does not pass it`,
    "set REPLICATION_URL to the database's direct address (on Supabase: the direct connection, port 5432)",
  );
}

function tlsCheck({ tls, isLocal }: SessionLook, target: string): Check {
  const id = 'postgres.tls';
  if (tls !== null) return ok(id, `${tls.version}, ${tls.cipher}`);
  if (isLocal) return ok(id, 'not encrypted, and the connection does not leave this machine');
  return warning(
    id,
    `the connection to ${target} is not encrypted`,
    'add sslmode=verify-full to DATABASE_URL (and sslrootcert=FILE if no public authority signed the certificate)',
  );
}

function keepSizeCheck({ keepSize }: SessionLook): Check {
  const id = 'postgres.max_slot_wal_keep_size';
  if (keepSize !== '-1') return ok(id, keepSize);
  return warning(
    id,
    '-1: while no daemon runs, the server keeps its log without a bound, until the disk is full',
    "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf(); a daemon that was away for longer then compares everything",
  );
}

function slotCheck({ name, verdict, isRead, walStatus }: OwnSlotLook): Check {
  const id = 'postgres.slot';
  switch (verdict.kind) {
    case 'keep':
      return ok(
        id,
        `${name}: ${walStatus ?? 'reserved'}, ${isRead ? 'read by a daemon' : 'no daemon reads it'}`,
      );
    case 'first':
      return ok(id, `${name}: there is none yet; \`pgnotion start\` makes it`);
    case 'renew':
      return warning(
        id,
        `${name}: ${verdict.reason}`,
        'nothing has to be done: `pgnotion start` makes a new slot, and compares every row and page',
      );
    case 'foreign':
      return failed(
        id,
        `${name} is ${verdict.what}`,
        'set `slot` in the configuration to a name that is free (SELECT slot_name FROM pg_replication_slots)',
      );
    default:
      return verdict satisfies never;
  }
}

function leftOverCheck({ leftOver }: SessionLook): Check {
  const id = 'postgres.slots_left_over';
  if (leftOver.length === 0) return ok(id, 'no other slot of this database is without a reader');
  const drop = leftOver.map(
    ({ name }) => `SELECT pg_drop_replication_slot('${name.replaceAll("'", "''")}');`,
  );
  return warning(
    id,
    `nobody reads ${leftOver.map(({ name, retained }) => `${name} (it keeps ${retained} of the log)`).join(', ')}`,
    `if nobody needs them: ${drop.join(' ')}`,
  );
}

function stateCheck({ version, newest, isAllowed, role, database }: StateLook): Check {
  const id = 'postgres.state_schema';
  if (version !== null && version > newest)
    return failed(
      id,
      `the schema pgnotion is at version ${version}, and this pgnotion knows ${newest}`,
      'run the pgnotion version that made it, or a later one',
    );
  if (!isAllowed)
    return failed(
      id,
      version === null
        ? `the role ${role} may not make the schema pgnotion`
        : `the role ${role} may not use the schema pgnotion, which another role made`,
      version === null
        ? `as a superuser: run sql/grants.sql; or GRANT CREATE ON DATABASE ${database} TO ${role};`
        : `connect as the role that made it; or, as a superuser: ALTER SCHEMA pgnotion OWNER TO ${role}; and the same for its tables`,
    );
  if (version === null) return ok(id, `there is none yet; ${role} may make it`);
  return ok(
    id,
    version < newest ? `version ${version}; the next command brings it to ${newest}` : `version ${version}`,
  );
}

function installationCheck({ installation }: StateLook): Check {
  const id = 'postgres.installation';
  if (installation === null) return ok(id, 'there is none yet; `pgnotion apply` makes it');
  if (installation.whyCopied === null) return ok(id, `${installation.id}, bound to this database`);
  return failed(
    id,
    `this database is a copy: ${installation.whyCopied}`,
    'if the original is gone for good, run `pgnotion start --take-over` once; if this is a copy beside it, run `pgnotion reset --yes`',
  );
}

function publicationCheck({ name, exists, pending, faults }: PublicationLook): Check {
  const id = 'postgres.publication';
  if (faults.length > 0 || pending.length === 0)
    return ofFaults(id, faults, `${name} has every table that is synced or joined`);
  return ok(
    id,
    exists
      ? `${name}: \`pgnotion start\` adds ${pending.join(', ')}`
      : `${name}: there is none yet; \`pgnotion start\` makes it`,
  );
}

const tableCheck = (id: string, { source, key, identity, writes, faults }: TableLook): Check =>
  ofFaults(
    id,
    faults,
    `${source}: key (${key.join(', ')}), replica identity ${identity}, ${writes ? 'may be read and written' : 'may be read'}, no row is hidden`,
  );
