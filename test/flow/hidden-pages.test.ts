import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput, TableInput } from '../../src/config/mapping-file.ts';
import { type Failure, type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

const policies = {
  trashed: { onPostgresDelete: 'trash' },
  archived: { onPostgresDelete: 'archive' },
  marked: { onPostgresDelete: { mark: 'Deleted' } },
  plain: {},
} as const satisfies Record<string, Pick<TableInput, 'onPostgresDelete'>>;
type Name = keyof typeof policies;
const names = Object.keys(policies) as Name[];

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: Object.fromEntries(
    names.map((name) => [
      name,
      {
        source: `public.${name}`,
        key: 'id',
        title: name,
        fields: {
          Name: { column: 'name', type: 'title' },
          Amount: { column: 'amount', type: 'number' },
        },
        ...policies[name],
      },
    ]),
  ),
};

const schema = names
  .map(
    (
      name,
    ) => `create table ${name} (id integer primary key, name text not null, amount integer check (amount > 0));
      insert into ${name} select i, '${name} ' || i, i from generate_series(1, 12) i;`,
  )
  .join('');

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await startStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
});

afterAll(() => stack[Symbol.asyncDispose]());

const pageOf = (table: Name, id: number) => sides.pageOf(table, String(id));
const hiddenOf = async (table: Name, id: number, direction: string): Promise<Failure | undefined> =>
  (await sides.failures()).find(
    (one) =>
      one.table_name === table &&
      one.key === String(id) &&
      one.direction === direction &&
      one.code === 'page_hidden',
  );
const waitsHidden = (table: Name, id: number, direction = 'to-notion') =>
  soon(() => hiddenOf(table, id, direction));
const count = async (table: Name, id: number): Promise<number> =>
  (await sides.sql(`select from ${table} where id = ${id}`)).length;
const quiet = (table: Name, id: number) =>
  soon(
    async () => !(await sides.failures()).some((one) => one.table_name === table && one.key === String(id)),
  );

const farewells: readonly [name: Name, isDone: (page: string) => boolean][] = [
  ['trashed', (page) => stack.sandbox.control.page(page).in_trash],
  ['archived', (page) => stack.sandbox.control.page(page).is_archived],
  ['marked', (page) => sides.shown(page, 'Deleted') === true],
];

test.each(farewells)(
  'invariant 1: the deletion of a row whose page is hidden waits, and is carried out once it is shared (%s)',
  async (name, isDone) => {
    const page = await pageOf(name, 1);
    stack.sandbox.control.unshare(page);
    await sides.sql(`delete from ${name} where id = 1`);
    const failure = await waitsHidden(name, 1);
    expect(failure).toMatchObject({ parked: false });
    expect(failure.remedy).toContain(`pgnotion reset ${name} 1 --yes`);
    await sides.polls(3);
    expect(isDone(page)).toBe(false);
    stack.sandbox.control.share(page);
    await soon(() => isDone(page));
    await quiet(name, 1);
    await sides.rest();
    expect(await count(name, 1)).toBe(0);
  },
);

test('invariant 1: what a row changes while its page is hidden is written once the page is shared', async () => {
  const page = await pageOf('plain', 1);
  stack.sandbox.control.unshare(page);
  await sides.sql(`update plain set name = 'later' where id = 1`);
  await waitsHidden('plain', 1);
  stack.sandbox.control.share(page);
  await soon(() => sides.shown(page, 'Name') === 'later');
  await quiet('plain', 1);
});

test('invariant 3: a row that comes back while its page in the trash is hidden gets no second page', async () => {
  const page = await pageOf('plain', 2);
  await sides.sql('delete from plain where id = 2');
  await soon(() => stack.sandbox.control.page(page).in_trash);
  stack.sandbox.control.unshare(page);
  await sides.sql(`insert into plain values (2, 'back', 5)`);
  await waitsHidden('plain', 2);
  stack.sandbox.control.share(page);
  // No query lists what is in the trash: the try that is due goes through.
  await sides.sql(`select pgnotion.retry('plain', '2')`);
  await soon(() => !stack.sandbox.control.page(page).in_trash && sides.shown(page, 'Name') === 'back');
  expect(await pageOf('plain', 2)).toBe(page);
  const pages = stack.sandbox.control.pages(await sides.source('plain'));
  expect(pages.filter(({ id }) => sides.shown(id, 'Supabase ID') === '2')).toHaveLength(1);
});

test('invariant 4: a page that is trashed while it is hidden is found in the trash once it is shared', async () => {
  const page = await pageOf('plain', 3);
  stack.sandbox.control.unshare(page);
  const failure = await waitsHidden('plain', 3, 'to-postgres');
  expect(failure).toMatchObject({ parked: false });
  stack.sandbox.control.trashPage(page);
  stack.sandbox.control.share(page);
  await sides.sql(`update pgnotion.edits set next_at = now() where page_id = $1`, [page]);
  await soon(async () =>
    (await sides.failures()).some(({ page_id, code }) => page_id === page && code === 'delete_review'),
  );
  stack.sandbox.control.restorePage(page);
  await quiet('plain', 3);
  expect(await count('plain', 3)).toBe(1);
});

test('invariant 4: what a person edited while the page was hidden reaches the row once it is shared', async () => {
  const page = await pageOf('plain', 4);
  stack.sandbox.control.unshare(page);
  await waitsHidden('plain', 4, 'to-postgres');
  sides.edit(page, { Name: typed('title', 'typed in hiding') });
  stack.sandbox.control.share(page);
  await soon(
    async () => (await sides.sql(`select from plain where id = 4 and name = 'typed in hiding'`)).length === 1,
  );
  await quiet('plain', 4);
});

test('invariant 4: a refusal is told in a page that was hidden, once it is shared', async () => {
  const page = await pageOf('plain', 5);
  sides.edit(page, { Amount: typed('number', -1) });
  await soon(() => stack.sandbox.control.comments(page).length === 1);
  stack.sandbox.control.faults.add({
    match: { operation: 'comments.create' },
    times: 1,
    action: { kind: 'status', status: 404, when: 'before', code: 'object_not_found' },
  });
  sides.edit(page, { Amount: typed('number', -2), Name: typed('title', '') });
  await soon(
    async () =>
      (await sides.sql('select from pgnotion.notices where page_id = $1 and next_at is null', [page]))
        .length === 1,
  );
  await soon(() => stack.sandbox.control.comments(page).length >= 1);
  sides.edit(page, { Amount: typed('number', 5), Name: typed('title', 'fine') });
  await quiet('plain', 5);
});
