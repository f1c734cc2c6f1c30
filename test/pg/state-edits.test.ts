import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  commandMark,
  type EditCommand,
  type EditMark,
  LOOK_MARK,
  NO_MARK,
  valuesMark,
} from '../../src/model/edit-command.ts';
import type { PageId, RowKey } from '../../src/model/ids.ts';
import { wakeIfDecided } from '../../src/state/clearings.ts';
import {
  commandEdits,
  dropEdit,
  dueEdits,
  editsOf,
  lookSoon,
  nextEditMs,
  parkEdit,
  parkUndecided,
  releaseRefusedDeletions,
  waitForEdit,
} from '../../src/state/edits.ts';
import { ADOPTION_REVIEW, lookAtCarrier } from '../../src/state/first-contact.ts';
import type { Sql } from '../../src/state/sql.ts';
import { releaseRefusedByShape } from '../../src/state/table-shapes.ts';
import {
  addSource,
  createState,
  key,
  pageOf,
  products,
  type StateStage,
  suppliers,
} from '../support/state.ts';

let state: StateStage;
let sql: Sql;
beforeAll(async () => {
  state = await createState();
  sql = state.store;
});
afterAll(() => state.database.drop());
beforeEach(async () => {
  await state.clear();
  await addSource(sql, suppliers, 1);
});

const failure = { code: 'c', reason: 'r', remedy: 'm' };
const edit = (digest = 'one', page: PageId = pageOf(1), name: RowKey | null = key('a')) => ({
  page,
  table: suppliers,
  key: name,
  mark: valuesMark(digest),
});
const read = async (page = pageOf(1)) => (await editsOf(sql, [page])).get(page);
const due = async () => (await dueEdits(sql)).map((each) => each.page);
/** Lets an hour pass for everything that waits. */
const anHourLater = () =>
  sql.query(`update pgnotion.edits set quiet_from = quiet_from - interval '1 hour', next_at = next_at - interval '1 hour',
               seen_at = seen_at - interval '1 hour'`);
const HOUR_MS = 3_600_000;

test('a page that must wait is due when its time has come', async () => {
  await waitForEdit(sql, edit(), 60_000, null);
  expect(await read()).toMatchObject({
    table: suppliers,
    key: 'a',
    mark: valuesMark('one'),
    attempts: 1,
    parked: false,
  });
  expect(await due()).toEqual([]);
  const ms = await nextEditMs(sql);
  expect(ms).toBeGreaterThan(50_000);
  expect(ms).toBeLessThanOrEqual(60_000);
  await anHourLater();
  expect(await due()).toEqual([pageOf(1)]);
  expect(await nextEditMs(sql)).toBeLessThan(0);
});

test('the quiet time goes on while the values stay, and starts anew when they change', async () => {
  await waitForEdit(sql, edit('one'), 1000, null);
  await anHourLater();
  await waitForEdit(sql, edit('one'), 1000, null);
  expect((await read())?.quietMs).toBeGreaterThanOrEqual(HOUR_MS);
  expect(await read()).toMatchObject({ attempts: 2 });
  await waitForEdit(sql, edit('two'), 1000, null);
  expect((await read())?.quietMs).toBeLessThan(HOUR_MS / 2);
  expect(await read()).toMatchObject({ mark: valuesMark('two'), attempts: 1 });
});

test('a page that is no record yet waits without a key, and gets one when it has one', async () => {
  await waitForEdit(sql, edit('one', pageOf(1), null), 1000, null);
  expect(await read()).toMatchObject({ key: null });
  await waitForEdit(sql, edit(), 1000, null);
  expect(await read()).toMatchObject({ key: 'a' });
});

test('invariant 4: a refused edit is never due by itself, and stands in failures with its reason', async () => {
  await parkEdit(sql, { ...edit(), fields: ['Name'] }, failure);
  await anHourLater();
  expect([await due(), await nextEditMs(sql)]).toEqual([[], null]);
  expect(await read()).toMatchObject({ parked: true });
  expect(await state.rows('select * from pgnotion.failures')).toMatchObject([
    {
      direction: 'to-postgres',
      table_name: suppliers,
      key: 'a',
      page_id: pageOf(1),
      ...failure,
      parked: true,
    },
  ]);
});

test('a parked edit whose page changes waits like any other', async () => {
  await parkEdit(sql, edit('one'), failure);
  await waitForEdit(sql, edit('two'), 0, null);
  expect(await read()).toMatchObject({ parked: false, attempts: 1 });
  expect(await state.rows('select * from pgnotion.failures')).toEqual([]);
  expect(await due()).toEqual([pageOf(1)]);
});

test.each([
  ['a record by its key', key('a'), 'a'],
  ['a page that is no record yet by its page id', null, String(pageOf(1))],
])('retry() makes %s due at once, and its values count as not seen', async (_title, name, asked) => {
  await parkEdit(sql, edit('one', pageOf(1), name), failure);
  await parkEdit(sql, edit('one', pageOf(2), key('b')), failure);
  expect(await state.rows('select pgnotion.retry($1, $2)::int as n', ['suppliers', asked])).toEqual([
    { n: 1 },
  ]);
  expect(await due()).toEqual([pageOf(1)]);
  expect(await read()).toMatchObject({ mark: LOOK_MARK, attempts: 0, parked: false });
  expect(await read(pageOf(2))).toMatchObject({ mark: valuesMark('one'), parked: true });
});

test('retry() of what does not wait, or of another table’s, finds nothing', async () => {
  await parkEdit(sql, edit(), failure);
  for (const [table, name] of [
    ['products', 'a'],
    ['suppliers', 'b'],
  ])
    expect(await state.rows('select pgnotion.retry($1, $2)::int as n', [table, name])).toEqual([{ n: 0 }]);
  expect(await due()).toEqual([]);
});

test('edits of a paused table wait, and nobody is woken for them', async () => {
  await waitForEdit(sql, edit(), 0, null);
  await sql.query(`select pgnotion.pause('suppliers')`);
  expect([await due(), await nextEditMs(sql)]).toEqual([[], null]);
  await sql.query(`select pgnotion.resume('suppliers')`);
  expect(await due()).toEqual([pageOf(1)]);
});

test('the longest due come first, a hundred at a time', async () => {
  for (let number = 1; number <= 105; number += 1)
    await waitForEdit(sql, edit('one', pageOf(number)), -number * 1000, null);
  const first = await due();
  expect([first.length, first[0], first.at(-1)]).toEqual([100, pageOf(105), pageOf(6)]);
});

test('invariant 16: some of every table are due, however many of one are, and none of a table that is left out', async () => {
  for (let number = 1; number <= 105; number += 1)
    await waitForEdit(sql, edit('one', pageOf(number)), -number * 1000, null);
  await waitForEdit(sql, { ...edit('one', pageOf(200)), table: products }, 0, null);
  expect(await due()).toHaveLength(101);
  expect((await dueEdits(sql, [suppliers])).map(({ page }) => page)).toEqual([pageOf(200)]);
});

test('a dropped edit is gone, and no other', async () => {
  await waitForEdit(sql, edit('one', pageOf(1)), 0, failure);
  await waitForEdit(sql, edit('one', pageOf(2)), 0, failure);
  await dropEdit(sql, pageOf(1));
  expect([...(await editsOf(sql, [pageOf(1), pageOf(2)])).keys()]).toEqual([pageOf(2)]);
});

test('invariant 10: a decision about emptied fields that comes before their edit is set aside is not lost', async () => {
  await sql.query(
    `insert into pgnotion.clearings (table_name, key, side, field, page_id, state, reason)
     values ($1, 'a', 'to-postgres', 'Notes', $2, 'waiting', 'many')`,
    [suppliers, pageOf(1)],
  );
  const waiting = { ...edit(), key: key('a') };
  await parkEdit(sql, waiting, failure);
  await wakeIfDecided(sql, waiting, ['Notes']);
  expect(await due()).toEqual([]);
  await sql.query(`update pgnotion.clearings set state = 'rejected'`);
  await wakeIfDecided(sql, waiting, ['Price']);
  expect(await due()).toEqual([]);
  await wakeIfDecided(sql, waiting, ['Notes']);
  expect(await due()).toEqual([pageOf(1)]);
});

const VALUES = valuesMark('one');
const HOLD = commandMark('hold');
const APPROVE = commandMark('approve');
const REJECT = commandMark('reject');
const ALL: readonly EditMark[] = [VALUES, NO_MARK, LOOK_MARK, HOLD, APPROVE, REJECT];
const REFUSED = { code: 'sql_23503', reason: 'r', remedy: 'm' };
const A = { page: pageOf(1), table: suppliers, key: key('a') };
const tell = (given: EditCommand, overrides: boolean) =>
  commandEdits(sql, given, { which: 'page_id = $1', parameters: [A.page] }, { overrides });

// What becomes of each mark, in the order of `ALL`; null: the page stays set aside as it is.
test.each([
  ['a look of the daemon', () => lookSoon(sql, A), [VALUES, NO_MARK, LOOK_MARK, null, null, null]],
  [
    'a look that asks for all anew',
    () => tell('look', false),
    [LOOK_MARK, LOOK_MARK, LOOK_MARK, null, null, null],
  ],
  ['a look that somebody forces', () => tell('look', true), Array<EditMark>(6).fill(LOOK_MARK)],
  [
    'retry()',
    () => sql.query(`select pgnotion.retry('suppliers', 'a')`),
    [LOOK_MARK, LOOK_MARK, LOOK_MARK, LOOK_MARK, APPROVE, REJECT],
  ],
  ['a rejection', () => tell('reject', true), Array<EditMark>(6).fill(REJECT)],
  [
    'a row that refers to it no more',
    () => releaseRefusedDeletions(sql, [suppliers]),
    [null, null, null, LOOK_MARK, APPROVE, null],
  ],
  [
    'another shape of the table',
    () => releaseRefusedByShape(sql, suppliers),
    [VALUES, NO_MARK, LOOK_MARK, LOOK_MARK, APPROVE, REJECT],
  ],
] as const)(
  'invariant 10: %s wakes a page, and takes the place of no decision unless it is one',
  async (_title, happen, after) => {
    for (const [at, mark] of ALL.entries()) {
      await state.clear();
      await addSource(sql, suppliers, 1);
      await parkEdit(sql, { ...A, mark }, REFUSED);
      await happen();
      expect(await read()).toMatchObject({ mark: after[at] ?? mark, parked: after[at] === null });
    }
  },
);

test('a page that nothing was known of is looked at afresh, and gets the key that its record has', async () => {
  await lookSoon(sql, A);
  expect(await read()).toMatchObject({ mark: LOOK_MARK, key: 'a', due: true });
  await parkEdit(sql, { ...A, key: null, mark: VALUES }, failure);
  await sql.query(
    `select pgnotion.command_edits(array[$1::uuid], array['suppliers'], array['a'], 'reject')`,
    [A.page],
  );
  expect(await read()).toMatchObject({ mark: REJECT, key: 'a', due: true, attempts: 0, parked: false });
});

test('tries count while the mark stays, whatever it is', async () => {
  for (const mark of ALL) {
    await state.clear();
    await waitForEdit(sql, { ...A, mark }, 0, REFUSED);
    await waitForEdit(sql, { ...A, mark }, 0, REFUSED);
    expect(await read()).toMatchObject({ mark, attempts: 2 });
  }
  await waitForEdit(sql, { ...A, mark: VALUES }, 0, REFUSED);
  expect(await read()).toMatchObject({ mark: VALUES, attempts: 1 });
});

const review = { ...failure, code: ADOPTION_REVIEW };

test.each(['approve', 'reject'])(
  'invariant 10: a person who decides (%s) while a look asks for the decision again is not asked again',
  async (verdict) => {
    await parkUndecided(sql, edit(), review);
    await sql.query(`select pgnotion.${verdict}_guarded('suppliers', 'a')`);
    const decided = { mark: commandMark(verdict as EditCommand), parked: false, due: true };
    expect(await read()).toMatchObject(decided);
    // This look began before the decision.
    await parkUndecided(sql, edit('two'), review);
    expect(await read()).toMatchObject(decided);
    // The next one carries it out, and says what came of it.
    await parkEdit(sql, edit('three'), { ...failure, code: 'after' });
    expect(await read()).toMatchObject({ mark: valuesMark('three'), parked: true, code: 'after' });
  },
);

test('a delivery that comes upon a page whose adoption waits for a person leaves it waiting', async () => {
  await parkUndecided(sql, edit('one', pageOf(1), null), review);
  await lookAtCarrier(sql, suppliers, key('a'), pageOf(1));
  expect(await read()).toMatchObject({ parked: true, code: ADOPTION_REVIEW });
  await parkEdit(sql, edit('two', pageOf(1), null), { ...failure, code: 'unknown_record_id' });
  await lookAtCarrier(sql, suppliers, key('a'), pageOf(1));
  expect(await read()).toMatchObject({ parked: false, due: true });
  await parkUndecided(sql, edit('three', pageOf(1), null), review);
  expect(await read()).toMatchObject({ parked: true, code: ADOPTION_REVIEW });
});
