import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput, TableInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack, startStack } from '../support/stack.ts';

const to = (column: string, relatedTable: string) => ({ column, type: 'relation', relatedTable }) as const;
const mapping = (name: string, fields: TableInput['fields'], more: Partial<TableInput> = {}): TableInput => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  fields: { Label: { column: 'label', type: 'title' }, ...fields },
  ...more,
});

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: {
    suppliers: mapping('suppliers', {}, { onNotionTrash: 'review' }),
    gone: mapping('gone', {}, { onNotionTrash: 'delete' }),
    marked: mapping('marked', {}, { onNotionTrash: { softDelete: 'deleted' } }),
    products: mapping('products', {
      Supplier: to('supplier_id', 'suppliers'),
      Required: to('required_id', 'suppliers'),
      Suppliers: to('suppliers', 'suppliers'),
      Gone: to('gone_id', 'gone'),
      Marked: to('marked_id', 'marked'),
    }),
  },
};

const schema = `
  create table suppliers (id integer primary key, label text not null);
  create table gone (id integer primary key, label text not null);
  create table marked (id integer primary key, label text not null, deleted boolean not null default false);
  create table products (id integer primary key, label text not null, supplier_id integer references suppliers,
    required_id integer not null references suppliers, suppliers integer[] not null default '{}',
    gone_id integer, marked_id integer references marked);
  insert into suppliers select i, 'supplier ' || i from generate_series(1, 40) i;
  insert into gone select i, 'gone ' || i from generate_series(1, 4) i;
  insert into marked select i, 'marked ' || i from generate_series(1, 4) i;`;

type Product = {
  readonly label: string;
  readonly supplier_id: number | null;
  readonly required_id: number;
  readonly suppliers: readonly number[];
};

/** Notion does not say whether a relation lists what is in the trash: all of it has to hold either way. */
describe.each([
  ['listed', true],
  ['not listed', false],
] as const)('trashed targets are %s', (_name, listed) => {
  let stack: Stack;
  let sides: Sides;

  beforeAll(async () => {
    stack = await createStack({ config, schema, pollSeconds: 0.5 });
    stack.sandbox.control.setBehaviour({ trashedRelationTargets: listed });
    await stack.apply();
    await stack.start();
    await stack.settled();
    sides = sidesOf(stack);
  });

  afterAll(() => stack[Symbol.asyncDispose]());

  const supplier = (id: number) => sides.pageOf('suppliers', String(id));
  const productOf = (id: number) => sides.pageOf('products', String(id));
  const row = async (id: number): Promise<Product | undefined> =>
    (
      await sides.sql<Product>(
        `select label, supplier_id, required_id, suppliers from products where id = ${id}`,
      )
    )[0];
  const is = (id: number, wanted: Partial<Product>) =>
    soon(async () => {
      expect(await row(id)).toMatchObject(wanted);
      return true;
    });
  const reviewed = (page: string) =>
    soon(async () =>
      (await sides.failures()).some((one) => one.page_id === page && one.code === 'delete_review'),
    );
  const calm = async (): Promise<void> => {
    await sides.polls(3);
    const others = (await sides.failures()).filter(({ table_name }) => table_name === 'products');
    expect(others).toEqual([]);
  };
  const writesOf = async (page: string): Promise<number> =>
    sides.writes().filter(({ path }) => path.replaceAll('-', '').includes(page.replaceAll('-', ''))).length;
  /** A product whose relations all name the supplier `a`; its list names `a` and the next one. */
  async function product(id: number, a: number): Promise<string> {
    await sides.sql('insert into products values ($1, $2, $3, $3, $4)', [id, `product ${id}`, a, [a, a + 1]]);
    const page = await productOf(id);
    await stack.settled();
    return page;
  }

  test('invariant 15: a target that waits for review empties no relation, and its return writes nothing', async () => {
    const page = await product(1, 1);
    const before = await row(1);
    const target = await supplier(1);
    const writes = await writesOf(page);
    stack.sandbox.control.trashPage(target);
    await reviewed(target);
    await calm();
    expect(await row(1)).toEqual(before);
    stack.sandbox.control.restorePage(target);
    await soon(async () => !(await sides.failures()).some(({ page_id }) => page_id === target));
    await calm();
    expect(await row(1)).toEqual(before);
    expect(await writesOf(page)).toBe(writes);
    expect(stack.sandbox.control.comments(page)).toEqual([]);
    // From here on, taking it out is a person's edit again.
    sides.edit(page, { Suppliers: typed('relation', [await supplier(2)]) });
    await is(1, { suppliers: [2] });
  });

  test('invariant 4: the removal of a live target is taken over, also beside one that is in the trash', async () => {
    const page = await product(2, 3);
    const target = await supplier(3);
    stack.sandbox.control.trashPage(target);
    // Whether the trash has been noticed or not: both in one moment.
    sides.edit(page, {
      Suppliers: typed('relation', listed ? [target] : []),
      Label: typed('title', 'edited'),
    });
    await is(2, { label: 'edited', suppliers: [3], supplier_id: 3, required_id: 3 });
    await reviewed(target);
    sides.edit(page, {
      Suppliers: typed('relation', [...(listed ? [target] : []), await supplier(5)]),
      Supplier: typed('relation', [await supplier(5)]),
    });
    await is(2, { suppliers: [3, 5], supplier_id: 5, required_id: 3 });
    stack.sandbox.control.restorePage(target);
    await calm();
    await is(2, { suppliers: [3, 5], supplier_id: 5, required_id: 3 });
  });

  test('invariant 4: a column of one key takes the page that was chosen beside the former one, which is in the trash', async () => {
    const [early, late] = [await product(7, 13), await product(8, 13)];
    const [former, next] = [await supplier(13), await supplier(14)];
    const both = [...(listed ? [former] : []), next];
    stack.sandbox.control.trashPage(former);
    // Whether the trash has been noticed or not: both in one moment.
    sides.edit(early, { Supplier: typed('relation', both) });
    await is(7, { supplier_id: 14, required_id: 13 });
    await reviewed(former);
    sides.edit(late, { Supplier: typed('relation', both) });
    await is(8, { supplier_id: 14, required_id: 13 });
    await calm();
    stack.sandbox.control.restorePage(former);
    await soon(async () => !(await sides.failures()).some(({ page_id }) => page_id === former));
    await calm();
    await is(7, { supplier_id: 14 });
    await is(8, { supplier_id: 14 });
    // The former one does not come back with its page.
    for (const page of [early, late]) expect(sides.shown(page, 'Supplier')).toEqual([next]);
  });

  test('invariant 15: several targets in the trash keep their keys while the row and the page go on', async () => {
    const page = await product(3, 6);
    const targets = [await supplier(6), await supplier(7)];
    for (const target of targets) stack.sandbox.control.trashPage(target);
    for (const target of targets) await reviewed(target);
    // What the row adds is written together with what is in the trash.
    await sides.sql(`update products set suppliers = '{6,7,8}', label = 'more' where id = 3`);
    await soon(() => sides.shown(page, 'Label') === 'more');
    await calm();
    for (const target of targets) stack.sandbox.control.restorePage(target);
    const all = [...targets, await supplier(8)].sort();
    await soon(() => {
      expect(sides.shown(page, 'Suppliers')).toEqual(all);
      return true;
    });
    await calm();
    expect(await row(3)).toMatchObject({ suppliers: [6, 7, 8], supplier_id: 6, required_id: 6 });
  });

  test('invariant 1: a row that is pointed to a record in the trash is written with that page', async () => {
    const page = await product(4, 9);
    const target = await supplier(11);
    stack.sandbox.control.trashPage(target);
    await reviewed(target);
    await sides.sql('update products set supplier_id = 11, suppliers = $1 where id = 4', [[11]]);
    await sides.sql(`insert into products values (5, 'new', 11, 11, '{11}')`);
    const made = await productOf(5);
    await calm();
    stack.sandbox.control.restorePage(target);
    await soon(() => {
      for (const one of [page, made]) {
        expect(sides.shown(one, 'Supplier')).toEqual([target]);
        expect(sides.shown(one, 'Suppliers')).toEqual([target]);
      }
      return true;
    });
    await calm();
    expect(await row(4)).toMatchObject({ supplier_id: 11, suppliers: [11] });
    expect(await row(5)).toMatchObject({ supplier_id: 11, suppliers: [11], required_id: 11 });
  });

  test('invariant 15: a target whose row was deleted or marked with its page keeps its key in the rows that name it', async () => {
    await sides.sql(`insert into products values (6, 'p', null, 12, '{}', 1, 1)`);
    const page = await productOf(6);
    await stack.settled();
    stack.sandbox.control.trashPage(await sides.pageOf('gone', '1'));
    stack.sandbox.control.trashPage(await sides.pageOf('marked', '1'));
    await soon(async () => (await sides.sql('select from gone where id = 1')).length === 0);
    await soon(async () => (await sides.sql('select from marked where id = 1 and deleted')).length === 1);
    sides.edit(page, { Label: typed('title', 'touched') });
    await soon(
      async () => (await sides.sql(`select from products where id = 6 and label = 'touched'`)).length === 1,
    );
    await calm();
    expect(await sides.sql('select gone_id, marked_id from products where id = 6')).toEqual([
      { gone_id: 1, marked_id: 1 },
    ]);
  });
});

describe('targets that Notion does not show', () => {
  let stack: Stack;
  let sides: Sides;

  beforeAll(async () => {
    stack = await startStack({ config, schema, pollSeconds: 0.5 });
    sides = sidesOf(stack);
  });

  afterAll(() => stack[Symbol.asyncDispose]());

  const cases: readonly [name: string, leave: (page: string) => void, back: (page: string) => void][] = [
    ['unshared', (page) => stack.sandbox.control.unshare(page), (page) => stack.sandbox.control.share(page)],
    [
      'archived',
      (page) => void stack.sandbox.control.archivePage(page),
      (page) => void stack.sandbox.control.archivePage(page, false),
    ],
  ];
  let next = 20;

  test.each(cases)(
    'invariant 15: a target that is %s keeps its key, and the row goes on without it',
    async (_name, leave, back) => {
      const [a, b, id] = [next, next + 1, next];
      next += 3;
      await sides.sql('insert into products values ($1, $2, $3, $3, $4)', [id, 'product', a, [a, b]]);
      const page = await sides.pageOf('products', String(id));
      await stack.settled();
      const target = await sides.pageOf('suppliers', String(a));
      leave(target);
      await soon(async () => (await sides.failures()).some(({ page_id }) => page_id === target));
      await sides.polls(3);
      await sides.sql('update products set label = $2, suppliers = suppliers || $3::int where id = $1', [
        id,
        'on',
        b + 1,
      ]);
      await soon(() => sides.shown(page, 'Label') === 'on');
      const other = await sides.pageOf('suppliers', String(b + 1));
      await soon(() => (sides.shown(page, 'Suppliers') as string[]).includes(other));
      back(target);
      const all = [target, await sides.pageOf('suppliers', String(b)), other].sort();
      await soon(() => {
        expect(sides.shown(page, 'Suppliers')).toEqual(all);
        return true;
      });
      await soon(async () => !(await sides.failures()).some(({ table_name }) => table_name === 'products'));
      await sides.polls(3);
      expect(
        await sides.sql('select supplier_id, required_id, suppliers from products where id = $1', [id]),
      ).toEqual([{ supplier_id: a, required_id: a, suppliers: [a, b, b + 1] }]);
    },
  );

  test('invariant 15: what was taken out of a relation while the whole database of its target was in the trash comes back with it', async () => {
    await sides.sql(`insert into products values (70, 'product', 33, 33, '{33,34}')`);
    const page = await sides.pageOf('products', '70');
    await stack.settled();
    const [row] = await sides.sql<{ id: string }>(
      `select database_id as id from pgnotion.data_sources where table_name = 'suppliers'`,
    );
    const database = row?.id ?? '';
    stack.sandbox.control.trashDatabase(database);
    sides.edit(page, { Label: typed('title', 'without'), Supplier: { relation: [] } });
    await soon(
      async () => (await sides.sql(`select from products where id = 70 and label = 'without'`)).length === 1,
    );
    stack.sandbox.control.restoreDatabase(database);
    // Nobody can tell whether a person took it out: PostgreSQL's value is written again.
    const target = await sides.pageOf('suppliers', '33');
    await soon(() => {
      expect(sides.shown(page, 'Supplier')).toEqual([target]);
      return true;
    });
    expect(await sides.sql('select supplier_id from products where id = 70')).toEqual([{ supplier_id: 33 }]);
    expect(await sides.sql(`select from pgnotion.records where key = '70' and unshown <> '{}'`)).toEqual([]);
  });

  test('invariant 15: a target that is moved to another database keeps its key', async () => {
    await sides.sql(`insert into products values (90, 'product', 30, 30, '{30,31}')`);
    const page = await sides.pageOf('products', '90');
    await stack.settled();
    const target = await sides.pageOf('suppliers', '30');
    stack.sandbox.control.movePage(target, await sides.source('gone'));
    await soon(async () =>
      (await sides.failures()).some(({ page_id, code }) => page_id === target && code === 'page_moved'),
    );
    sides.edit(page, { Label: typed('title', 'edited') });
    await soon(
      async () => (await sides.sql(`select from products where id = 90 and label = 'edited'`)).length === 1,
    );
    await sides.polls(3);
    expect(await sides.sql('select supplier_id, required_id, suppliers from products where id = 90')).toEqual(
      [{ supplier_id: 30, required_id: 30, suppliers: [30, 31] }],
    );
  });
});
