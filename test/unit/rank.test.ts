import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tableName } from '../../src/model/ids.ts';
import { byRank, inTableOrder, orderTables, tablesBefore } from '../../src/model/table-order.ts';
import { resolvedField } from '../support/fields.ts';

type Graph = Readonly<Record<string, readonly string[]>>;

function ranksOf(graph: Graph): Record<string, number> {
  const tables = Object.entries(graph).map(([name, targets]) => ({
    name: tableName(name),
    fields: targets.map((target) => resolvedField(target, 'relation', { relatedTable: tableName(target) })),
  }));
  return Object.fromEntries(orderTables(tables));
}

test.each<[string, Graph, Readonly<Record<string, number>>]>([
  ['tables without relations come first', { a: [], b: [] }, { a: 0, b: 0 }],
  ['a table comes after all that it points to', { c: ['a', 'b'], b: ['a'], a: [] }, { a: 0, b: 1, c: 2 }],
  ['a table that points to itself waits for nobody', { a: ['a'] }, { a: 0 }],
  ['a circle shares one place', { a: ['b'], b: ['c'], c: ['a'] }, { a: 0, b: 0, c: 0 }],
  [
    'a circle stands after what any of its tables points to, and before what points to it',
    { d: ['b'], a: ['b'], b: ['a', 'x'], x: [] },
    { x: 0, a: 1, b: 1, d: 2 },
  ],
  ['two circles in a row', { a: ['b'], b: ['a'], c: ['d', 'a'], d: ['c'] }, { a: 0, b: 0, c: 1, d: 1 }],
])('%s', (_title, graph, ranks) => {
  expect(ranksOf(graph)).toEqual(ranks);
});

test('before a table stand those that its relations lead to, and none of its circle', () => {
  const graph: Graph = { d: ['b'], a: ['b'], b: ['a', 'x'], x: ['y'], y: [], z: [] };
  const ranks = ranksOf(graph);
  const tables = new Map(
    Object.entries(graph).map(([name, targets]) => [
      tableName(name),
      {
        name: tableName(name),
        rank: ranks[name] ?? 0,
        fields: targets.map((target) =>
          resolvedField(target, 'relation', { relatedTable: tableName(target) }),
        ),
      },
    ]),
  );
  const before = (name: string): readonly string[] => [...tablesBefore(tables, tableName(name))].sort();
  expect(Object.fromEntries(Object.keys(graph).map((name) => [name, before(name)]))).toEqual({
    a: ['x', 'y'],
    b: ['x', 'y'],
    d: ['a', 'b', 'x', 'y'],
    x: ['y'],
    y: [],
    z: [],
  });
  expect(byRank(tables.values()).map((rank) => rank.map(({ name }) => name))).toEqual([
    ['y', 'z'],
    ['x'],
    ['a', 'b'],
    ['d'],
  ]);
});

test('tables are put in the order of their ranks, those of one rank as they came', () => {
  const [a, b, c] = [{ rank: 2 }, { rank: 0 }, { rank: 0 }];
  expect(inTableOrder(new Map([a, b, c].map((table, at) => [at, table])).values())).toEqual([b, c, a]);
});

test('whatever the relations: nobody stands before what they point to, and only circles share a place with it', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const graph = fc.record(Object.fromEntries(names.map((name) => [name, fc.subarray(names)])));
  fc.assert(
    fc.property(graph, (relations: Graph) => {
      const ranks = ranksOf(relations);
      const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
        (relations[from] ?? []).some((next) => {
          if (next === to) return true;
          if (seen.has(next)) return false;
          seen.add(next);
          return reaches(next, to, seen);
        });
      for (const name of names)
        for (const target of relations[name] ?? [])
          if (reaches(target, name)) expect(ranks[name]).toBe(ranks[target]);
          else expect(ranks[name]).toBeGreaterThan(ranks[target] ?? Number.NaN);
    }),
  );
});
