import { expect, test } from 'vitest';
import { chaosConfig, chaosSchema } from '../support/chaos-shop.ts';
import { eventually } from '../support/eventually.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// What the random runs of test/chaos have found of people's acts on pages, properties and databases, each as a small test.

async function started(): Promise<{ readonly stack: Stack; readonly sides: Sides }> {
  const stack = await createStack({ config: chaosConfig, schema: chaosSchema, pollSeconds: 0.3 });
  const sides = sidesOf(stack);
  await sides.sql(`insert into parents (id, name, tags) values (901, 'Parent', '{red,green}')`);
  await sides.sql(
    `insert into children (id, title, parent_id) values ('00000000-0000-4000-8000-000000000001', 'Child', 901)`,
  );
  await stack.apply();
  await stack.start();
  await stack.settled();
  return { stack, sides };
}

const codes = async (sides: Sides): Promise<string[]> =>
  (await sides.failures()).map(({ code }) => code).sort();

/** Nothing waits for the children, and their page is not looked at again with every poll. */
async function unlooked({ sandbox }: Stack, sides: Sides, page: string): Promise<void> {
  const { control } = sandbox;
  await eventually(async () => {
    await sides.polls(3);
    return (await sides.sql(`select from pgnotion.outbox where table_name = 'children'`)).length === 0;
  });
  // What the restored property left to look at once may still be under way: the looks must end.
  await eventually(async () => {
    const from = control.requests().length;
    await sides.polls(5);
    const looks = control
      .requests()
      .slice(from)
      .filter(({ operation }) => operation === 'pages.retrieve');
    return !looks.some(({ path }) => path.replaceAll('-', '').includes(page.replaceAll('-', '')));
  });
}

test('invariant 16: a row whose parent has a page that is hidden gets its page, without the relation', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const { control } = stack.sandbox;
  const parent = await sides.pageOf('parents', '901');
  control.unshare(parent);
  await sides.sql(`update parents set name = 'Renamed'`);
  await eventually(async () => (await codes(sides)).includes('page_hidden'));
  await sides.sql(`insert into children (title, parent_id) values ('Second', 901)`);
  const source = await sides.source('children');
  const page = await eventually(() =>
    control.pages(source).find(({ id }) => sides.shown(id, 'Title') === 'Second'),
  );
  expect(sides.shown(page.id, 'Parent')).toEqual([]);

  control.share(parent);
  await eventually(() => JSON.stringify(sides.shown(page.id, 'Parent')) === JSON.stringify([parent]));
  await eventually(() => sides.shown(parent, 'Name') === 'Renamed');
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
  expect(await sides.sql('select parent_id from children')).toEqual([
    { parent_id: '901' },
    { parent_id: '901' },
  ]);
});

test('invariant 16: while `Supabase ID` is gone from one database, the other tables go on, and its new rows say what they wait for', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const { control } = stack.sandbox;
  const source = await sides.source('parents');
  await sides.sql(`update pgnotion.first_contacts set origin = 'found' where table_name = 'parents'`);
  control.deleteProperty(source, 'Supabase ID');
  await sides.sql(`insert into parents (id, name) values (902, 'New')`);
  await sides.sql(`insert into children (title, parent_id) values ('Second', 902)`);
  await sides.sql(`update children set qty = 4 where title = 'Child'`);
  await eventually(async () => (await codes(sides)).includes('property_out_of_order'));
  const child = await sides.pageOf('children', '00000000-0000-4000-8000-000000000001');
  await eventually(() => sides.shown(child, 'Qty') === 4);

  control.restoreProperty(source, 'Supabase ID');
  await eventually(async () => (await sides.pageOf('parents', '902')) !== '');
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
  expect(control.pages(source)).toHaveLength(2);
});

test('invariant 15: what a page lost on its way through another database is no edit: the row keeps it, and the page gets it back', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const { control } = stack.sandbox;
  const page = await sides.pageOf('parents', '901');
  control.movePage(page, await sides.source('children'));
  await eventually(async () => (await codes(sides)).includes('page_moved'));
  control.movePage(page, await sides.source('parents'));
  await eventually(async () => (await codes(sides)).length === 0);
  await eventually(() => (sides.shown(page, 'Tags') as string[]).length === 2);
  await sides.rest();
  expect(await sides.sql('select name, tags, mood from parents')).toEqual([
    { name: 'Parent', tags: ['red', 'green'], mood: 'new' },
  ]);
  expect([...(sides.shown(page, 'Tags') as string[])].sort()).toEqual(['green', 'red']);
});

test('invariant 5: a relation without a base whose target has no page is not looked at again with every poll', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const { control } = stack.sandbox;
  const parents = await sides.source('parents');
  control.deleteProperty(parents, 'Supabase ID');
  await eventually(
    async () => (await sides.sql(`select from pgnotion.drift where table_name = 'parents'`)).length > 0,
  );
  await sides.sql(`insert into parents (id, name) values (902, 'Pageless')`);
  await sides.sql('update children set parent_id = 902');
  const children = await sides.source('children');
  const child = await sides.pageOf('children', '00000000-0000-4000-8000-000000000001');
  await eventually(() => JSON.stringify(sides.shown(child, 'Parent')) === '[]');
  control.deleteProperty(children, 'Parent');
  await eventually(
    async () => (await sides.sql(`select from pgnotion.drift where property = 'Parent'`)).length > 0,
  );
  control.restoreProperty(children, 'Parent');
  await eventually(
    async () => (await sides.sql(`select from pgnotion.drift where property = 'Parent'`)).length === 0,
  );
  await unlooked(stack, sides, child);

  control.restoreProperty(parents, 'Supabase ID');
  await eventually(async () => {
    const page = await sides.pageOf('parents', '902');
    return JSON.stringify(sides.shown(child, 'Parent')) === JSON.stringify([page]);
  });
});

test('invariant 5: an emptied relation whose row points to a record without a page is not looked at again with every poll', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const { control } = stack.sandbox;
  const parents = await sides.source('parents');
  const child = await sides.pageOf('children', '00000000-0000-4000-8000-000000000001');
  control.deleteProperty(parents, 'Supabase ID');
  await sides.sql(`insert into parents (id, name) values (902, 'Pageless')`);
  await eventually(async () => (await codes(sides)).includes('property_out_of_order'));
  await stack.stop();
  sides.edit(child, { Parent: typed('relation', []) });
  // Later than the edit, so that the row's value counts.
  await sides.sql('update children set parent_id = 902, qty = 4');
  await stack.start();
  await eventually(() => sides.shown(child, 'Qty') === 4);
  await unlooked(stack, sides, child);
  expect(await sides.sql('select fields, resolution, status from pgnotion.conflicts')).toEqual([
    { fields: ['Parent'], resolution: 'postgres', status: 'resolved' },
  ]);

  control.restoreProperty(parents, 'Supabase ID');
  await eventually(async () => {
    const page = await sides.pageOf('parents', '902');
    return JSON.stringify(sides.shown(child, 'Parent')) === JSON.stringify([page]);
  });
  await sides.rest();
  expect(await sides.sql('select parent_id from children')).toEqual([{ parent_id: '902' }]);
});

test('invariant 16: a database that is hidden at the start stops its table alone, and the table goes on once it is shared', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const { control } = stack.sandbox;
  const child = await sides.pageOf('children', '00000000-0000-4000-8000-000000000001');
  const parent = await sides.pageOf('parents', '901');
  const source = await sides.source('parents');
  await stack.stop();
  const database =
    control.listDatabases().find(({ dataSourceId }) => dataSourceId === source)?.databaseId ?? '';
  control.unshare(database);
  await sides.sql(`update parents set name = 'Renamed'; update children set qty = 4`);
  await stack.start();
  await eventually(() => sides.shown(child, 'Qty') === 4);
  const paused = await sides.sql('select table_name, paused_reason from pgnotion.status where paused');
  expect(paused).toEqual([
    { table_name: 'parents', paused_reason: expect.stringMatching(/shows? no|not shared/) as unknown },
  ]);
  expect(sides.shown(parent, 'Name')).toBe('Parent');
  control.share(database);
  await eventually(() => sides.shown(parent, 'Name') === 'Renamed');
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
});

test('invariant 16: rows whose parent was deleted go on while nobody can read the table of the parents', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const child = await sides.pageOf('children', '00000000-0000-4000-8000-000000000001');
  const parent = await sides.pageOf('parents', '901');
  await sides.sql('delete from parents; alter table parents rename to elsewhere');
  await sides.sql('update children set qty = 4');
  await eventually(() => sides.shown(child, 'Qty') === 4);
  expect(sides.shown(child, 'Parent')).toEqual([]);
  const paused = await sides.sql('select table_name from pgnotion.status where paused');
  expect(paused).toEqual([{ table_name: 'parents' }]);
  expect(stack.sandbox.control.page(parent).in_trash).toBe(false);

  await sides.sql('alter table elsewhere rename to parents');
  await eventually(() => stack.sandbox.control.page(parent).in_trash);
  await sides.rest();
});
