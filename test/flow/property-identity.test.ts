import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const ROWS = 6;
const fields = {
  Name: { column: 'name', type: 'title' },
  Price: { column: 'price', type: 'number' },
  Notes: { column: 'notes', type: 'rich_text' },
  Maker: { column: 'maker_id', type: 'relation', relatedTable: 'makers' },
} as const;
const makers = {
  source: 'public.makers',
  key: 'id',
  title: 'makers',
  fields: { Name: { column: 'name', type: 'title' } },
} as const;
const config: ConfigInput = {
  tables: { makers, items: { source: 'public.items', key: 'id', title: 'items', fields } },
};
const SCHEMA = `
  create table makers (id integer primary key, name text not null);
  create table items (id integer primary key, name text not null, price integer, notes text,
                      maker_id integer references makers);
  insert into makers values (1, 'one'), (2, 'two');
  insert into items select n, 'item ' || n, n * 10, 'note ' || n, 1 + n % 2 from generate_series(1, ${ROWS}) n;`;

let stack: Stack;
let sides: Sides;
let source: string;
const control = () => stack.sandbox.control;
const rows = () =>
  sides.sql<{
    id: number;
    name: string;
    price: number | null;
    notes: string | null;
    maker_id: number | null;
  }>('select * from items order by id');
const drift = async () =>
  (await sides.sql<{ property: string; kind: string; remedy: string }>('select * from pgnotion.drift')).map(
    ({ property, kind }) => `${property} ${kind}`,
  );
const names = () => {
  const [found] = control()
    .listDatabases()
    .filter(({ title }) => title === 'items');
  return (found?.properties ?? []).map(({ name }) => String(name)).sort();
};
const prices = async (property = 'Price') =>
  Promise.all(
    (await rows()).map(async ({ id }) => sides.shown(await sides.pageOf('items', String(id)), property)),
  );

async function begin(): Promise<void> {
  stack = await createStack({ config, schema: SCHEMA, pollSeconds: 0.3 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
  source = await sides.source('items');
}

describe.each(['running', 'restarted', 'applied'] as const)('while it is %s', (when) => {
  beforeAll(() => begin());
  afterAll(() => stack[Symbol.asyncDispose]());
  beforeEach(async () => {
    await sides.rest();
    control().clearRequests();
  });
  /** What a person does, and then what an operator does. */
  const act = async (person: () => void): Promise<void> => {
    if (when === 'restarted') await stack.stop();
    person();
    if (when === 'applied') await stack.apply();
    if (when === 'restarted') await stack.start();
    await sides.rest();
  };

  test('invariant 15: a renamed property, the title too, is the same property, and one line of drift', async () => {
    const before = await rows();
    await act(() => {
      control().renameProperty(source, 'Price', 'Unit price');
      control().renameProperty(source, 'Name', 'Title');
      control().renameProperty(source, 'Supabase ID', 'Key');
      control().renameProperty(source, 'Last Synced', 'Synced');
      control().renameProperty(source, 'Maker', 'Made by');
    });
    await soon(async () => (await drift()).length === 5);
    expect(await rows()).toEqual(before);
    expect(names()).toEqual(['Key', 'Made by', 'Notes', 'Synced', 'Title', 'Unit price']);
    expect(sides.writes()).toEqual([]);
    const [line] = await sides.sql<{ remedy: string }>(
      "select remedy from pgnotion.drift where property = 'Price'",
    );
    expect(line?.remedy).toContain('"Unit price"');
    await sides.sql("update items set price = 11, name = 'first' where id = 1");
    const page = await sides.pageOf('items', '1');
    await soon(() => sides.shown(page, 'Unit price') === 11 && sides.shown(page, 'Title') === 'first');
    sides.edit(page, { 'Unit price': { number: 10 } });
    await soon(async () => (await rows())[0]?.price === 10);
    await act(() => {
      for (const [from, to] of [
        ['Unit price', 'Price'],
        ['Title', 'Name'],
        ['Key', 'Supabase ID'],
        ['Synced', 'Last Synced'],
        ['Made by', 'Maker'],
      ] as const)
        control().renameProperty(source, from, to);
    });
    await soon(async () => (await drift()).length === 0);
  });

  test('invariant 15: a name that another property takes is not mistaken for it', async () => {
    const before = await rows();
    await act(() => {
      control().renameProperty(source, 'Price', 'Old price');
      control().addProperty(source, 'Price', { number: {} });
      control().renameProperty(source, 'Notes', 'Swap');
    });
    await soon(async () => (await drift()).length === 2);
    expect(await rows()).toEqual(before);
    expect(sides.writes()).toEqual([]);
    expect(await prices('Price')).toEqual(before.map(() => null));
    await act(() => {
      control().deleteProperty(source, 'Price');
      control().renameProperty(source, 'Old price', 'Price');
      control().renameProperty(source, 'Swap', 'Notes');
    });
    await soon(async () => (await drift()).length === 0);
    expect(await rows()).toEqual(before);
  });

  test('invariant 15: a deleted property empties nothing; apply makes it again with the rows’ values', async () => {
    const before = await rows();
    await act(() => control().deleteProperty(source, 'Notes'));
    if (when !== 'applied') {
      await soon(async () => (await drift()).join() === 'Notes property_missing');
      // Everything else goes on meanwhile.
      const page = await sides.pageOf('items', '2');
      sides.edit(page, { Price: { number: 21 } });
      await soon(async () => (await rows())[1]?.price === 21);
      await sides.sql("update items set price = 20, notes = 'changed meanwhile' where id = 2");
      await soon(() => sides.shown(page, 'Price') === 20);
      await stack.apply();
    }
    const now = await rows();
    expect(now.map(({ notes }) => notes)).toEqual(
      before.map(({ id, notes }) => (id === 2 && when !== 'applied' ? 'changed meanwhile' : notes)),
    );
    for (const { id, notes } of now) await sides.shows('items', String(id), 'Notes', notes);
    await sides.rest();
    expect(await rows()).toEqual(now);
    expect(await drift()).toEqual([]);
    expect(await sides.failures()).toEqual([]);
  });

  test('invariant 15: a property that is typed otherwise and back costs no row its value', async () => {
    const before = await rows();
    await act(() => control().retypeProperty(source, 'Notes', { number: {} }));
    await soon(async () => (await drift()).join() === 'Notes property_retyped');
    expect(await rows()).toEqual(before);
    await act(() => control().retypeProperty(source, 'Notes', { rich_text: {} }));
    await soon(async () => (await drift()).length === 0);
    for (const { id, notes } of before) await sides.shows('items', String(id), 'Notes', notes);
    await sides.rest();
    expect(await rows()).toEqual(before);
  });

  test('invariant 15: a relation that is pointed elsewhere and back costs no row its key', async () => {
    const before = await rows();
    const [target] = control()
      .listDatabases()
      .filter(({ title }) => title === 'makers');
    const relation = (to: string) => ({ relation: { data_source_id: to, single_property: {} } });
    await act(() => control().retypeProperty(source, 'Maker', relation(source)));
    const page = await sides.pageOf('items', '1');
    // Whatever makes pgnotion look.
    sides.edit(page, { Price: { number: 12 } });
    await soon(async () => (await rows())[0]?.price === 12);
    await soon(async () => (await drift()).join() === 'Maker relation_retargeted');
    expect((await rows()).map((row) => row.maker_id)).toEqual(before.map((row) => row.maker_id));
    await act(() => control().retypeProperty(source, 'Maker', relation(target?.dataSourceId ?? '')));
    await stack.apply();
    const makerPages = await Promise.all(
      before.map(({ maker_id: maker }) => sides.pageOf('makers', String(maker))),
    );
    for (const [at, { id }] of before.entries()) {
      await sides.shows('items', String(id), 'Maker', [makerPages[at] ?? '']);
    }
    expect((await rows()).map((row) => row.maker_id)).toEqual(before.map((row) => row.maker_id));
    expect(await drift()).toEqual([]);
  });
});
