import { expect, onTestFinished, test } from 'vitest';
import { openInstallation, openNotion } from '../../src/app/connections.ts';
import { type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import { pageId, tableName } from '../../src/model/ids.ts';
import { createSchemaTracker } from '../../src/reconcile/schema-tracker.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { readSource, type Source } from '../../src/state/sources.ts';
import { createStore, type Sql, type Store } from '../../src/state/sql.ts';
import { soon } from '../support/sides.ts';
import { createStack } from '../support/stack.ts';

const items = tableName('items');
const config: ConfigInput = {
  tables: {
    items: {
      source: 'public.items',
      key: 'id',
      title: 'items',
      fields: {
        Name: { column: 'name', type: 'title' },
        Notes: { column: 'notes', type: 'rich_text' },
      },
    },
  },
};
const SCHEMA = `create table items (id integer primary key, name text not null, notes text);
  insert into items values (1, 'one', 'note')`;

type Around = <T>(transaction: () => Promise<T>) => Promise<T>;

/** A tracker over a database that was applied, without a daemon. What stands in `around.transaction` meets each transaction. */
async function tracked() {
  const stack = await createStack({ config, schema: SCHEMA });
  onTestFinished(() => stack[Symbol.asyncDispose]());
  await stack.apply();
  const installation = await openInstallation(parseConfig(config), stack.environment, silentLog());
  const { notion, throttle } = openNotion(installation);
  onTestFinished(async () => {
    await throttle.stop();
    await installation.close();
  });
  const state = createStore(installation.pool, 0);
  const around: { transaction: Around } = { transaction: (transaction) => transaction() };
  const store: Store = {
    ...state,
    transaction: <T>(work: (sql: Sql) => Promise<T>) => around.transaction(() => state.transaction(work)),
  };
  const tracker = createSchemaTracker({
    store,
    notion,
    tables: installation.tables,
    onDirty: () => undefined,
    log: silentLog(),
  });
  const source = async (): Promise<Source> => {
    const found = await readSource(state, items);
    if (found === null) throw new Error('not applied');
    return found;
  };
  await tracker.follow(await source());
  const { dataSource } = await source();
  const retype = (type: 'number' | 'rich_text'): void =>
    stack.sandbox.control.retypeProperty(dataSource, 'Notes', { [type]: {} });
  const drift = () => state.query<{ kind: string }>('select kind from pgnotion.drift');
  const fields = () => tracker.tables.get(items)?.fields.map(({ property }) => property);
  return { stack, tracker, around, source, dataSource, retype, drift, fields };
}

test('invariant 15: a reading of the schema that fails is made again, though nothing asks for it any more', async () => {
  const { stack, tracker, around, dataSource, retype, drift } = await tracked();
  const stop = new AbortController();
  const running = tracker.run(stop.signal);
  const page = stack.sandbox.control.createPage(dataSource, {
    Name: { title: [{ text: { content: 'a' } }] },
  });
  retype('number');
  let failures = 0;
  around.transaction = (transaction) => {
    around.transaction = (next) => next();
    failures += 1;
    return Promise.reject(new Error(`deadlock detected, instead of ${transaction.name}`));
  };
  await tracker.notion.retrievePage(pageId(page.id), { priority: 'live' });
  await soon(async () => (await drift()).some(({ kind }) => kind === 'property_retyped'));
  expect(failures).toBe(1);
  stop.abort();
  await running;
});

test('invariant 15: what was read before a base became void is looked at again, whoever follows the schema meanwhile', async () => {
  const { tracker, around, source, retype } = await tracked();
  retype('number');
  await tracker.afresh(items);
  retype('rich_text');
  const askedAt = performance.now();
  around.transaction = async (transaction) => {
    const done = await transaction();
    around.transaction = (next) => next();
    // Another flow reads the source right after the commit.
    await tracker.follow(await source());
    return done;
  };
  await tracker.afresh(items);
  expect(await tracker.confirm(items, askedAt)).toBe(false);
  expect(await tracker.confirm(items, performance.now())).toBe(true);
});

test('invariant 15: a field that is back is synced once its rows are to be compared, and not before', async () => {
  const { tracker, around, source, retype, fields } = await tracked();
  retype('number');
  await tracker.afresh(items);
  expect(fields()).not.toContain('Notes');
  retype('rich_text');
  let passing = 1;
  around.transaction = (transaction) => {
    passing -= 1;
    return passing < 0 ? Promise.reject(new Error('deadlock detected')) : transaction();
  };
  // The schema is settled, and then the comparison cannot be asked for.
  await expect(tracker.afresh(items)).rejects.toThrow('deadlock detected');
  expect(fields()).not.toContain('Notes');
  around.transaction = (transaction) => transaction();
  const { compares } = await source();
  await tracker.follow(await source());
  expect(fields()).toContain('Notes');
  expect((await source()).compares).toBe(compares + 1);
});
