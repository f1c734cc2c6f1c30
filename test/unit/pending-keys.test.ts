import { expect, test } from 'vitest';
import { addChange, newTransaction, noPendingChanges, routesOf } from '../../src/capture/pending-changes.ts';
import type { WalEvent, WalTuple } from '../../src/model/change.ts';
import { qualifiedName } from '../../src/model/ids.ts';
import type { ResolvedTable } from '../../src/model/mapping.ts';

const suppliers = qualifiedName('public', 'suppliers');
const tables = [
  {
    name: 'items',
    source: qualifiedName('odd', 'items'),
    key: ['a', 'b'],
    direction: 'both',
    fields: [],
    dependsOn: [{ table: suppliers, columns: [{ from: 'id', to: 'supplier', type: 'integer' }] }],
  },
] as unknown as readonly ResolvedTable[];

type RowEvent = Extract<WalEvent, { kind: 'insert' | 'update' | 'delete' }>;

function held(event: RowEvent) {
  const all = noPendingChanges();
  const transaction = newTransaction({ kind: 'begin', xid: 1, commitAt: new Date(0) });
  addChange(all, routesOf(tables), transaction, event);
  return {
    dirty: [...all.dirty.values()].map(({ key, kind }) => `${kind} ${key}`),
    compared: [...all.compared],
    strangers: [...all.strangers],
  };
}

const of = (name: string, change: object): RowEvent =>
  ({ table: name === 'items' ? qualifiedName('odd', 'items') : suppliers, ...change }) as RowEvent;
const update = (row: WalTuple, old: WalTuple | null = null) => of('items', { kind: 'update', row, old });

test.each<[string, RowEvent]>([
  ['an insert without a part of the key', of('items', { kind: 'insert', row: { a: '1', c: '2' } })],
  ['an update without a part of the key', update({ a: '1', c: '2' })],
  ['an update whose key is null', update({ a: '1', b: null })],
  ['a deletion of which the log has other columns', of('items', { kind: 'delete', old: { c: '2' } })],
  [
    'a change of a joined row whose column is not there',
    of('suppliers', { kind: 'insert', row: { other: '1' } }),
  ],
])('invariant 1: %s has its table compared', (_, event) => {
  expect(held(event)).toMatchObject({ dirty: [], compared: ['items'] });
});

test('invariant 1: a key that an update leaves out, because it is long and did not change, stands in the old tuple', () => {
  expect(held(update({ a: undefined, b: '2' }, { a: 'long', b: '2' }))).toMatchObject({
    dirty: ['write ["long","2"]'],
    compared: [],
  });
  expect(held(update({ a: undefined, b: '3' }, { a: 'long', b: '2' }))).toMatchObject({
    dirty: ['delete ["long","2"]', 'write ["long","3"]'],
  });
});

test('invariant 1: a change under a name that no mapping has is remembered', () => {
  const event = {
    kind: 'insert',
    table: qualifiedName('odd', 'elsewhere'),
    row: { a: '1', b: '2' },
  } as const;
  expect(held(event)).toMatchObject({ dirty: [], strangers: ['odd.elsewhere'] });
});

test('a joined row whose column is null joins nothing', () => {
  expect(held(of('suppliers', { kind: 'insert', row: { id: null } }))).toMatchObject({
    dirty: [],
    compared: [],
  });
});
