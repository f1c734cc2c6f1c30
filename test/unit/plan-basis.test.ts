import { expect, test } from 'vitest';
import { tableName } from '../../src/model/ids.ts';
import type { TableMapping } from '../../src/model/mapping.ts';
import { basisDigest, changesSince, mappingText, type PlanBasis } from '../../src/model/plan-basis.ts';
import {
  createCounter,
  isInSync,
  MOST_SAMPLES,
  type Sample,
  type TablePlan,
} from '../../src/model/sync-plan.ts';

const basis: PlanBasis = {
  installation: 'one',
  configuration: { items: 'a', 'the environment': 'b' },
  columns: { items: 'c' },
  dataSources: { items: { id: 'd', schema: 'e' }, others: null },
  counts: { items: { rows: 3, pages: 2 } },
};

test.each<[string, Partial<PlanBasis>, string[]]>([
  ['nothing', {}, []],
  ['the database', { installation: 'two' }, ['the installation: this is another database']],
  ['a mapping', { configuration: { ...basis.configuration, items: 'x' } }, ['the configuration of items']],
  ['a column', { columns: { items: 'x' } }, ['the columns of items in PostgreSQL']],
  [
    'a property',
    { dataSources: { ...basis.dataSources, items: { id: 'd', schema: 'x' } } },
    ['the properties of items in Notion'],
  ],
  [
    'a data source',
    { dataSources: { items: { id: 'x', schema: 'e' }, others: null } },
    ['the data source of items was d, and is x'],
  ],
  [
    'a data source that was made meanwhile',
    { dataSources: { ...basis.dataSources, others: { id: 'o', schema: 's' } } },
    ['the data source of others was to be created, and is o'],
  ],
  ['a row', { counts: { items: { rows: 4, pages: 2 } } }, ['items has 4 rows instead of 3']],
  [
    'a table',
    { counts: { ...basis.counts, more: { rows: 1 } }, columns: { ...basis.columns, more: 'm' } },
    ['the columns of more in PostgreSQL', 'more has 1 rows instead of 0'],
  ],
])('what has changed since a plan was made is named: %s', (_, change, named) => {
  const now = { ...basis, ...change };
  expect(changesSince(basis, now)).toEqual(named);
  expect(basisDigest(now) === basisDigest(basis)).toBe(named.length === 0);
});

test('a transform is a part of the configuration', () => {
  const mapping = (transform: (text: string | null) => string | null) =>
    mappingText({
      name: tableName('items'),
      fields: [{ property: 'A', transform }],
    } as unknown as TableMapping);
  expect(mapping((text) => text)).not.toBe(mapping(() => null));
  expect(mapping((text) => text)).toBe(mapping((text) => text));
});

const sample = (key: string): Sample => ({ key, title: null, page: null, note: null });

test('a counter counts all, and keeps ten of each kind', () => {
  const counter = createCounter();
  for (let n = 0; n < 25; n += 1) counter.add('create', sample(String(n)));
  counter.add('edit', sample('x'));
  const { create, edit, adopt } = counter.done();
  expect([create.count, edit.count, adopt.count, counter.countOf('create')]).toEqual([25, 1, 0, 25]);
  expect(create.samples.map(({ key }) => key)).toEqual(
    Array.from({ length: MOST_SAMPLES }, (_, n) => String(n)),
  );
});

test('both sides are in sync if nothing would be done, whatever cannot be', () => {
  const table = (kind: 'create' | 'refused' | null, more: Partial<TablePlan> = {}): TablePlan => {
    const counter = createCounter();
    if (kind !== null) counter.add(kind, sample('1'));
    const schema = { properties: [], options: [] };
    const empty = {
      rows: 1,
      pages: 1,
      adoptedWritten: 0,
      firstLink: { rule: 'postgres' as const, differing: 0, toRows: 0, review: 0 },
      fields: {},
      onPostgresDelete: 'trash',
      guarded: [],
      faults: [],
    };
    const name = { table: tableName('items'), title: 'Items', dataSource: 'd' as TablePlan['dataSource'] };
    return { ...name, ...empty, schema, kinds: counter.done(), ...more };
  };
  const inSync = (one: TablePlan): boolean => isInSync({ tables: [one], reports: [], moves: [] });
  expect([table(null), table('refused')].map(inSync)).toEqual([true, true]);
  expect(inSync(table('create'))).toBe(false);
  expect(inSync(table(null, { dataSource: null }))).toBe(false);
  expect(inSync(table(null, { faults: ['no'] }))).toBe(false);
  expect(
    isInSync({ tables: [table(null)], reports: [{ title: 'Sync Log', created: true }], moves: [] }),
  ).toBe(false);
});
