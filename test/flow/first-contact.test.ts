import { afterEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const PAGES = 30;

let stack: Stack;
let sides: Sides;
let source: string;
let pages: readonly string[];
afterEach(() => stack[Symbol.asyncDispose]());

/** A database with pages that carry no key. */
async function begin(count: number, rows = 2): Promise<void> {
  stack = await createStack({
    config: { ...shopConfig, guard: { number: 20, share: 0.2, windowMinutes: 10 } },
    schema: `${shopSchema}; ${shopRows(rows)}`,
    pollSeconds: 0.5,
  });
  await stack.apply();
  sides = sidesOf(stack);
  source = await sides.source('items');
  pages = Array.from(
    { length: count },
    (_, n) => stack.sandbox.control.createPage(source, { Name: typed('title', `theirs ${n}`) }).id,
  );
  await stack.apply();
  await stack.start();
}

type Line = {
  readonly kind: string;
  readonly key: string | null;
  readonly changes: number;
  readonly reason: string;
};
const lines = () => sides.sql<Line>('select kind, key, changes, reason from pgnotion.guarded_changes');
const count = async () => (await sides.sql<{ n: number }>('select count(*)::int as n from items'))[0]?.n;
const held = () =>
  soon(async () => {
    const all = await lines();
    return all.length > 0 && all;
  });

test('invariant 10: a mass of pages without keys waits as one guarded change, while rows get their pages', async () => {
  await begin(PAGES);
  expect(await held()).toEqual([
    { kind: 'creation', key: null, changes: PAGES, reason: expect.stringContaining(`${PAGES} pages`) },
  ]);
  await soon(() => stack.sandbox.control.pages(source).length === PAGES + 2);
  // One that is edited is still one of them.
  sides.edit(pages[0] ?? '', { Note: typed('rich_text', 'edited') });
  await sides.rest();
  expect(await count()).toBe(2);
  expect(await sides.failures()).toEqual([]);

  await sides.sql(`select pgnotion.approve_guarded('items')`);
  await eventually(async () => (await count()) === PAGES + 2, { timeoutMs: 60_000 });
  await soon(async () => (await lines()).length === 0);
  expect(await sides.sql(`select note from items where name = 'theirs 0'`)).toEqual([{ note: 'edited' }]);
  expect(await sides.failures()).toEqual([]);
});

test('invariant 10: refused, the pages stay as they are and are told of nowhere; an edited one becomes a row after all', async () => {
  await begin(PAGES);
  await held();
  const [decided] = await sides.sql(`select pgnotion.reject_guarded('items', null, 'creation')::int as n`);
  expect(decided).toEqual({ n: PAGES });
  await soon(async () => (await lines()).length === 0);
  await sides.rest();
  expect([await count(), await sides.failures()]).toEqual([2, []]);
  expect(stack.sandbox.control.pages(source)).toHaveLength(PAGES + 2);

  await stack.stop();
  await stack.start();
  await sides.rest();
  expect(await count()).toBe(2);
  sides.edit(pages[1] ?? '', { Note: typed('rich_text', 'worth a row') });
  await soon(async () => (await sides.sql(`select from items where note = 'worth a row'`)).length === 1);
  await sides.rest();
  expect(await count()).toBe(3);
});

test('fewer pages than the guard’s number become rows at once, and so do new ones later on', async () => {
  await begin(5);
  await soon(async () => (await count()) === 7);
  expect(await lines()).toEqual([]);
});
