import { afterAll, beforeAll, expect, test } from 'vitest';
import { namedTable } from '../support/acts.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// The merge stops echoes by itself; what the tag in the log is for is counted here: writes of the outbox.

const schema = `
  create table plain (id integer primary key, name text, note text);
  create table shouting (id integer primary key, name text, note text);
  create function shout() returns trigger language plpgsql as
    $$ begin new.note := upper(new.note); return new; end $$;
  create trigger shout before update on shouting for each row execute function shout();
  insert into plain values (1, 'one', 'a');
  insert into shouting values (1, 'one', 'A');`;

const note = { Note: { column: 'note', type: 'rich_text' } } as const;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({
    config: { tables: { plain: namedTable('plain', note), shouting: namedTable('shouting', note) } },
    schema,
    pollSeconds: 0.5,
  });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
  await sides.sql('create table public.outbox_writes (table_name text)');
  await sides.sql(`
    create function public.count_outbox_write() returns trigger language plpgsql as
      $$ begin insert into public.outbox_writes values (new.table_name); return null; end $$`);
  await sides.sql(`
    create trigger count_writes after insert or update on pgnotion.outbox
      for each row execute function public.count_outbox_write()`);
});

afterAll(() => stack[Symbol.asyncDispose]());

/** How often the outbox was written to on behalf of a table while this was done and carried over. */
async function outboxWrites(table: string, act: () => Promise<unknown>): Promise<number> {
  await sides.rest();
  await sides.sql('truncate public.outbox_writes');
  await act();
  await sides.rest();
  const found = await sides.sql('select from public.outbox_writes where table_name = $1', [table]);
  return found.length;
}

async function edit(table: string, typedIn: string, becomes: string): Promise<void> {
  sides.edit(await sides.pageOf(table, '1'), { Note: typed('rich_text', typedIn) });
  await soon(async () => (await sides.sql(`select from ${table} where note = $1`, [becomes])).length === 1);
}

test('invariant 5: an edit made in Notion writes nothing to the outbox, as its transaction is marked in the log', async () => {
  expect(await outboxWrites('plain', () => edit('plain', 'typed', 'typed'))).toBe(0);
});

test('invariant 5: what a trigger makes of an edit is written to the outbox, and so is a change in SQL', async () => {
  expect(await outboxWrites('shouting', () => edit('shouting', 'typed', 'TYPED'))).toBeGreaterThan(0);
  expect(sides.shown(await sides.pageOf('shouting', '1'), 'Note')).toBe('TYPED');
  const change = () => sides.sql(`update plain set note = 'in SQL' where id = 1`);
  expect(await outboxWrites('plain', change)).toBeGreaterThan(0);
});
