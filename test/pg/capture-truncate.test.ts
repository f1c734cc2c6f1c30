import { Kysely, PostgresDialect } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCapture } from '../../src/capture/capture.ts';
import type { WalEvent } from '../../src/model/change.ts';
import { lsn, qualifiedName, tableName } from '../../src/model/ids.ts';
import type { ResolvedTable } from '../../src/model/mapping.ts';
import { createPool } from '../../src/postgres/pool.ts';
import type { UserDatabase } from '../../src/postgres/rows.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { readSources } from '../../src/state/sources.ts';
import { addSource, createState, products, type StateStage, suppliers } from '../support/state.ts';

// The publication's watch notices a TRUNCATE too, by the new file of the table, and hides what capture does from flows.

let state: StateStage;
let db: UserDatabase;

beforeAll(async () => {
  state = await createState();
  const { url } = state.database;
  const pool = createPool({ url, max: 2, raw: true, applicationName: 'capture', log: silentLog() });
  db = new Kysely({ dialect: new PostgresDialect({ pool }) });
});
afterAll(async () => {
  await db.destroy();
  await state.database.drop();
});

const owners = qualifiedName('public', 'owners');
const others = tableName('others');

const table = (name: string, joins: boolean): ResolvedTable =>
  ({
    name,
    source: qualifiedName('public', name),
    key: ['id'],
    direction: 'both',
    fields: [],
    dependsOn: joins ? [{ table: owners, columns: [{ from: 'id', to: 'owner', type: 'integer' }] }] : [],
  }) as unknown as ResolvedTable;

test('invariant 1: TRUNCATE of a joined table has the tables that join it compared, and no other', async () => {
  for (const [at, name] of [suppliers, products, others].entries())
    await addSource(state.store, name, at + 1);
  const at = new Date('2026-01-01T00:00:00Z');
  const events: readonly WalEvent[] = [
    { kind: 'begin', xid: 3, commitAt: at },
    { kind: 'truncate', tables: [owners] },
    { kind: 'commit', end: lsn(100n), commitAt: at },
  ];
  const over = Promise.withResolvers<void>();
  const stop = new AbortController();
  const capture = runCapture(
    {
      open: async () => ({
        events: async function* () {
          yield events;
          await over.promise;
        },
        acknowledge: () => stop.abort(),
        close: async () => over.resolve(),
      }),
      store: state.store,
      db,
      tables: [table('suppliers', true), table('products', true), table('others', false)],
      slot: 'pgnotion',
      suspension: async () => null,
      tagSecret: Buffer.alloc(32),
      onDirty: () => undefined,
      log: silentLog(),
    },
    stop.signal,
  );
  await capture;
  const sources = await readSources(state.store);
  const compared = [suppliers, products, others].map((name) => sources.get(name)?.backfilledAt === null);
  expect(compared).toEqual([true, true, false]);
});
