import { afterEach, expect, test } from 'vitest';
import { openInstallation, openNotion } from '../../src/app/connections.ts';
import { createSettleRelations } from '../../src/app/settle-relations.ts';
import { type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import { createNotionClock } from '../../src/model/clock.ts';
import type { TableName } from '../../src/model/ids.ts';
import { createPeople } from '../../src/notion/people.ts';
import { createKeyLock } from '../../src/runtime/keylock.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { createLooks } from '../../src/runtime/looks.ts';
import type { JsonObject } from '../../src/sandbox/notion/types.ts';
import { tagSecret } from '../../src/state/secret.ts';
import { readSources, type Source } from '../../src/state/sources.ts';
import { createStore } from '../../src/state/sql.ts';
import type { InboundContext } from '../../src/to-postgres/context.ts';
import { pollOnce } from '../../src/to-postgres/poll.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const schema = `
  create table guests (
    id uuid primary key default gen_random_uuid(), name text not null, seats integer not null, note text,
    state text not null default 'new', born timestamptz not null default clock_timestamp())`;

const config = (settleSeconds: number): ConfigInput => ({
  tables: {
    guests: {
      source: 'public.guests',
      key: 'id',
      title: 'Guests',
      onDuplicatePage: 'new-row',
      fields: {
        Name: { column: 'name', type: 'title' },
        Seats: { column: 'seats', type: 'number' },
        Note: { column: 'note', type: 'rich_text' },
        State: { column: 'state', type: 'select' },
        Greeting: { expression: "'Dear ' || name", type: 'rich_text' },
      },
    },
  },
  sync: { settleSeconds },
});

let stack: Stack;
let sides: Sides;
let source: string;

afterEach(() => stack[Symbol.asyncDispose]());

async function begin(settleSeconds: number): Promise<void> {
  stack = await createStack({ config: config(settleSeconds), schema, pollSeconds: 0.3 });
  await stack.apply();
  sides = sidesOf(stack);
  source = await sides.source('guests');
  await stack.start();
  await stack.settled();
}

type Guest = { readonly id: string; readonly name: string; readonly seats: number; readonly born: Date };
const guests = () => sides.sql<Guest>('select * from guests order by born');
const make = (properties: JsonObject = complete('Ada')) =>
  stack.sandbox.control.createPage(source, properties).id;
const complete = (name: string) => ({ Name: typed('title', name), Seats: typed('number', 2) });

/** The page shows its row's key and what derives from the row. */
const greeted = (page: string, row: Guest | undefined) =>
  soon(() => {
    expect(sides.shown(page, 'Supabase ID')).toBe(row?.id);
    expect(sides.shown(page, 'Greeting')).toBe(`Dear ${row?.name}`);
    expect(sides.shown(page, 'State')).toBe('new');
    return true;
  });

/** Long enough for a busy machine to type within. */
const SETTLE = 6;

test('a page that somebody is typing into becomes a row only once it was left alone for the settle time', async () => {
  await begin(SETTLE);
  const page = make();
  let last = 0;
  for (const name of ['Ad', 'Ada', 'Ada L', 'Ada Lovelace']) {
    await sides.polls(1);
    expect(await guests()).toEqual([]);
    sides.edit(page, { Name: typed('title', name) });
    last = Date.now();
  }
  const [row] = await soon(async () => {
    const found = await guests();
    return found.length > 0 && found;
  });
  expect(row).toMatchObject({ name: 'Ada Lovelace', seats: 2 });
  expect((row?.born.getTime() ?? 0) - last).toBeGreaterThanOrEqual(SETTLE * 1_000);
  await greeted(page, row);
});

test('invariant 4: a page that lacks something says what, and becomes a row once it is filled in', async () => {
  await begin(0);
  const page = make({ Name: typed('title', 'Ada') });
  const empty = make({});
  const of = async (id: string) => (await sides.failures()).find((one) => one.page_id === id);
  const lacking = await soon(() => of(page));
  expect(lacking).toMatchObject({ code: 'page_incomplete', reason: 'the page lacks Seats', parked: true });
  expect((await soon(() => of(empty))).reason).toContain('Name, Seats');
  expect(await guests()).toEqual([]);
  sides.edit(page, { Seats: typed('number', 3) });
  await soon(async () => (await guests()).length === 1);
  await greeted(page, (await guests())[0]);
  expect(await of(page)).toBeUndefined();
  stack.sandbox.control.trashPage(empty);
  await sides.rest();
  expect(await guests()).toHaveLength(1);
});

test("a person's duplicate of a page becomes a second row with a key of its own", async () => {
  await begin(0);
  const page = make();
  await soon(async () => (await guests()).length === 1);
  const [first] = await guests();
  await greeted(page, first);
  const copy = stack.sandbox.control.duplicatePage(page).id;
  expect(sides.shown(copy, 'Supabase ID')).toBe(first?.id);
  await soon(async () => (await guests()).length === 2);
  const [, second] = await guests();
  expect(second).toMatchObject({ name: 'Ada', seats: 2 });
  await greeted(copy, second);
  await greeted(page, first);
  sides.edit(copy, { Note: typed('rich_text', 'the copy') });
  await sides.rest();
  expect(await sides.sql('select id, note from guests order by born')).toEqual([
    { id: first?.id, note: null },
    { id: second?.id, note: 'the copy' },
  ]);
  expect(await sides.failures()).toEqual([]);
});

const stages: readonly (readonly [string, (page: string) => Promise<unknown>])[] = [
  ['before it was seen', async () => undefined],
  ['while it settled', () => soon(async () => (await sides.sql('select from pgnotion.edits')).length > 0)],
  ['right after its row was made', () => soon(async () => (await guests()).length > 0, 1)],
  ['once its key was written', (page) => soon(() => sides.shown(page, 'Supabase ID') !== '', 1)],
];

test.each(stages)(
  'invariants 3 and 9: a restart %s makes neither a second row nor a second page',
  async (_, stage) => {
    await begin(0.5);
    const page = make();
    await stage(page);
    await stack.stop();
    await stack.start();
    await soon(async () => (await guests()).length > 0);
    await greeted(page, (await guests())[0]);
    await sides.rest();
    expect(await guests()).toHaveLength(1);
    expect(stack.sandbox.control.pages(source)).toHaveLength(1);
    expect(await sides.failures()).toEqual([]);
  },
);

test('invariant 3: a page whose key could not be written back gets it after a restart, and no second row', async () => {
  await begin(0);
  const broken = stack.sandbox.control.faults.add({
    match: { operation: 'pages.update' },
    times: null,
    action: { kind: 'status', status: 503, when: 'before' },
  });
  const page = make();
  await soon(async () => (await guests()).length > 0);
  await stack.stop();
  stack.sandbox.control.faults.clear(broken);
  expect(sides.shown(page, 'Supabase ID')).toBe('');
  await stack.start();
  await greeted(page, (await guests())[0]);
  await sides.rest();
  expect(await guests()).toHaveLength(1);
});

/** What a daemon's poll works with; each has locks of its own, as two processes would. */
async function inbound(): Promise<InboundContext & { readonly close: () => Promise<void> }> {
  const parsed = parseConfig(config(0));
  const log = silentLog();
  const installation = await openInstallation(parsed, stack.environment, log);
  const { notion, throttle } = openNotion(installation);
  const [row] = await sides.sql<{ epoch: number }>(
    "select (value #>> '{}')::int as epoch from pgnotion.settings where name = 'epoch'",
  );
  const store = createStore(installation.pool, row?.epoch ?? 0);
  const sources = await readSources(store);
  const sourceOf = async (table: TableName): Promise<Source> => {
    const found = sources.get(table);
    if (found === undefined) throw new Error(`no source of ${table}`);
    return found;
  };
  return {
    store,
    notion,
    sourceOf,
    suspension: async () => null,
    settleRelations: createSettleRelations({ store, notion, sourceOf }),
    log,
    db: installation.db,
    writer: installation.writer,
    people: createPeople(notion),
    tables: new Map(installation.tables.map((table) => [table.name, table])),
    schema: { confirm: async () => true, known: () => ({}), afresh: async () => null },
    shapes: {
      refresh: async (name) => installation.tables.find((table) => table.name === name),
      look: async () => undefined,
      reading: () => () => undefined,
      leaveOut: async () => false,
    },
    locks: createKeyLock(),
    looks: createLooks(),
    botId: stack.sandbox.control.botId,
    tagSecret: await tagSecret(store),
    readLog: async () => true,
    clock: createNotionClock(() => performance.now()),
    settleMs: 0,
    wholePollPages: parsed.wholePollPages,
    sweepMs: 3_600_000,
    guards: parsed.guards,
    queryLagMs: 0,
    blackoutMs: 0,
    overlapMs: 180_000,
    onDirty: () => undefined,
    now: () => new Date(),
    close: async () => {
      await throttle.stop();
      await installation.close();
    },
  };
}

test('invariant 3: two polls that know nothing of each other make one row of a page', async () => {
  await begin(0);
  await stack.stop();
  const polls = await Promise.all([inbound(), inbound(), inbound()]);
  const pages = Array.from({ length: 8 }, (_, n) => make(complete(`Guest ${n}`)));
  await Promise.allSettled(
    polls.flatMap((context) =>
      [...context.tables.values()].map(async (table) =>
        pollOnce(context, table, await context.sourceOf(table.name)),
      ),
    ),
  );
  for (const each of polls) await each.close();
  await stack.start();
  await soon(async () => (await guests()).length === pages.length);
  await sides.rest();
  expect((await guests()).map(({ name }) => name).sort()).toEqual(pages.map((_, n) => `Guest ${n}`));
  for (const row of await guests()) await greeted(await sides.pageOf('guests', row.id), row);
  // What lost the race is looked at again before its failure ends.
  await soon(async () => (await sides.failures()).length === 0);
});
