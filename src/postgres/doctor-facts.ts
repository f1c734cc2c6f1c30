import type { SessionLook } from '../model/doctor/facts.ts';
import type { Fault } from '../model/errors.ts';
import { membershipFault } from '../model/publishable.ts';
import type { WantedTable } from '../model/publishing.ts';
import { type Queryable, quoteQualified } from './pool.ts';
import { unfitPublication } from './publication.ts';
import type { PublicationFacts } from './publication-facts.ts';

const SESSION = `
  select jsonb_build_object(
    'tls', (select jsonb_build_object('version', version, 'cipher', cipher) from pg_stat_ssl
      where pid = pg_backend_pid() and ssl),
    'isLocal', coalesce(inet_client_addr() <<= '127.0.0.0/8' or inet_client_addr() in ('::1', inet_server_addr()), true),
    'now', extract(epoch from clock_timestamp()) * 1000,
    'keepSize', current_setting('max_slot_wal_keep_size'),
    'mayCreate', has_database_privilege(current_database(), 'CREATE'),
    'leftOver', (select coalesce(jsonb_agg(jsonb_build_object('name', slot_name,
        'retained', coalesce(pg_size_pretty(pg_wal_lsn_diff(case when pg_is_in_recovery()
          then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end, restart_lsn)), 'an unknown part'))
        order by slot_name), '[]')
      from pg_replication_slots where database = current_database() and not active and slot_name <> $1))::text as facts`;

/** What the session shows, and whether the role may make a publication. Any role may ask. */
export async function readSession(
  db: Queryable,
  slot: string,
): Promise<SessionLook & { readonly mayCreate: boolean }> {
  const asked = Date.now();
  const { rows } = await db.query<{ facts: string }>(SESSION, [slot]);
  const middle = (asked + Date.now()) / 2;
  type Row = Omit<SessionLook, 'skewMs'> & { readonly now: number; readonly mayCreate: boolean };
  const { now, ...rest } = JSON.parse(rows[0]?.facts ?? '{}') as Row;
  return { ...rest, skewMs: now - middle };
}

type PublicationNeeds = { readonly pending: readonly string[]; readonly faults: readonly Fault[] };

/** What the publication lacks, and what of that this role may not do. */
export function publicationNeeds(
  facts: PublicationFacts,
  wanted: readonly WantedTable[],
  mayCreate: boolean,
): PublicationNeeds {
  const unfit = unfitPublication(facts);
  if (unfit !== null)
    return {
      pending: [],
      faults: [{ path: facts.publication, message: unfit.message, remedy: unfit.remedy }],
    };
  const pending = wanted.filter((table) => {
    const found = facts.tables.get(table.name);
    return found !== undefined && (facts.state === null || membershipFault(table, found) !== null);
  });
  const names = pending.map(({ name }) => name);
  const faults = pending
    .filter(({ name }) => facts.tables.get(name)?.owned !== true)
    .map(({ name }): Fault => ({ path: name, message: OWNER_ONLY, remedy: add(facts, name) }));
  if (pending.length > 0 && (facts.state === null ? !mayCreate : !facts.state.owned))
    faults.push({
      path: facts.publication,
      message: `the role ${facts.role} may not ${facts.state === null ? 'make' : 'change'} it`,
      remedy: facts.state === null ? create(facts, names) : names.map((name) => add(facts, name)).join(' '),
    });
  if (facts.state !== null && !facts.state.complete && !facts.state.owned)
    faults.push({
      path: facts.publication,
      message: 'it does not publish every kind of change under the name of the partitioned table',
      remedy: `as its owner: ALTER PUBLICATION ${quoted(facts.publication)} SET (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);`,
    });
  return { pending: names, faults };
}

const OWNER_ONLY = 'only its owner can publish it';

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const add = ({ publication, state }: PublicationFacts, name: WantedTable['name']): string =>
  state === null
    ? `as the owner of the table: create the publication ${publication} by sql/grants.sql, or GRANT its owner's role TO this one`
    : `as its owner: ALTER PUBLICATION ${quoted(publication)} ADD TABLE ONLY ${quoteQualified(name)};`;

const create = ({ publication, role }: PublicationFacts, names: readonly WantedTable['name'][]): string =>
  `as the owner of the tables: CREATE PUBLICATION ${quoted(publication)} FOR TABLE ${names.map((name) => `ONLY ${quoteQualified(name)}`).join(', ')} WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true); or GRANT CREATE ON DATABASE ... TO ${role};`;
