import { Client } from '@notionhq/client';
import { afterEach, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import type { SandboxControl } from '../../src/sandbox/notion/control.ts';
import type { SandboxOptions } from '../../src/sandbox/notion/server.ts';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// Every data source counts as a large one: what is trashed, moved or hidden shows in a sweep alone.
const large = { settleSeconds: 0.2, wholePollPages: 0, sweepHours: 24 } as const;
const config: ConfigInput = { ...shopConfig, sync: large };

let stack: Stack;
let sides: Sides;
afterEach(() => stack[Symbol.asyncDispose]());

async function synced(rows: number, sandbox: SandboxOptions = {}): Promise<void> {
  stack = await createStack({ config, schema: shopSchema, pollSeconds: 0.5, sandbox });
  sides = sidesOf(stack);
  await sides.sql(shopRows(rows));
  await stack.apply();
  await stack.start();
  // A first sync of so many rows has more time than what follows it.
  await stack.settled();
  await agreed(stack);
}

const sweepNow = (table: string): Promise<object[]> => sides.sql('select pgnotion.resync($1)', [table]);

const departures: readonly [
  what: string,
  code: string,
  strike: (control: SandboxControl, page: string) => void,
][] = [
  ['is trashed', 'page_in_trash', (control, page) => void control.trashPage(page)],
  ['is archived', 'page_archived', (control, page) => void control.archivePage(page)],
  ['is no longer shared', 'page_hidden', (control, page) => control.unshare(page)],
  ['is deleted for good', 'page_hidden', (control, page) => control.deleteForever(page)],
];

test.each(departures)(
  'invariant 4: a page of a large database %s: the sweep finds it, by a GET and not by its absence',
  async (_what, code, strike) => {
    const keeping = { ...shopConfig.tables.items, onNotionTrash: 'ignore' } as const;
    stack = await createStack({
      config: { ...config, tables: { items: keeping } },
      schema: shopSchema,
      pollSeconds: 0.5,
    });
    sides = sidesOf(stack);
    await sides.sql(shopRows(5));
    await stack.apply();
    await stack.start();
    await agreed(stack);
    const page = await sides.pageOf('items', '3');
    strike(stack.sandbox.control, page);
    await sides.polls(3);
    expect(await sides.failures()).toEqual([]);
    stack.sandbox.control.clearRequests();
    await sweepNow('items');
    await eventually(async () => (await sides.failures())[0]?.code === code);
    const looks = stack.sandbox.control.requests().filter(({ operation }) => operation === 'pages.retrieve');
    // What is in the trash is looked at once more, beside its database.
    expect(looks).toHaveLength(code === 'page_in_trash' ? 2 : 1);
    expect(await sides.sql('select count(*)::int as n from items')).toEqual([{ n: 5 }]);
  },
);

const family: ConfigInput = {
  sync: large,
  tables: {
    parents: {
      source: 'public.parents',
      key: 'id',
      title: 'Parents',
      fields: { Name: { column: 'name', type: 'title' } },
    },
    children: {
      source: 'public.children',
      key: 'id',
      title: 'Children',
      fields: {
        Name: { column: 'name', type: 'title' },
        Parent: { column: 'parent_id', type: 'relation', relatedTable: 'parents' },
      },
    },
  },
};

test('invariants 4 and 5: a relation edited from its other end reaches PostgreSQL by the sweep', async () => {
  stack = await createStack({
    config: family,
    schema: `create table parents (id integer primary key, name text);
      create table children (id integer primary key, name text, parent_id integer references parents);
      insert into parents values (1, 'one'), (2, 'two'); insert into children values (1, 'child', 1)`,
    pollSeconds: 0.5,
  });
  sides = sidesOf(stack);
  await stack.apply();
  // What a person does in the editor: the relation gets its other end.
  const notion = new Client({
    auth: stack.sandbox.token,
    baseUrl: stack.sandbox.url,
    notionVersion: '2026-03-11',
  });
  await notion.dataSources.update({
    data_source_id: await sides.source('children'),
    properties: {
      Parent: {
        type: 'relation',
        relation: {
          data_source_id: await sides.source('parents'),
          type: 'dual_property',
          dual_property: { synced_property_name: 'Offspring' },
        },
      },
    },
  });
  await stack.start();
  await stack.settled();
  const [child, other] = [await sides.pageOf('children', '1'), await sides.pageOf('parents', '2')];
  const edited = stack.sandbox.control.page(child).last_edited_time;
  sides.edit(await sides.pageOf('parents', '1'), { Offspring: typed('relation', []) });
  sides.edit(other, { Offspring: typed('relation', [child]) });
  expect(stack.sandbox.control.page(child).last_edited_time, 'the child does not count as edited').toBe(
    edited,
  );
  await sweepNow('children');
  await eventually(async () => (await sides.sql('select from children where parent_id = 2')).length === 1);
});

test('invariant 9: a sweep goes on where a restart broke it off, and shows how far it is', async () => {
  let minutes = 0;
  // A page a minute: positions are times of creation, which Notion floors to the minute.
  await synced(250, { now: () => new Date(Date.UTC(2026, 0, 1) + minutes++ * 60_000) });
  const { control } = stack.sandbox;
  await stack.stop();
  control.faults.add({
    match: { operation: 'dataSources.query' },
    times: null,
    action: { kind: 'delay', ms: 300 },
  });
  await sweepNow('items');
  await stack.start();
  const [seen] = await eventually(
    async () => {
      const rows = await sides.sql<{ read: number; of: number; since: Date }>(
        `select pages_read::int as read, pages_expected::int as of, under_way_since as since
           from pgnotion.sweep where pages_read > 0`,
      );
      return rows.length > 0 && rows;
    },
    { everyMs: 5 },
  );
  await stack.stop();
  expect(seen).toMatchObject({ of: 250 });
  expect(seen?.read).toBeLessThan(250);
  control.faults.clear();
  await stack.start();
  const [ended] = await eventually(async () => {
    const rows = await sides.sql<{ started_at: Date; pages: number }>(
      'select started_at, pages::int from pgnotion.sweeps where finished_at is not null and asked_at is null',
    );
    return rows.length > 0 && rows;
  });
  expect(ended?.started_at).toEqual(seen?.since);
  // The page at the place of the break comes twice; one that began anew would count the first hundred twice.
  expect(ended?.pages).toBeGreaterThanOrEqual(250);
  expect(ended?.pages).toBeLessThan(300);
  await agreed(stack);
});

test('invariant 4: more results than one query gives, broken cursors and short answers leave nothing out', async () => {
  let minutes = 0;
  await synced(130, { now: () => new Date(Date.UTC(2026, 0, 1) + Math.floor(minutes++ / 10) * 60_000) });
  const { control } = stack.sandbox;
  control.setShortPages(true);
  control.setResultCap(45);
  for (let id = 1; id <= 130; id += 1)
    control.editPage(await sides.pageOf('items', String(id)), { Note: typed('rich_text', `typed ${id}`) });
  await eventually(
    async () => {
      control.expireCursors();
      return (await sides.sql(`select from items where note = 'typed ' || id`)).length === 130;
    },
    { timeoutMs: 60_000, everyMs: 400 },
  );
  expect(await sides.failures()).toEqual([]);
});

test('invariant 4: more pages edited in one minute than a query lists are found by the sweep that follows', async () => {
  const now = new Date(Date.UTC(2026, 0, 1));
  let minutes = 0;
  await synced(90, { now: () => new Date(now.getTime() + minutes * 60_000) });
  const { control } = stack.sandbox;
  await stack.stop();
  minutes = 30;
  for (let id = 1; id <= 90; id += 1)
    control.editPage(await sides.pageOf('items', String(id)), { Note: typed('rich_text', `typed ${id}`) });
  minutes = 60;
  control.setResultCap(40);
  await stack.start();
  await eventually(
    async () => (await sides.sql(`select from items where note = 'typed ' || id`)).length === 90,
    { timeoutMs: 60_000 },
  );
  expect(await sides.failures()).toEqual([]);
});

test('invariant 4: pages that are edited while a poll pages through them are not left out', async () => {
  let minutes = 0;
  await synced(120, { now: () => new Date(Date.UTC(2026, 0, 1) + Math.floor(minutes++ / 40) * 60_000) });
  const { control } = stack.sandbox;
  control.setShortPages(true);
  const last = new Map<number, string>();
  for (let round = 0; round < 400; round += 1) {
    const id = 1 + ((round * 37) % 120);
    last.set(id, `typed ${round}`);
    control.editPage(await sides.pageOf('items', String(id)), { Note: typed('rich_text', `typed ${round}`) });
  }
  await eventually(
    async () => {
      const rows = await sides.sql<{ id: number; note: string }>('select id, note from items');
      return rows.every(({ id, note }) => !last.has(id) || last.get(id) === note);
    },
    { timeoutMs: 60_000 },
  );
});
