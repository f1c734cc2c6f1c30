import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

/** A table for each type of key, each with the row that people mean below. */
const KEYS = {
  uuids: 'uuid',
  integers: 'integer',
  numbers: 'numeric(6,2)',
  texts: 'varchar(12)',
  times: 'timestamptz',
  enums: 'size',
} as const;

const ROWS = {
  uuids: ['0a1b2c3d-0a1b-4c3d-8e5f-0a1b2c3d4e5f'],
  integers: ['1', '2', '3', '10'],
  numbers: ['1.50'],
  texts: ['A', ' padded ', 'padded'],
  times: ['2026-05-01 06:00:00+00'],
  enums: ['small'],
} as const;

const rowsOf = (name: string, keys: readonly string[]): string =>
  keys.map((key) => `insert into ${name} values ('${key}', 'of the row');`).join('\n');

const schema = `
  create type size as enum ('small', 'large');
  ${Object.entries(KEYS)
    .map(([name, type]) => `create table ${name} (id ${type} primary key, name text not null);`)
    .join('\n')}
  ${Object.entries(ROWS)
    .map(([name, keys]) => rowsOf(name, keys))
    .join('\n')}
  create table pairs (a integer, b text, name text not null, primary key (a, b));
  insert into pairs values (7, 'x', 'of the row');
  create table linked (id uuid primary key default gen_random_uuid(), name text not null);
  insert into linked (name) values ('one'), ('two');`;

const table = (name: string, key: string | string[] = 'id') => ({
  source: `public.${name}`,
  key,
  title: name,
  fields: { Name: { column: 'name', type: 'title' as const } },
});

const config: ConfigInput = {
  sync: { settleSeconds: 0.2 },
  tables: {
    ...Object.fromEntries(Object.keys(KEYS).map((name) => [name, table(name)])),
    pairs: table('pairs', ['a', 'b']),
    linked: table('linked'),
  },
};

let stack: Stack;
let sides: Sides;
beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
});
afterAll(() => stack[Symbol.asyncDispose]());

const id = (text: string) => ({ 'Supabase ID': typed('rich_text', text) });

/** What people type, and the key that they mean. */
const SPELLED: readonly (readonly [table: string, typed: string, key: string])[] = [
  ['uuids', '0A1B2C3D0A1B4C3D8E5F0A1B2C3D4E5F', ROWS.uuids[0]],
  ['integers', '01', '1'],
  ['integers', ' 2', '2'],
  ['integers', '3.0', '3'],
  ['integers', '1e1 ', '10'],
  ['numbers', '1.5', '1.50'],
  ['texts', ' A\n', 'A'],
  ['texts', ' padded ', ' padded '],
  ['texts', 'padded', 'padded'],
  ['times', '2026-05-01T08:00+02:00', ROWS.times[0]],
  ['enums', 'small ', 'small'],
  ['pairs', '[ 7 , “x” ]', '["7","x"]'],
];

/** What is no key of its table. */
const NONE: readonly (readonly [table: string, typed: string])[] = [
  ['uuids', '0a1b'],
  ['integers', '1.5'],
  ['integers', '99999999999999999999'],
  ['numbers', '1.504'],
  ['texts', 'padded, and far too long'],
  ['enums', 'Small'],
  ['pairs', '7'],
];

test('invariant 3: a key is adopted in whatever spelling, and what is no key stops nothing else', async () => {
  await stack.apply();
  const make = async (name: string, text: string) =>
    stack.sandbox.control.createPage(await sides.source(name), {
      Name: typed('title', 'theirs'),
      ...id(text),
    }).id;
  const pages: string[] = [];
  for (const [name, text] of SPELLED) pages.push(await make(name, text));
  const strays: string[] = [];
  for (const [name, text] of NONE) strays.push(await make(name, text));
  await stack.apply();
  await stack.start();
  await soon(async () => (await sides.failures()).length === NONE.length);
  for (const [n, [, text, key]] of SPELLED.entries()) {
    await soon(() => sides.shown(pages[n] ?? '', 'Name') === 'of the row');
    expect([text, await sides.keyOf(pages[n] ?? '')]).toEqual([text, key]);
    // Blanks around a text are no other text on a page.
    expect(String(sides.shown(pages[n] ?? '', 'Supabase ID')).trim()).toBe(key.trim());
  }
  const failures = await sides.failures();
  expect(failures.map(({ page_id, code }) => [page_id, code]).sort()).toEqual(
    strays.map((page) => [page, 'unknown_record_id']).sort(),
  );
  for (const name of Object.keys(KEYS)) {
    const rows = await sides.sql(`select from ${name}`);
    expect(rows).toHaveLength(ROWS[name as keyof typeof ROWS].length);
  }
  // Nothing is asked again and again.
  await stack.settled();
  const before = sides.writes().length;
  await sides.polls(5);
  expect(sides.writes().length).toBe(before);
});

test('invariants 3 and 5: the own key in another spelling is no edit, and the key of another row is never written over', async () => {
  await soon(
    async () =>
      (await sides.sql(`select from pgnotion.records where table_name = 'linked' and page_id is not null`))
        .length === 2,
  );
  const rows = await sides.sql<{ id: string; name: string }>('select id, name from linked order by name');
  const [one, two] = rows.map((row) => row.id);
  const page = await sides.pageOf('linked', one ?? '');
  await stack.settled();

  sides.edit(page, id((one ?? '').toUpperCase()));
  sides.edit(page, { Name: typed('title', 'one, edited') });
  await soon(
    async () => (await sides.sql('select from linked where name = $1', ['one, edited'])).length === 1,
  );
  await sides.rest();
  expect(sides.shown(page, 'Supabase ID')).toBe((one ?? '').toUpperCase());
  expect(await sides.sql(`select from pgnotion.conflicts where table_name = 'linked'`)).toEqual([]);

  sides.edit(page, { ...id(two ?? ''), Name: typed('title', 'one, again') });
  const failure = await soon(async () =>
    (await sides.failures()).find(({ code }) => code === 'id_of_another_record'),
  );
  expect(failure).toMatchObject({ page_id: page, key: one });
  await sides.sql('update linked set name = name || $1 where id = $2', [', in SQL', one]);
  await soon(() => sides.shown(page, 'Name') === 'one, again, in SQL');
  await sides.polls(3);
  expect(sides.shown(page, 'Supabase ID')).toBe(two);
  expect(await sides.keyOf(page)).toBe(one);

  sides.edit(page, id(''));
  await soon(() => sides.shown(page, 'Supabase ID') === one);
  await soon(async () => (await sides.failures()).every(({ code }) => code === 'unknown_record_id'));
});
