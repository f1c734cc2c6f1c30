import type { WalEvent } from '../../src/model/change.ts';
import { type QualifiedName, qualifiedName } from '../../src/model/ids.ts';
import { ensurePublication } from '../../src/postgres/publication.ts';
import { type MakeSlot, makeSlot } from '../../src/postgres/slot-making.ts';
import { openWalStream, type WalStream, type WalStreamOptions } from '../../src/postgres/wal.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { eventually } from './eventually.ts';
import type { TestDatabase } from './postgres.ts';

export const table = (name: string): QualifiedName => qualifiedName('public', name);

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
