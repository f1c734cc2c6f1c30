import { signWebhookPayload } from '@notionhq/client';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { createStore } from '../../src/state/sql.ts';
import { forgetWebhookToken, webhookToken } from '../../src/state/webhook.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const config: ConfigInput = {
  ...shopConfig,
  tables: {
    ...shopConfig.tables,
    orders: {
      source: 'public.orders',
      key: 'id',
      title: 'Orders',
      fields: {
        Label: { column: 'label', type: 'title' },
        Item: { column: 'item_id', type: 'relation', relatedTable: 'items' },
      },
    },
  },
};
const schema = `${shopSchema};
  create table orders (id integer primary key, label text not null, item_id integer references items);
  ${shopRows(3)};
  insert into orders values (1, 'one', 1), (2, 'two', 1), (3, 'three', null);`;

type Scene = { readonly stack: Stack; readonly sides: Sides; readonly hook: string };

/** A stack that has synced and polls once an hour: what arrives, arrives by a webhook. */
async function scene(
  more: Partial<ConfigInput> = {},
  prepare?: (stack: Stack) => Promise<void>,
): Promise<Scene> {
  const stack = await createStack({ config: { ...config, ...more }, schema, pollSeconds: 3_600 });
  onTestFinished(() => stack[Symbol.asyncDispose]());
  await stack.apply();
  await prepare?.(stack);
  await stack.start();
  await stack.settled();
  return { stack, sides: sidesOf(stack), hook: `${stack.admin()}/webhooks/notion` };
}

const post = (url: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(url, { method: 'POST', body, headers });
const tokenOf = ({ database }: Stack) => webhookToken(createStore(database.pool, 0));
const queries = ({ sandbox }: Stack): number =>
  sandbox.control.requests().filter(({ operation }) => operation === 'dataSources.query').length;
const nameOf = async ({ sql }: Sides, id: number): Promise<string | undefined> =>
  (await sql<{ name: string }>('select name from items where id = $1', [id]))[0]?.name;

/** Posts events as Notion does, signed. */
async function teller(stack: Stack, hook: string) {
  const token = (await tokenOf(stack)) ?? '';
  const sides = sidesOf(stack);
  return async (type: string, page: string, table: string, changed?: readonly string[]): Promise<void> => {
    const body = JSON.stringify({
      type,
      entity: { id: page, type: 'page' },
      authors: [{ id: stack.sandbox.control.personId, type: 'person' }],
      data: {
        parent: { id: 'x', type: 'database', data_source_id: await sides.source(table) },
        ...(changed && { updated_properties: changed }),
      },
    });
    const signature = await signWebhookPayload({ body, verificationToken: token });
    expect((await post(hook, body, { 'x-notion-signature': signature })).status).toBe(200);
  };
}

describe('with a subscription', () => {
  let at: Scene;
  let pages: readonly string[];

  beforeEach(async () => {
    at = await scene();
    await at.stack.sandbox.control.webhooks.subscribe(at.hook);
    pages = await Promise.all(['1', '2', '3'].map((key) => at.sides.pageOf('items', key)));
  });

  test('an edit, a new page, a page in the trash and one out of it arrive without a poll', async () => {
    const { stack, sides } = at;
    const { control } = stack.sandbox;
    const polled = queries(stack);
    const [page = ''] = pages;
    control.editPage(page, { Name: typed('title', 'edited') });
    await control.webhooks.deliver();
    await soon(async () => (await nameOf(sides, 1)) === 'edited');

    const made = control.createPage(await sides.source('items'), { Name: typed('title', 'made') });
    await control.webhooks.deliver();
    const key = await soon(() => sides.keyOf(made.id));
    expect(await nameOf(sides, Number(key))).toBe('made');

    control.trashPage(made.id);
    await control.webhooks.deliver();
    await soon(async () => (await nameOf(sides, Number(key))) === undefined);
    control.restorePage(made.id);
    await control.webhooks.deliver();
    await soon(async () => (await sides.sql(`select from items where name = 'made'`)).length === 1);
    expect(queries(stack)).toBe(polled);
    expect(await sides.failures()).toEqual([]);
  });

  test('deliveries that are doubled, out of order, late or lost change nothing but the time', async () => {
    const { stack, sides } = at;
    const { control } = stack.sandbox;
    const [one = '', two = '', three = ''] = pages;
    for (const [page, name] of [
      [one, 'a'],
      [two, 'b'],
      [three, 'c'],
    ] as const)
      control.editPage(page, { Name: typed('title', name) });
    // The first page has two events, of its title and of its properties: both are lost.
    await control.webhooks.deliver({ reverse: true, duplicate: true, drop: 2 });
    await soon(async () => (await nameOf(sides, 2)) === 'b' && (await nameOf(sides, 1)) === 'a');
    expect(await nameOf(sides, 3)).toBe('item 3');

    // What was told late is looked at as it is then.
    control.editPage(one, { Name: typed('title', 'late') });
    await sides.sql(`update items set note = 'meanwhile' where id = 1`);
    await soon(() => sides.shown(one, 'Note') === 'meanwhile');
    await soon(async () => (await nameOf(sides, 1)) === 'late');
    const { rows: before } = await stack.database.pool.query('select from pgnotion.operations');
    await control.webhooks.deliver({ duplicate: true });
    control.editPage(two, { Name: typed('title', 'last') });
    await control.webhooks.deliver();
    await soon(async () => (await nameOf(sides, 2)) === 'last');
    const { rows: after } = await stack.database.pool.query('select from pgnotion.operations');
    expect(after.length - before.length).toBe(1);
    expect(await sides.failures()).toEqual([]);
    // The lost one is what polling is for.
    await sides.sql(`select pgnotion.resync('items')`);
    await stack.stop();
    await stack.start();
    await soon(async () => (await nameOf(sides, 3)) === 'c');
  });

  test("the connection's own writes are not looked at again", async () => {
    const { stack, sides } = at;
    const { control } = stack.sandbox;
    await sides.sql(`update items set name = 'from sql' where id = 1`);
    await soon(() => sides.shown(pages[0] ?? '', 'Name') === 'from sql');
    await stack.settled();
    control.clearRequests();
    expect(await control.webhooks.deliver()).toBeGreaterThan(0);
    control.editPage(pages[1] ?? '', { Name: typed('title', 'by a person') });
    await control.webhooks.deliver();
    await soon(async () => (await nameOf(sides, 2)) === 'by a person');
    const looked = control.requests().filter(({ operation }) => operation === 'pages.retrieve');
    expect(looked.filter(({ path }) => path.includes((pages[0] ?? '').replaceAll('-', '')))).toEqual([]);
    expect(looked.filter(({ path }) => path.includes(pages[0] ?? ''))).toEqual([]);
    expect(looked.length).toBeGreaterThan(0);
  });

  test('pages of a paused table are left alone', async () => {
    const { stack, sides } = at;
    const { control } = stack.sandbox;
    await sides.sql(`select pgnotion.pause('items')`);
    control.editPage(pages[0] ?? '', { Name: typed('title', 'while paused') });
    await control.webhooks.deliver();
    const order = await sides.pageOf('orders', '1');
    control.editPage(order, { Label: typed('title', 'goes on') });
    await control.webhooks.deliver();
    await soon(async () => (await sides.sql(`select from orders where label = 'goes on'`)).length === 1);
    expect(await nameOf(sides, 1)).toBe('item 1');
  });

  test('invariant 14: a forged or unsigned delivery is refused, and does nothing', async () => {
    const { stack, hook } = at;
    const { control } = stack.sandbox;
    control.clearRequests();
    const parent = { id: 'x', type: 'database', data_source_id: await at.sides.source('items') };
    const body = JSON.stringify({
      type: 'page.properties_updated',
      entity: { id: pages[0], type: 'page' },
      authors: [],
      data: { parent },
    });
    const token = (await tokenOf(stack)) ?? '';
    const sign = (text: string, verificationToken = token) =>
      signWebhookPayload({ body: text, verificationToken });
    const refused = [
      await post(hook, body),
      await post(hook, body, { 'x-notion-signature': 'sha256=00' }),
      await post(hook, body, { 'x-notion-signature': await sign(body, 'another token') }),
      await post(hook, `${body} `, { 'x-notion-signature': await sign(body) }),
      await post(hook, '{', { 'x-notion-signature': await sign('}') }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    for (const response of refused) expect(await response.text()).not.toContain(token);
    expect(control.requests()).toEqual([]);
    expect((await post(hook, body, { 'x-notion-signature': await sign(body) })).status).toBe(200);
    await soon(() => control.requests().some(({ operation }) => operation === 'pages.retrieve'));
  });

  test('what is no event of ours is answered for good', async () => {
    const { stack, hook } = at;
    const { control } = stack.sandbox;
    const token = (await tokenOf(stack)) ?? '';
    control.clearRequests();
    const signed = async (body: string) =>
      (
        await post(hook, body, {
          'x-notion-signature': await signWebhookPayload({ body, verificationToken: token }),
        })
      ).status;
    const event = (type: string, id = 'x') =>
      JSON.stringify({ type, entity: { id, type: 'page' }, data: {} });
    expect(await signed('{')).toBe(400);
    expect(await signed('[]')).toBe(200);
    expect(await signed(event('page.of_tomorrow'))).toBe(200);
    expect(await signed(event('page.created', pages[0]))).toBe(200);
    expect(await signed(event('page.deleted', 'no id'))).toBe(200);
    expect(await signed(' '.repeat(300_000))).toBe(413);
    expect((await fetch(hook)).status).toBe(405);
    expect(control.requests()).toEqual([]);
  });
});

test('invariant 4: a relation that was edited from its other end reaches its row at once', async () => {
  const { stack, sides, hook } = await scene({}, async ({ sandbox: { control }, database }) => {
    const { rows } = await database.pool.query<{ name: string; id: string }>(
      'select table_name as name, data_source_id as id from pgnotion.data_sources',
    );
    const id = (name: string) => rows.find((row) => row.name === name)?.id ?? '';
    const relation = { data_source_id: id('items'), dual_property: { synced_property_name: 'Orders' } };
    control.addProperty(id('orders'), 'Item', { relation });
  });
  const { control } = stack.sandbox;
  await control.webhooks.subscribe(hook);
  const [item = '', other = ''] = [await sides.pageOf('items', '1'), await sides.pageOf('items', '2')];
  const orders = await Promise.all(['1', '2', '3'].map((key) => sides.pageOf('orders', key)));
  expect(sides.shown(item, 'Orders')).toEqual([orders[0], orders[1]].sort());
  control.webhooks.unsubscribe();
  const items = async () =>
    (await sides.sql<{ item: number | null }>('select item_id as item from orders order by id')).map(
      ({ item: id }) => id,
    );

  // As Notion tells it: of the page that the person edited, and not of those at the other end.
  const tellOf = await teller(stack, hook);
  const tell = (page: string, property: string): Promise<void> =>
    tellOf('page.properties_updated', page, 'items', [String(sides.property(page, property).id)]);
  // The second order is taken away, the third is added.
  control.editPage(item, { Orders: typed('relation', [orders[0] ?? '', orders[2] ?? '']) });
  await tell(item, 'Name');
  await tell(item, 'Orders');
  await soon(async () => {
    expect(await items()).toEqual([1, null, 1]);
    return true;
  });
  // Where both ends agree, none but the edited page is looked at.
  control.clearRequests();
  await tell(other, 'Orders');
  await soon(() => control.requests().length > 0);
  await sides.sql(`update items set note = 'x' where id = 3`);
  await soon(async () => sides.shown(await sides.pageOf('items', '3'), 'Note') === 'x');
  const looked = control.requests().map(({ path }) => path);
  for (const order of orders) expect(looked.filter((path) => path.includes(order))).toEqual([]);
  expect(looked.filter((path) => path.includes(other))).not.toEqual([]);
});

test('the first handshake is kept, and no other one before a person asks for it', async () => {
  const { stack, hook } = await scene();
  const { webhooks } = stack.sandbox.control;
  const token = await webhooks.subscribe(hook);
  expect(await tokenOf(stack)).toBe(token);
  const handshake = (offered: string) => JSON.stringify({ verification_token: offered });
  // Notion sends the same one again when a person asks it to.
  expect((await post(hook, handshake(token))).status).toBe(200);
  expect((await post(hook, handshake('of a stranger'))).status).toBe(409);
  expect((await post(hook, handshake('of a stranger'), { 'x-notion-signature': 'sha256=00' })).status).toBe(
    401,
  );
  await expect(webhooks.subscribe(hook)).rejects.toThrow('did not accept');
  expect(await tokenOf(stack)).toBe(token);

  expect(await forgetWebhookToken(createStore(stack.database.pool, 0))).toBe(true);
  const next = await soon(() => webhooks.subscribe(hook).catch(() => null), 200);
  expect(next).not.toBe(token);
  expect(await tokenOf(stack)).toBe(next);
});

test.each([
  ['deleted, one after the other', 'page.deleted', 0],
  ['changed, all at once', 'page.content_updated', 500],
])(
  'invariant 10: pages trashed in bulk, and told of as %s, wait for a person above the guard',
  async (_, type, ms) => {
    const { stack, sides, hook } = await scene({ deleteGuard: { number: 1 } });
    const { control } = stack.sandbox;
    await control.webhooks.subscribe(hook);
    control.webhooks.unsubscribe();
    await sides.sql('update orders set item_id = null');
    await stack.settled();
    // While the first look lasts, the others gather, and are looked at side by side.
    control.faults.add({ match: { operation: 'pages.retrieve' }, times: 1, action: { kind: 'delay', ms } });
    const tell = await teller(stack, hook);
    await tell('page.content_updated', await sides.pageOf('orders', '1'), 'orders');
    for (const key of ['1', '2', '3']) {
      const page = await sides.pageOf('items', key);
      control.trashPage(page);
      await tell(type, page, 'items');
    }
    // A page that has not been looked at yet is neither deleted nor waits.
    await soon(async () => {
      const waiting = (await sides.sql('select from pgnotion.deletes')).length;
      return waiting >= 2 && (await sides.sql('select from items')).length === waiting;
    });
  },
);
