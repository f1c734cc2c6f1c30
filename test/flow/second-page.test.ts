import { expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { sidesOf, typed } from '../support/sides.ts';
import { createStack } from '../support/stack.ts';

/** A create that nobody answers lands long after it was given up, when its record has had another page for a while. */
async function lateCreate() {
  const stack = await createStack({
    config: shopConfig,
    schema: shopSchema,
    pollSeconds: 0.5,
    createGraceMs: 300,
    variables: { NOTION_TIMEOUT_SECONDS: '1.5' },
  });
  const sides = sidesOf(stack);
  await sides.sql(shopRows(2));
  await stack.apply();
  await stack.start();
  await agreed(stack);
  const source = await sides.source('items');
  const { control } = stack.sandbox;
  const pages = () =>
    [...control.pages(source), ...control.trashedPages(source)]
      .filter((page) => sides.shown(page.id, 'Name') === 'late')
      .map(({ id }) => ({ id, inTrash: control.page(id).in_trash }));
  control.faults.add({
    match: { operation: 'pages.create' },
    times: 1,
    action: { kind: 'delay', ms: 12_000, when: 'before' },
  });
  await sides.sql(`insert into items (id, name) overriding system value values (50, 'late')`);
  const first = await eventually(() => sides.pageOf('items', '50'));
  return { stack, sides, pages, first };
}

test('invariants 3 and 7: a second page of ours goes to the trash, with an operation line', async () => {
  const { stack, sides, pages, first } = await lateCreate();
  await using _ = stack;
  await eventually(() => pages().length === 2);
  await eventually(() => pages().filter((page) => !page.inTrash).length === 1);
  expect(pages().find((page) => !page.inTrash)?.id).toBe(first);
  const second = pages().find((page) => page.inTrash)?.id;
  await eventually(async () => {
    const lines = await sides.sql(
      `select kind, status, before ->> 'Name' as name from pgnotion.operations where page_id = $1`,
      [second],
    );
    expect(lines).toEqual([{ kind: 'delete', status: 'done', name: 'late' }]);
    return true;
  });
  expect(await sides.failures()).toEqual([]);

  // Whoever takes it out of the trash wants it: it is not trashed again.
  stack.sandbox.control.restorePage(second ?? '');
  await eventually(async () => (await sides.failures())[0]?.code === 'second_page');
  await sides.polls(3);
  expect(pages().filter((page) => page.inTrash)).toEqual([]);
});

test('invariants 3 and 4: a second page that a person has written in stays, and stands in the failures', async () => {
  const { stack, sides, pages, first } = await lateCreate();
  await using _ = stack;
  await stack.stop();
  await eventually(() => pages().length === 2);
  const second = pages().find((page) => page.id !== first)?.id ?? '';
  sides.edit(second, { Note: typed('rich_text', 'worth keeping') });
  await stack.start();
  await eventually(async () => (await sides.failures())[0]?.code === 'second_page');
  expect(pages().filter((page) => page.inTrash)).toEqual([]);
  expect(await sides.sql('select count(*)::int as n from items')).toEqual([{ n: 3 }]);
});
