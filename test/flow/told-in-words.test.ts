import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

// What colleagues read in Notion: no ids, no types of PostgreSQL's, one full stop between two sentences.

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: {
    suppliers: {
      source: 'public.suppliers',
      key: 'id',
      title: 'Suppliers',
      fields: { Name: { column: 'name', type: 'title' } },
    },
    orders: {
      source: 'public.orders',
      key: 'id',
      title: 'Orders',
      statusProperty: 'Sync Status',
      fields: {
        Title: { column: 'title', type: 'title' },
        Supplier: { column: 'supplier_id', type: 'relation', relatedTable: 'suppliers' },
        Quantity: { column: 'quantity', type: 'number' },
        Code: { column: 'code', type: 'rich_text' },
        // Has `apply` make the database for what people decide.
        Note: { column: 'note', type: 'rich_text', conflict: 'manual' },
      },
    },
  },
};
const schema = `
  create table suppliers (id integer primary key, name text not null);
  create table orders (
    id integer primary key, title text not null, supplier_id integer not null references suppliers,
    quantity integer, code integer, note text);
  create function closed() returns trigger language plpgsql as $$
  begin
    if new.quantity is distinct from old.quantity then
      raise exception 'The order is closed.' using hint = 'Ask finance to open it.';
    end if;
    return new;
  end $$;
  create trigger closed before update on orders for each row execute function closed();
  insert into suppliers values (1, 'Acme'), (2, 'Beta');
  insert into orders values (1, 'one', 1, 5, 7, null), (2, 'two', 1, null, 7, null), (3, 'three', 1, 5, 7, null), (4, 'four', 1, 5, 7, null)`;

let stack: Stack;
let sides: Sides;
beforeAll(async () => {
  stack = await startStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
});
afterAll(() => stack[Symbol.asyncDispose]());

const told = (page: string): Promise<string> =>
  soon(() => {
    const text = sides.shown(page, 'Sync Status');
    return typeof text === 'string' && text !== '' && text;
  });

test('a trigger\u2019s message and its hint are two sentences', async () => {
  const one = await sides.pageOf('orders', '1');
  sides.edit(one, { Quantity: { number: 6 } });
  expect(await told(one)).toBe('Quantity: The order is closed. Ask finance to open it. PostgreSQL kept 5');
  const two = await sides.pageOf('orders', '2');
  sides.edit(two, { Quantity: { number: 6 } });
  expect(await told(two)).toBe(
    'Quantity: The order is closed. Ask finance to open it. PostgreSQL kept nothing',
  );
});

test('a relation is told by titles: what was kept, and that one page is the most', async () => {
  const page = await sides.pageOf('orders', '3');
  sides.edit(page, { Supplier: { relation: [] } });
  expect(await told(page)).toBe('Supplier: must not be empty. PostgreSQL kept Acme');
  const both = await Promise.all(['1', '2'].map((key) => sides.pageOf('suppliers', key)));
  sides.edit(page, { Supplier: { relation: both.map((id) => ({ id })) } });
  await soon(
    () =>
      sides.shown(page, 'Sync Status') === 'Supplier: only one page can be chosen here. PostgreSQL kept Acme',
  );
});

test('a refused edit has a page among the conflicts, with titles instead of ids', async () => {
  const page = await sides.pageOf('orders', '3');
  const database = stack.sandbox.control.listDatabases().find(({ title }) => title === 'Conflicts');
  const shown = await soon(() =>
    stack.sandbox.control
      .pages(database?.dataSourceId ?? '')
      .find(({ id }) => sides.shown(id, 'Field') === 'Supplier'),
  );
  await soon(() => ['Acme, Beta', 'Beta, Acme'].includes(String(sides.shown(shown.id, 'Notion'))));
  expect(sides.shown(shown.id, 'PostgreSQL')).toBe('Acme');
  expect(sides.shown(shown.id, 'Record in Orders')).toEqual([page]);
});

test('a type is told in words', async () => {
  const page = await sides.pageOf('orders', '4');
  sides.edit(page, { Code: { rich_text: [{ type: 'text', text: { content: 'seven' } }] } });
  expect(await told(page)).toBe('Code: must be a whole number. PostgreSQL kept "7"');
});
