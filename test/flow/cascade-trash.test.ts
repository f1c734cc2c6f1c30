import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput, TableInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

const KINDS = ['set_null', 'set_default', 'cascade', 'restrict'] as const;
type Kind = (typeof KINDS)[number];
const POLICIES = ['delete', 'review'] as const;
type Policy = (typeof POLICIES)[number];
const CHILDREN = 4;

/** For each policy, parents and a table of children for each thing that their deletion may do to them. */
const parentsOf = (policy: Policy): string => `parents_${policy}`;
const childrenOf = (policy: Policy, kind: Kind): string => `${kind}_${policy}`;
const NUMBERS: Readonly<Record<Kind, number>> = { set_null: 1, set_default: 2, cascade: 3, restrict: 4 };
const childKey = (kind: Kind, child: number): number => NUMBERS[kind] * 10 + child;

/** As most applications keep it, the time of a row's last change moves with whatever a deletion does to the row. */
const touch = `
  create function touch() returns trigger language plpgsql as
    $$ begin new.changed_at := clock_timestamp(); return new; end $$;`;

const schema = `${touch}${POLICIES.map(
  (policy) => `
    create table ${parentsOf(policy)} (id int primary key, name text not null);
    insert into ${parentsOf(policy)} select n, 'parent ' || n from generate_series(0, 9) n;
    ${KINDS.map(
      (kind) => `
        create table ${childrenOf(policy, kind)} (
          id int primary key, name text not null,
          parent_id int default 0 references ${parentsOf(policy)} on delete ${kind.replace('_', ' ')},
          changed_at timestamptz not null default '2024-01-01');
        create trigger touched before update on ${childrenOf(policy, kind)} for each row execute function touch();
        insert into ${childrenOf(policy, kind)}
          select ${NUMBERS[kind] * 10} + n, 'child ' || n, ${NUMBERS[kind]} from generate_series(1, ${CHILDREN}) n;
        insert into ${childrenOf(policy, kind)} values (99, 'apart', 9);`,
    ).join('')}`,
).join('')}`;

const tableOf = (name: string, policy: Policy, fields: TableInput['fields']): TableInput => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  onNotionTrash: policy,
  fields: { Name: { column: 'name', type: 'title' }, ...fields },
});

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: Object.fromEntries(
    POLICIES.flatMap((policy) => [
      [parentsOf(policy), tableOf(parentsOf(policy), policy, {})],
      ...KINDS.map((kind) => [
        childrenOf(policy, kind),
        tableOf(childrenOf(policy, kind), policy, {
          Changed: { column: 'changed_at', type: 'date', direction: 'to-notion' },
          // Once as what it is, once as a plain number.
          ...(kind === 'set_default'
            ? { 'Parent ID': { column: 'parent_id', type: 'number' } }
            : { Parent: { column: 'parent_id', type: 'relation', relatedTable: parentsOf(policy) } }),
        }),
      ]),
    ]),
  ),
};

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await startStack({ config, schema, pollSeconds: 0.3 });
  sides = sidesOf(stack);
});

afterAll(() => stack[Symbol.asyncDispose]());

const count = async (table: string, condition: string): Promise<number> =>
  (await sides.sql<{ n: number }>(`select count(*)::int as n from ${table} where ${condition}`))[0]?.n ?? -1;
const resume = (table: string) => sides.sql('select pgnotion.resume($1)', [table]);
const approve = (table: string) => sides.sql('select pgnotion.approve_guarded($1)', [table]);
const waits = (table: string): Promise<number> =>
  count('pgnotion.guarded_changes', `table_name = '${table}' and kind = 'deletion'`);

/** Everything of the family lies in the trash on both sides, and nothing of it is left to be done or complained of. */
async function allGone(policy: Policy, kind: Kind, pages: readonly string[]): Promise<void> {
  const parents = parentsOf(policy);
  const children = childrenOf(policy, kind);
  await soon(async () => (await count(parents, `id = ${NUMBERS[kind]}`)) === 0);
  await soon(async () => (await count(children, 'id < 99')) === 0);
  await sides.rest();
  expect(pages.map((page) => stack.sandbox.control.page(page).in_trash)).toEqual(pages.map(() => true));
  expect(await sides.failures()).toEqual([]);
  expect(await sides.sql('select * from pgnotion.open_conflicts')).toEqual([]);
  expect(await sides.sql('select * from pgnotion.guarded_changes')).toEqual([]);
  expect(
    await sides.sql(`select type from pgnotion.conflicts where table_name = $1 and type like 'DELETED%'`, [
      children,
    ]),
  ).toEqual([]);
  expect(
    await count(
      'pgnotion.operations',
      `table_name = '${children}' and kind = 'restore' and direction = 'to-notion'`,
    ),
  ).toBe(0);
}

const cases = POLICIES.flatMap((policy) => KINDS.map((kind) => [policy, kind] as const));

describe('a record and what refers to it are put into the trash together', () => {
  test.each(cases)(
    'invariant 10 and invariant 15: %s, on delete %s: all of them go, the parent first where it may',
    async (policy, kind) => {
      const parents = parentsOf(policy);
      const children = childrenOf(policy, kind);
      const parent = await sides.pageOf(parents, String(NUMBERS[kind]));
      const pages = [parent];
      for (let child = 1; child <= CHILDREN; child += 1)
        pages.push(await sides.pageOf(children, String(childKey(kind, child))));
      // The children's pages are not looked at before the parent has gone, or has been refused to go.
      if (policy === 'delete') await sides.pause(children);
      for (const page of pages) stack.sandbox.control.trashPage(page);
      if (policy === 'review') {
        await soon(async () => (await waits(children)) === CHILDREN && (await waits(parents)) === 1);
        await approve(parents);
      }
      if (kind === 'restrict')
        await soon(async () => (await sides.failures()).some(({ key }) => key === '4'));
      else await soon(async () => (await count(parents, `id = ${NUMBERS[kind]}`)) === 0);
      if (policy === 'delete') {
        // What became of their rows is known by then.
        const news = kind === 'restrict' ? 0 : CHILDREN;
        await soon(async () => (await count('pgnotion.outbox', `table_name = '${children}'`)) === news);
        await resume(children);
      } else await approve(children);
      await allGone(policy, kind, pages);
    },
  );
});

test('invariant 10: a page in the trash whose row would take many others along waits, and then takes them along', async () => {
  const [parents, children] = [parentsOf('delete'), childrenOf('delete', 'cascade')];
  await sides.sql(`insert into ${parents} values (70, 'many')`);
  await sides.sql(`insert into ${children} select n, 'one of many', 70 from generate_series(701, 730) n`);
  await sides.rest();
  const parent = await sides.pageOf(parents, '70');
  const pages = await Promise.all(['701', '730'].map((key) => sides.pageOf(children, key)));
  stack.sandbox.control.trashPage(parent);
  await soon(async () => (await waits(parents)) === 1);
  expect(await count(children, 'parent_id = 70')).toBe(30);
  await approve(parents);
  await soon(async () => (await count(children, 'parent_id = 70')) === 0);
  await soon(() => pages.every((page) => stack.sandbox.control.page(page).in_trash));
  await sides.rest();
  expect(await sides.sql('select * from pgnotion.guarded_changes')).toEqual([]);
  expect(await sides.failures()).toEqual([]);
});

test('invariant 7: a change of somebody else to such a child is still weighed against its deletion', async () => {
  const children = childrenOf('delete', 'set_null');
  await sides.sql(`insert into ${parentsOf('delete')} values (50, 'fifty')`);
  await sides.sql(`insert into ${children} values (51, 'changed', 50), (52, 'not changed', 50)`);
  const pages = await Promise.all(['51', '52'].map((key) => sides.pageOf(children, key)));
  await sides.rest();
  await sides.pause(children);
  for (const page of pages) stack.sandbox.control.trashPage(page);
  await sides.sql(`delete from ${parentsOf('delete')} where id = 50`);
  await sides.sql(`update ${children} set name = 'changed since' where id = 51`);
  await resume(children);
  await soon(async () => (await count(children, 'id = 52')) === 0);
  await soon(() => stack.sandbox.control.page(pages[0] ?? '').in_trash === false);
  await sides.rest();
  expect(await count(children, `id = 51 and name = 'changed since' and parent_id is null`)).toBe(1);
  expect(sides.shown(pages[0] ?? '', 'Name')).toBe('changed since');
  expect(stack.sandbox.control.page(pages[1] ?? '').in_trash).toBe(true);
});
