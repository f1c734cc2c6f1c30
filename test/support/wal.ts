import type { WalEvent } from '../../src/model/change.ts';
import { type QualifiedName, qualifiedName } from '../../src/model/ids.ts';
import type { WantedTable } from '../../src/model/publishing.ts';
import { faultsError } from '../../src/postgres/pool.ts';
import { faultsOf, mendPublication } from '../../src/postgres/publication.ts';
import { readPublication } from '../../src/postgres/publication-facts.ts';
import { type MakeSlot, makeSlot } from '../../src/postgres/slot-making.ts';
import { openWalStream, type WalStream, type WalStreamOptions } from '../../src/postgres/wal.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { eventually } from './eventually.ts';
import type { TestDatabase } from './postgres.ts';

export const table = (name: string): QualifiedName => qualifiedName('public', name);

/**
 * Makes the publication, or adds and removes tables until it has the wanted ones. A table whose UPDATE and
 * DELETE would begin to fail is refused before anything is changed. Throws PgnotionError `replica_identity`,
 * `unknown_table`, `publication_privilege` or what `assertMendable` does.
 */
export async function ensurePublication(
  db: TestDatabase['pool'],
  wanted: { readonly name: string; readonly tables: readonly QualifiedName[] },
): Promise<{ created: boolean; added: readonly QualifiedName[]; removed: readonly QualifiedName[] }> {
  const tables = wanted.tables.map(asTheyAre);
  const facts = await readPublication(db, wanted.name, tables);
  const faults = faultsOf(facts, tables);
  if (faults.length > 0)
    throw faultsError(
      facts.tables.size < tables.length ? 'unknown_table' : 'replica_identity',
      'These tables cannot be published:',
      faults,
    );
  const { created, added, removed, faults: refused } = await mendPublication(db, facts, tables);
  if (refused.length > 0)
    throw faultsError('publication_privilege', 'These tables cannot be published:', refused);
  return { created, added, removed };
}

/** A table of which nothing is asked but that its changes can be published. */
const asTheyAre = (name: QualifiedName): WantedTable => ({
  name,
  identifiedBy: [],
  key: null,
  columns: [],
  readsMore: false,
  withoutHeirs: false,
});

/** Makes a slot named after the database, by way of the login that is given. */
export const makeSlotOf = (
  { pool, url, name }: Pick<TestDatabase, 'pool' | 'url' | 'name'>,
  extra: Partial<MakeSlot> = {},
): ReturnType<typeof makeSlot> =>
  makeSlot({
    db: pool,
    url,
    name,
    plugin: 'pgoutput',
    log: silentLog(),
    signal: new AbortController().signal,
    onWait: async () => undefined,
    ...extra,
  });

/** Runs the DDL, then makes publication and slot, both named after the database. */
export async function prepareStream(
  database: TestDatabase,
  ddl: string,
  tables: readonly QualifiedName[],
): Promise<void> {
  await database.pool.query(ddl);
  await ensurePublication(database.pool, { name: database.name, tables });
  await makeSlotOf(database);
}

export const openStream = (
  database: TestDatabase,
  options: Partial<WalStreamOptions> = {},
): Promise<WalStream> =>
  openWalStream({
    url: database.url,
    slot: database.name,
    plugin: { name: 'pgoutput', publication: database.name },
    log: silentLog(),
    ...options,
  });

/** Reads a stream in the background and keeps what came, keepalives aside. */
export type Recording = {
  readonly events: WalEvent[];
  readonly keepalives: (WalEvent & { readonly kind: 'keepalive' })[];
  /** What the iteration threw, once it has ended. */
  readonly failure: () => unknown;
  readonly ended: () => boolean;
  /** Waits until at least this many transactions are complete and gives their events, without begin and commit. */
  readonly transactions: (count: number) => Promise<readonly (readonly WalEvent[])[]>;
};

export function record(stream: WalStream): Recording {
  const events: WalEvent[] = [];
  const keepalives: (WalEvent & { readonly kind: 'keepalive' })[] = [];
  let outcome: { readonly failure: unknown } | null = null;
  const read = async (): Promise<void> => {
    for await (const batch of stream.events())
      for (const event of batch) event.kind === 'keepalive' ? keepalives.push(event) : events.push(event);
  };
  read().then(
    () => {
      outcome = { failure: null };
    },
    (failure: unknown) => {
      outcome = { failure };
    },
  );
  return {
    events,
    keepalives,
    failure: () => outcome?.failure,
    ended: () => outcome !== null,
    transactions: (count) =>
      eventually(() => {
        if (outcome?.failure) throw outcome.failure;
        const found = split(events);
        return found.length >= count && found;
      }),
  };
}

function split(events: readonly WalEvent[]): readonly (readonly WalEvent[])[] {
  const complete: WalEvent[][] = [];
  let open: WalEvent[] = [];
  for (const event of events) {
    if (event.kind === 'begin') open = [];
    else if (event.kind === 'commit') complete.push(open);
    else open.push(event);
  }
  return complete;
}

/** The exclusive ends of the complete transactions, in order. */
export const commits = (recording: Recording): readonly (WalEvent & { readonly kind: 'commit' })[] =>
  recording.events.filter((event) => event.kind === 'commit');
