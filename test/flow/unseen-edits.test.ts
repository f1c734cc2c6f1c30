import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { driftEntries } from '../support/drift-entries.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// A large table, whose polls list what was edited of late and nothing else: what a page has lost is found long afterwards. It is a
// person's edit unless the page itself shows that nobody has edited it since (invariants 4 and 15).

const ROWS = 6;
const config: ConfigInput = {
  sync: { settleSeconds: 0, wholePollPages: 0, sweepHours: 24 },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      fields: {
        Name: { column: 'name', type: 'title' },
        Note: { column: 'note', type: 'rich_text' },
        Remark: { column: 'remark', type: 'rich_text' },
      },
    },
    others: {
      source: 'public.others',
      key: 'id',
      title: 'Others',
      fields: { Name: { column: 'name', type: 'title' } },
    },
  },
};
const schema = `
  create table goods (id integer primary key, name text not null, note text, remark text);
  insert into goods select n, 'good ' || n, 'note ' || n, 'remark ' || n from generate_series(1, ${ROWS}) n;
  create table others (id integer primary key, name text not null);
  insert into others values (1, 'other')`;

let stack: Stack;
let sides: Sides;
let source: string;
let later = 0;

beforeAll(async () => {
  stack = await createStack({
    config,
    schema,
    pollSeconds: 0.3,
    sandbox: { now: () => new Date(Date.now() + later) },
  });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
  source = await sides.source('goods');
});
afterAll(() => stack[Symbol.asyncDispose]());

const pageOf = (id: number) => sides.pageOf('goods', String(id));
const rowOf = async (id: number) =>
  (
    await sides.sql<{ note: string | null; remark: string | null }>(
      'select note, remark from goods where id = $1',
      [id],
    )
  )[0];

/** Long enough that the polls have passed over all edits until now, whatever queries lag. */
async function timePasses(): Promise<void> {
  await sides.rest();
  later += 3_600_000;
  const name = `at ${later}`;
  sides.edit(await sides.pageOf('others', '1'), { Name: typed('title', name) });
  await soon(async () => (await sides.sql('select from others where name = $1', [name])).length === 1);
  await sides.rest();
}

async function settled(): Promise<void> {
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
  expect(await driftEntries(sides)).toEqual([]);
  expect(await sides.sql('select from pgnotion.guarded_changes')).toEqual([]);
}

/** Takes the values of a property from all pages, and leaves it as it was. */
function retypeAndBack(property: string): void {
  stack.sandbox.control.retypeProperty(source, property, { number: {} });
  stack.sandbox.control.retypeProperty(source, property, { rich_text: {} });
}

test('invariant 4: what a person empties on a page that is hidden meanwhile is their edit, however late it is found', async () => {
  const page = await pageOf(1);
  await timePasses();
  stack.sandbox.control.unshare(page);
  sides.edit(page, { Note: typed('rich_text', null) });
  await timePasses();
  stack.sandbox.control.share(page);
  await sides.sql('select pgnotion.resync($1)', ['goods']);
  await soon(async () => (await rowOf(1))?.note === null);
  await settled();
  expect(sides.shown(page, 'Note')).toBe('');
});

test('invariant 4: what a person empties while its field stands still is their edit once it is back', async () => {
  const [page, other] = [await pageOf(2), await pageOf(3)];
  await timePasses();
  await sides.sql('alter table goods rename note to notes');
  await soon(async () => (await driftEntries(sides)).length === 1);
  for (const each of [page, other]) sides.edit(each, { Note: typed('rich_text', null) });
  // Our own write, and a person's edit that is taken over, count as the page's last edit afterwards.
  await sides.sql(`update goods set name = 'renamed' where id = 2`);
  await sides.shows('goods', '2', 'Name', 'renamed');
  sides.edit(other, { Remark: typed('rich_text', 'beside it') });
  await soon(async () => (await rowOfNotes(3)) === 'beside it');
  await timePasses();
  await sides.sql('alter table goods rename notes to note');
  await soon(async () => (await rowOf(2))?.note === null && (await rowOf(3))?.note === null);
  await settled();
  expect(await rowOf(4)).toEqual({ note: 'note 4', remark: 'remark 4' });
});

const rowOfNotes = async (id: number) =>
  (await sides.sql<{ remark: string }>('select remark from goods where id = $1', [id]))[0]?.remark;

test('invariant 15: what a page has lost unseen is no edit when its row changes in another field before anybody looks', async () => {
  await timePasses();
  retypeAndBack('Note');
  const page = await pageOf(4);
  expect(sides.shown(page, 'Note')).toBe('');
  await sides.sql(`update goods set name = 'changed' where id = 4`);
  await sides.shows('goods', '4', 'Name', 'changed');
  await soon(() => sides.shown(page, 'Note') === 'note 4');
  expect(await rowOf(4)).toEqual({ note: 'note 4', remark: 'remark 4' });
  await sides.sql('select pgnotion.resync($1)', ['goods']);
  await soon(async () => sides.shown(await pageOf(5), 'Note') === 'note 5');
  await settled();
  expect(await rowOf(5)).toEqual({ note: 'note 5', remark: 'remark 5' });
});

test('invariant 15: nor after the page was edited where nothing is mapped', async () => {
  const page = await pageOf(6);
  stack.sandbox.control.addProperty(source, 'Unmapped', { rich_text: {} });
  sides.edit(page, { Unmapped: typed('rich_text', 'a word') });
  await timePasses();
  retypeAndBack('Remark');
  await sides.sql('select pgnotion.resync($1)', ['goods']);
  await soon(() => sides.shown(page, 'Remark') === 'remark 6');
  await settled();
  expect(await rowOf(6)).toEqual({ note: 'note 6', remark: 'remark 6' });
});

test('invariant 15: nor where another act, which is seen, has the page looked at again first', async () => {
  await timePasses();
  retypeAndBack('Note');
  stack.sandbox.control.deleteProperty(source, 'Remark');
  stack.sandbox.control.addProperty(source, 'Remark', { rich_text: {} });
  await sides.sql('select pgnotion.resync($1)', ['goods']);
  await soon(async () => sides.shown(await pageOf(6), 'Note') === 'note 6');
  await soon(async () => sides.shown(await pageOf(6), 'Remark') === 'remark 6');
  await settled();
  expect(await rowOf(6)).toEqual({ note: 'note 6', remark: 'remark 6' });
});

test('invariant 15: nor where its field stood still when our own write gave the page a later time', async () => {
  const page = await pageOf(5);
  await timePasses();
  await sides.sql('alter table goods rename note to notes');
  await soon(async () => (await driftEntries(sides)).length === 1);
  retypeAndBack('Note');
  expect(sides.shown(page, 'Note')).toBe('');
  await sides.sql(`update goods set name = 'renamed' where id = 5`);
  await sides.shows('goods', '5', 'Name', 'renamed');
  await timePasses();
  await sides.sql('alter table goods rename notes to note');
  await soon(() => sides.shown(page, 'Note') === 'note 5');
  await settled();
  expect(await rowOf(5)).toEqual({ note: 'note 5', remark: 'remark 5' });
});
