import { expect, test } from 'vitest';
import type { RowKey } from '../../src/model/ids.ts';
import { commitTimes } from '../../src/postgres/commit-times.ts';
import { findMatches } from '../../src/postgres/match.ts';
import { startOwnPostgres } from '../support/servers.ts';
import { createTables } from '../support/user-tables.ts';

const fields = {
  Name: { column: 'name', type: 'title' as const },
  Email: { column: 'email', type: 'email' as const },
  Size: { column: 'size', type: 'number' as const },
  Code: { column: 'code', type: 'rich_text' as const },
  Born: { column: 'born', type: 'date' as const },
};

const SCHEMA = `create extension if not exists citext;
  create table t (id int, part text, name text, email citext, size numeric(10, 2), code varchar(3), born date,
                  gone boolean default false, primary key (id, part));
  insert into t values (1, 'a', 'A', 'Ada@x', 1.50, 'abc', '2026-01-02', false), (2, 'b', 'B', 'ADA@X', 2, 'abd', null, false),
                       (3, 'c', 'C', null, 1.5, 'abc', '2026-01-02', false), (4, 'd', 'D', 'dan@x', 7, 'xyz', '2026-01-03', true)`;

test.each<
  [string, readonly string[], readonly (readonly string[])[], readonly (readonly [string, string])[]]
>([
  [
    'citext, whatever the case',
    ['email'],
    [['ada@x'], ['ADA@x'], ['no@x']],
    [
      ['0,1', '1 2'],
      ['2', ''],
    ],
  ],
  [
    'a number in any spelling',
    ['size'],
    [['1.500'], ['1.5'], ['2.0'], ['1e0']],
    [
      ['0,1', '1 3'],
      ['2', '2'],
      ['3', ''],
    ],
  ],
  [
    'a text that is longer than the column is not cut',
    ['code'],
    [['abcd'], ['abc']],
    [
      ['0', ''],
      ['1', '1 3'],
    ],
  ],
  [
    'several columns, all of them',
    ['email', 'size'],
    [
      ['ada@x', '1.5'],
      ['ada@x', '9'],
    ],
    [
      ['0', '1'],
      ['1', ''],
    ],
  ],
  ['what is no value equals nothing', ['born'], [['no day'], ['2026-01-02'], ['2026-02-31']], [['1', '1 3']]],
])('%s', async (_, match, values, expected) => {
  await using tables = await createTables(SCHEMA);
  const table = await tables.one({
    source: 'public.t',
    key: ['id', 'part'],
    title: 'T',
    match: [...match],
    fields,
  });
  const found = await findMatches(tables.db, table, values);
  const shown = found.map(({ places, keys }) => [
    places.join(','),
    keys.map((key) => (JSON.parse(key) as readonly string[])[0]).join(' '),
  ]);
  expect(shown.toSorted()).toEqual([...expected].sort());
});

test('rows that are left out, or marked as deleted, match nothing', async () => {
  await using tables = await createTables(SCHEMA);
  const mapping = { source: 'public.t', key: ['id', 'part'], title: 'T', match: ['email'], fields };
  const soft = await tables.one({ ...mapping, onNotionTrash: { softDelete: 'gone' } });
  expect((await findMatches(tables.db, soft, [['dan@x']])).map(({ keys }) => keys)).toEqual([[]]);
  const left = await tables.one({ ...mapping, where: 'id > 1' });
  expect((await findMatches(tables.db, left, [['ada@x']])).map(({ keys }) => keys)).toEqual([['["2","b"]']]);
});

test('when a row was committed is known if the server keeps it', async () => {
  const keys = ['["1","a"]', '["2","b"]'] as RowKey[];
  const mapping = { source: 'public.t', key: ['id', 'part'], title: 'T', match: ['email'], fields };
  await using plain = await createTables(SCHEMA);
  expect(await commitTimes(plain.db, await plain.one(mapping), keys)).toEqual(new Map());
  const server = await startOwnPostgres({ track_commit_timestamp: 'on' });
  try {
    await using tables = await createTables(SCHEMA, server.url);
    const times = await commitTimes(tables.db, await tables.one({ ...mapping, where: 'id > 0' }), keys);
    expect([...times.keys()]).toEqual(keys);
    for (const at of times.values()) expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(60_000);
  } finally {
    await server.stop();
  }
});
