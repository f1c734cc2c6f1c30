import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, type Stack, startStack } from '../support/stack.ts';

const ROWS = 40;
const NUMBER = 5;

const schema = `
  create table owners (id int primary key, name text not null);
  insert into owners values (1, 'Ada'), (2, 'Grace');
  create table items (
    id int primary key, name text not null, note text, amount int, stage text, tags text[], done boolean not null,
    due date, owner_id int references owners on delete set null, extra text, state text not null);
  insert into items select n, 'item ' || n, 'note ' || n, n, 'open', '{a,b}', true, '2026-05-01', 1, 'x ' || n, 'second'
    from generate_series(1, ${ROWS}) n;`;

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  guard: { clearing: { number: NUMBER, share: 0.1 } },
  tables: {
    owners: {
      source: 'public.owners',
      key: 'id',
      title: 'Owners',
      fields: { Name: { column: 'name', type: 'title' } },
    },
    items: {
      source: 'public.items',
      key: 'id',
      title: 'Items',
      fields: {
        Name: { column: 'name', type: 'title' },
        Note: { column: 'note', type: 'rich_text' },
        Amount: { column: 'amount', type: 'number' },
        Stage: { column: 'stage', type: 'select' },
        Tags: { column: 'tags', type: 'multi_select' },
        Done: { column: 'done', type: 'checkbox' },
        Due: { column: 'due', type: 'date' },
        Owner: { column: 'owner_id', type: 'relation', relatedTable: 'owners' },
        Extra: { column: 'extra', type: 'rich_text' },
        State: { column: 'state', type: 'status', values: { first: 'First', second: 'Second' } },
      },
    },
  },
};

const EMPTY = {
  Note: { rich_text: [] },
  Amount: { number: null },
  Stage: { select: null },
  Tags: { multi_select: [] },
  Done: { checkbox: false },
  Due: { date: null },
  Owner: { relation: [] },
  // A status is never empty: this is its default.
  State: { status: { name: 'First' } },
} as const;
type Field = keyof typeof EMPTY;
const COLUMNS = {
  Note: 'note',
  Amount: 'amount',
  Stage: 'stage',
  Tags: 'tags',
  Done: 'done',
  Due: 'due',
  Owner: 'owner_id',
  State: 'state',
} as const satisfies Record<Field, string>;

let stack: Stack;
let sides: Sides;
let pages: string[];

async function setUp(): Promise<void> {
  // Smaller than the guard's number: a mass has to be told by what waits behind a batch.
  const variables = { SYNC_BATCH_SIZE: '4' };
  stack = await startStack({ config, schema, pollSeconds: 0.5, variables });
  sides = sidesOf(stack);
  pages = [];
  for (let key = 1; key <= ROWS; key += 1) pages.push(await sides.pageOf('items', String(key)));
}

beforeAll(setUp, 120_000);
afterAll(() => stack[Symbol.asyncDispose]());
/** Each test counts for itself. */
beforeEach(() => stack.database.pool.query(`delete from pgnotion.clearings where state = 'crossed'`));

const page = (key: number): string => pages[key - 1] ?? '';
type Guarded = {
  kind: string;
  side: string;
  key: string;
  page_id: string;
  field: string;
  reason: string;
  cause: string | null;
};
const guarded = () => sides.sql<Guarded>('select * from pgnotion.guarded_changes order by key::int, field');
const waiting = async (count: number): Promise<Guarded[]> => {
  await soon(async () => (await guarded()).length === count);
  return guarded();
};
const rowsWhere = async (condition: string): Promise<number> =>
  (await sides.sql<{ n: number }>(`select count(*)::int as n from items where ${condition}`))[0]?.n ?? -1;
/** Nothing is left anywhere of what was decided. */
async function nothingLeft(): Promise<void> {
  await sides.rest();
  expect(await guarded()).toEqual([]);
  expect(await sides.failures()).toEqual([]);
  expect(await sides.sql('select from pgnotion.edits')).toEqual([]);
}

describe('a property that becomes empty on many pages', () => {
  test.each(Object.keys(EMPTY) as Field[])(
    'invariant 10: %s waits, other fields of the same edits go on, and rejecting fills the pages again',
    async (field) => {
      const before = pages.map((each) => sides.shown(each, field));
      const extra = `with ${field}`;
      for (let key = 1; key <= 12; key += 1)
        sides.edit(page(key), {
          [field]: EMPTY[field],
          Extra: { rich_text: [{ text: { content: extra } }] },
        });
      // The poll may have met the person in the middle: up to the guard's number, single clearings cross.
      await soon(async () => (await rowsWhere(`extra = '${extra}'`)) === 12);
      await sides.polls(2);
      const held = await guarded();
      const leaked = await rowsWhere(
        `id <= 12 and (${COLUMNS[field]} is null or ${COLUMNS[field]}::text in ('{}', 'false', 'first'))`,
      );
      expect(leaked).toBeLessThanOrEqual(NUMBER);
      expect(held).toHaveLength(12 - leaked);
      expect(held[0]).toMatchObject({ kind: 'clearing', side: 'to-postgres', field });
      expect(held[0]?.cause).toContain('Ada Lovelace');
      await sides.sql(`select pgnotion.reject_guarded('items')`);
      await nothingLeft();
      for (const { key } of held)
        expect(sides.shown(page(Number(key)), field)).toEqual(before[Number(key) - 1]);
      await sides.sql(
        `update items i set ${COLUMNS[field]} = o.${COLUMNS[field]} from items o where o.id = ${ROWS} and i.id <= 12
           and i.${COLUMNS[field]} is distinct from o.${COLUMNS[field]}
           and (i.${COLUMNS[field]} is null or i.${COLUMNS[field]}::text in ('{}', 'false', 'first'))`,
      );
      await sides.rest();
    },
  );

  test('invariant 10: approving empties the rows, and a second look changes nothing', async () => {
    for (let key = 13; key <= 24; key += 1) sides.edit(page(key), { Due: { date: null } });
    await sides.polls(3);
    const held = await guarded();
    expect(held.length).toBeGreaterThanOrEqual(12 - NUMBER);
    const [one] = held;
    await sides.sql(`select pgnotion.approve_guarded('items', $1, 'clearing', 'Due')`, [one?.key]);
    await soon(async () => (await guarded()).length === held.length - 1);
    await sides.sql(`select pgnotion.approve_guarded('items')`);
    await soon(async () => (await rowsWhere('id between 13 and 24 and due is null')) === 12);
    await nothingLeft();
    // What was approved counts no more: the next one crosses by itself, as long as few others did.
    sides.edit(page(25), { Due: { date: null } });
    await soon(async () => (await rowsWhere('id = 25 and due is null')) === 1);
    await nothingLeft();
  });

  test('invariant 10: in portions, no more than the number cross', async () => {
    for (let key = 1; key <= 20; key += 1) {
      sides.edit(page(key), { Note: { rich_text: [] } });
      await sides.polls(1);
    }
    await sides.polls(2);
    expect(await rowsWhere('note is null')).toBeLessThanOrEqual(NUMBER);
    expect(await guarded()).toHaveLength(20 - (await rowsWhere('note is null')));
    // Filled in again by the person, one needs no decision any more.
    sides.edit(page(20), { Note: { rich_text: [{ text: { content: 'filled in' } }] } });
    await soon(async () => (await rowsWhere(`note = 'filled in'`)) === 1);
    expect((await guarded()).some(({ key }) => key === '20')).toBe(false);
    await sides.sql(`select pgnotion.reject_guarded('items', null, 'clearing', 'Note')`);
    await nothingLeft();
    await sides.sql(`update items set note = 'note ' || id where note is null`);
    await sides.rest();
  });
});

describe('a column that SQL empties in many rows', () => {
  test('invariant 10: the pages keep it until somebody approves; all else is written', async () => {
    await sides.sql(`update items set amount = null, extra = 'after' where id <= 15`);
    const held = await waiting(15);
    expect(held[0]).toMatchObject({ kind: 'clearing', side: 'to-notion', field: 'Amount' });
    expect(held[0]?.cause).toContain('SQL');
    await soon(() => sides.shown(page(15), 'Extra') === 'after');
    expect(sides.shown(page(1), 'Amount')).toBe(1);
    expect((await sides.failures()).map(({ code }) => code)).toContain('mass_clearing');
    // A later change of such a record brings everything but the field that waits.
    await sides.sql(`update items set extra = 'later' where id = 1`);
    await soon(() => sides.shown(page(1), 'Extra') === 'later');
    expect(sides.shown(page(1), 'Amount')).toBe(1);
    // Filled in again by SQL, one needs no decision any more.
    await sides.sql(`update items set amount = 100 where id = 2`);
    await soon(() => sides.shown(page(2), 'Amount') === 100);
    await waiting(14);
    await sides.sql(`select pgnotion.approve_guarded('items')`);
    await soon(() => [1, 3, 15].every((key) => sides.shown(page(key), 'Amount') === null));
    await nothingLeft();
  });

  test('invariant 6: rejected, pages and rows stay as they are until either changes', async () => {
    await sides.sql(`update items set stage = null where id <= 15`);
    await waiting(15);
    await sides.sql(`select pgnotion.reject_guarded('items')`);
    await nothingLeft();
    expect(sides.shown(page(1), 'Stage')).toBe('open');
    expect(await rowsWhere('stage is null')).toBe(15);
    await sides.sql(`select pgnotion.resync('items')`);
    await sides.rest();
    expect(sides.shown(page(1), 'Stage')).toBe('open');
    expect(await rowsWhere('stage is null')).toBe(15);
    await sides.sql(`update items set stage = 'closed' where id = 1`);
    await soon(() => sides.shown(page(1), 'Stage') === 'closed');
    sides.edit(page(2), { Stage: { select: { name: 'late' } } });
    await soon(async () => (await rowsWhere(`id = 2 and stage = 'late'`)) === 1);
    await nothingLeft();
  });

  test('what a deleted row leaves empty in many others is a part of that deletion', async () => {
    await sides.sql('delete from owners where id = 1');
    await soon(() => pages.every((each) => JSON.stringify(sides.shown(each, 'Owner')) === '[]'));
    await nothingLeft();
  });
});

test('invariant 10: rows that were empty from the beginning are no clearing', async () => {
  await using other = await startStack({
    config,
    schema: `${schema} update items set note = null, amount = null, owner_id = null;`,
  });
  const { rows } = await other.database.pool.query('select * from pgnotion.clearings');
  expect(rows).toEqual([]);
});

test('invariant 10: a formula that gives nothing any more was emptied by no person', async () => {
  await using own = await createStack({
    config: {
      guard: { clearing: { number: NUMBER, share: 0.1 } },
      tables: {
        scored: {
          source: 'public.scored',
          key: 'id',
          title: 'Scored',
          fields: {
            Name: { column: 'name', type: 'title' },
            Score: { column: 'score', type: 'formula' },
          },
        },
      },
    },
    schema: `create table scored (id int primary key, name text not null, score int);
      insert into scored (id, name) select n, 'scored ' || n from generate_series(1, 12) n;`,
    pollSeconds: 0.5,
  });
  const { control } = own.sandbox;
  // The API makes no formula: a person does.
  await own.apply();
  control.addProperty(control.listDatabases()[0]?.dataSourceId ?? '', 'Score', {
    formula: { expression: '1' },
  });
  await own.apply();
  await own.start();
  await own.settled();
  const there = sidesOf(own);
  const scored: string[] = [];
  for (let key = 1; key <= 12; key += 1) scored.push(await there.pageOf('scored', String(key)));
  const rows = async (condition: string) => (await there.sql(`select from scored where ${condition}`)).length;
  for (const each of scored) control.setComputed(each, 'Score', { type: 'number', number: 7 });
  await soon(async () => (await rows('score = 7')) === 12);
  for (const each of scored) control.setComputed(each, 'Score', { type: 'number', number: null });
  const held = () => there.sql<Guarded>('select * from pgnotion.guarded_changes order by key::int');
  await soon(async () => (await held()).length >= 12 - NUMBER);
  await there.polls(2);
  const waiting = await held();
  expect(await rows('score is null')).toBe(12 - waiting.length);
  expect(waiting[0]).toMatchObject({
    field: 'Score',
    cause: expect.stringContaining('what computes "Score"'),
  });
  const [first, second] = waiting;
  // The row keeps what it has; nothing can be written to the page.
  await there.sql(`select pgnotion.reject_guarded('scored', $1)`, [first?.key]);
  await soon(async () => (await held()).length === waiting.length - 1);
  await there.sql(`select pgnotion.approve_guarded('scored')`);
  await soon(async () => (await rows('score is null')) === 11);
  await there.rest();
  expect(await there.failures()).toEqual([]);
  expect(await rows(`score = 7 and id = ${first?.key}`)).toBe(1);
  const [last] = await there.sql<{ actor: string; actor_id: string | null }>(
    `select actor, actor_id from pgnotion.operations
      where direction = 'to-postgres' and key = $1 order by id desc limit 1`,
    [second?.key],
  );
  expect(last).toEqual({ actor: 'notion', actor_id: null });
});
