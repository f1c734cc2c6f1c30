import { expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { eventually } from '../support/eventually.ts';
import { type Stack, startStack } from '../support/stack.ts';

const schema = `
  create table public.notes (id int primary key, text text not null);
  insert into public.notes select n, 'note ' || n from generate_series(1, 60) n;`;

const config: ConfigInput = {
  tables: {
    notes: {
      source: 'public.notes',
      key: 'id',
      title: 'Notes',
      onNotionTrash: 'delete',
      fields: { Text: { column: 'text', type: 'title' } },
    },
  },
};

async function synced(): Promise<Stack> {
  const stack = await startStack({ config, schema });
  return stack;
}

const dataSource = (stack: Stack): string => stack.sandbox.control.listDatabases()[0]?.dataSourceId ?? '';
const livePages = (stack: Stack): number => stack.sandbox.control.pages(dataSource(stack)).length;
const count = async (stack: Stack, sql: string): Promise<number> =>
  (await stack.database.pool.query<{ n: number }>(sql)).rows[0]?.n ?? -1;
const waiting = (stack: Stack): Promise<number> =>
  count(stack, 'select count(*)::int as n from pgnotion.deletes');

test('invariant 10: rows deleted in bulk leave their pages until a person approves', async () => {
  await using stack = await synced();
  await stack.database.pool.query('delete from notes where id <= 40');
  await eventually(async () => (await waiting(stack)) === 40);
  await stack.database.pool.query(`update notes set text = 'still synced' where id = 60`);
  await eventually(() =>
    stack.sandbox.control.titles(dataSource(stack)).some((page) => page.title === 'still synced'),
  );
  expect(livePages(stack)).toBe(60);
  const { rows } = await stack.database.pool.query<{ n: string }>(
    `select pgnotion.approve_delete('notes') as n`,
  );
  expect(rows[0]?.n).toBe('40');
  await eventually(() => livePages(stack) === 20);
  expect(await waiting(stack)).toBe(0);
});

test('invariant 10: TRUNCATE waits too, and a rejected deletion leaves the pages alone', async () => {
  await using stack = await synced();
  await stack.database.pool.query('truncate notes');
  await eventually(async () => (await waiting(stack)) === 60);
  await stack.database.pool.query(`select pgnotion.reject_delete('notes')`);
  await stack.settled();
  expect(await waiting(stack)).toBe(0);
  expect(livePages(stack)).toBe(60);
});

test('invariant 10: pages trashed in bulk leave their rows; rejecting restores the pages', async () => {
  await using stack = await synced();
  for (const page of stack.sandbox.control.pages(dataSource(stack)).slice(0, 30)) {
    stack.sandbox.control.trashPage(page.id);
  }
  const all = 'select count(*)::int as n from notes';
  await eventually(async () => (await waiting(stack)) + 60 - (await count(stack, all)) === 30);
  // The poll may have met the person in the middle: up to the guard's number, single deletions cross.
  expect(await count(stack, all)).toBeGreaterThanOrEqual(40);
  const held = await waiting(stack);
  await stack.database.pool.query(`select pgnotion.reject_delete('notes')`);
  await eventually(async () => livePages(stack) === (await count(stack, all)));
  expect(livePages(stack)).toBe(30 + held);
});

test('a few deletions cross by themselves, on both sides', async () => {
  await using stack = await synced();
  await stack.database.pool.query('delete from notes where id <= 5');
  await eventually(() => livePages(stack) === 55);
  const [page] = stack.sandbox.control.pages(dataSource(stack));
  stack.sandbox.control.trashPage(page?.id ?? '');
  await eventually(async () => (await count(stack, 'select count(*)::int as n from notes')) === 54);
});

test('invariant 10: what a person let through leaves room for the next deletions; what was rejected, too', async () => {
  await using stack = await synced();
  const { pool } = stack.database;
  await pool.query('delete from notes where id <= 25');
  await eventually(async () => (await waiting(stack)) === 25);
  await pool.query(`select pgnotion.approve_delete('notes')`);
  await eventually(() => livePages(stack) === 35);
  // Beside 25 that crossed unasked, these would wait.
  await pool.query('delete from notes where id in (26, 27)');
  await eventually(() => livePages(stack) === 33);
  await pool.query('delete from notes where id <= 50');
  await eventually(async () => (await waiting(stack)) === 23);
  await pool.query(`select pgnotion.reject_delete('notes')`);
  await pool.query('delete from notes where id = 51');
  await stack.settled();
  expect(await waiting(stack)).toBe(0);
  expect(livePages(stack)).toBe(32);
});
