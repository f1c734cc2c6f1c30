import { afterEach, expect, test } from 'vitest';
import type { TableInput } from '../../src/config/config-input.ts';
import type { FirstLinkRule } from '../../src/model/mapping.ts';
import { disagreements } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { type PersonShown, peopleConfig, peopleSchema, personPage } from '../support/people-table.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;
let source: string;
afterEach(() => stack[Symbol.asyncDispose]());

const page = (shown: PersonShown): string => personPage(stack.sandbox.control, source, shown);

async function begin(
  rows: string,
  more: Partial<TableInput> = {},
  variables: Record<string, string> = { SYNC_QUERY_LAG_SECONDS: '1' },
): Promise<void> {
  stack = await createStack({
    config: peopleConfig(more),
    schema: `${peopleSchema}; ${rows}`,
    pollSeconds: 0.5,
    variables,
  });
  await stack.apply();
  sides = sidesOf(stack);
  source = await sides.source('people');
}

type Line = { readonly kind: string; readonly page_id: string | null; readonly reason: string };
const pairings = () =>
  sides.sql<Line>(
    `select kind, page_id::text, reason from pgnotion.guarded_changes where kind = 'pairing' order by page_id`,
  );
const people = () =>
  sides.sql<{ id: number; name: string; city: string | null; note: string | null }>(
    'select id, name, city, note from people order by id',
  );
const agree = () =>
  eventually(
    async () =>
      (await disagreements(stack, 'people', { Name: 'name', City: 'city', Note: 'note' })).length === 0,
    { timeoutMs: 60_000 },
  );
const pagesNow = () => stack.sandbox.control.pages(source);
const known = () =>
  eventually(
    async () =>
      (await sides.sql('select from pgnotion.first_contacts where over_at is not null')).length > 0 &&
      (await sides.sql(`select from pgnotion.match_pages where verdict in ('pair', 'undecided')`)).length ===
        0,
    { timeoutMs: 120_000 },
  );

test('invariant 10: one page and one row with equal values are joined; whatever is not one to one waits, and nothing is made for it', async () => {
  await begin(`
    insert into people (name, email) values
      ('Ada', 'Ada@Example.com'), ('Bob', 'bob@x'), ('Cid', 'same@x'), ('Cid 2', 'SAME@x'), ('Dan', 'dan@x'), ('Eve', null)`);
  const ada = page({ name: 'Ada L.', email: 'ada@example.COM', note: 'of the page' });
  const bob = page({ name: 'Bob', email: 'bob@x' });
  const same = page({ name: 'Cid', email: 'same@x' });
  const twins = [page({ name: 'Dan', email: 'dan@x' }), page({ name: 'Dan again', email: 'DAN@x' })];
  const strange = page({ name: 'Nobody', email: 'new@x' });
  const empty = page({ name: 'No address' });
  await stack.apply();
  await stack.start();
  await known();
  await eventually(async () => (await people()).length === 8, { timeoutMs: 60_000 });
  await sides.rest();

  expect([await sides.keyOf(ada), await sides.keyOf(bob)]).toEqual(['1', '2']);
  expect(sides.shown(ada, 'Name')).toBe('Ada');
  // A value on one side alone fills the other.
  expect((await people())[0]?.note).toBe('of the page');
  const waiting = await pairings();
  expect(waiting.map(({ page_id: id }) => id).sort()).toEqual([same, ...twins].sort());
  expect(waiting.find(({ page_id: id }) => id === same)?.reason).toContain('the rows 3, 4');
  for (const twin of twins) {
    const reason = waiting.find(({ page_id: id }) => id === twin)?.reason ?? '';
    expect(reason).toMatch(/2 pages show Email .*the row 5/);
    for (const id of twins) expect(reason).toContain(id.replaceAll('-', ''));
  }
  for (const id of [same, ...twins]) expect(sides.shown(id, 'Supabase ID')).toBe('');
  // Nobody's page: a row each. Eve matches nothing and gets a page; the rows that wait get none.
  for (const id of [strange, empty]) expect(await sides.keyOf(id)).not.toBeNull();
  expect(pagesNow()).toHaveLength(7 + 1);
  const failures = await sides.failures();
  expect(
    failures
      .filter(({ direction }) => direction === 'to-notion')
      .map(({ key }) => key)
      .sort(),
  ).toEqual(['3', '4', '5']);

  // A person says which row the page is of, and that one of two pages is another person.
  await sides.sql(`select pgnotion.pair_match('people', '4', $1)`, [same]);
  await sides.sql(`select pgnotion.reject_guarded('people', $1, 'pairing')`, [twins[1]]);
  await eventually(async () => (await pairings()).length === 0, { timeoutMs: 60_000 });
  await agree();
  expect([await sides.keyOf(same), await sides.keyOf(twins[0] ?? '')]).toEqual(['4', '5']);
  expect(await people()).toHaveLength(9);
  expect(pagesNow()).toHaveLength(7 + 1 + 1);
  expect(await sides.failures()).toEqual([]);
});

test('a page that waits is decided anew once it shows something else, a key, or is gone', async () => {
  await begin(
    `insert into people (name, email) values ('A', 'a@x'), ('B', 'b@x'), ('C', 'c@x'), ('D', 'd@x')`,
  );
  const a = [page({ name: 'a1', email: 'a@x' }), page({ name: 'a2', email: 'a@x' })];
  const b = [page({ name: 'b1', email: 'b@x' }), page({ name: 'b2', email: 'b@x' })];
  const c = [page({ name: 'c1', email: 'c@x' }), page({ name: 'c2', email: 'c@x' })];
  const d = [page({ name: 'd1', email: 'd@x' }), page({ name: 'd2', email: 'd@x' })];
  await stack.apply();
  await stack.start();
  await soon(async () => (await pairings()).length === 8);
  sides.edit(a[1] ?? '', { Email: typed('email', 'other@x') });
  sides.edit(b[0] ?? '', { 'Supabase ID': typed('rich_text', '2') });
  stack.sandbox.control.trashPage(c[1] ?? '');
  await sides.sql(`update people set email = 'dd@x' where name = 'D'`);
  await eventually(async () => (await sides.keyOf(a[0] ?? '')) === '1', { timeoutMs: 60_000 });
  await eventually(async () => (await sides.keyOf(c[0] ?? '')) === '3', { timeoutMs: 60_000 });
  await eventually(async () => (await sides.keyOf(b[0] ?? '')) === '2', { timeoutMs: 60_000 });
  // The row of the d's matches them no more, and gets a page; they are each other's duplicates still.
  await sides.pageOf('people', '4');
  await eventually(async () => (await sides.keyOf(a[1] ?? '')) !== null, { timeoutMs: 60_000 });
  await sides.rest();
  expect((await pairings()).map(({ page_id: id }) => id).sort()).toEqual([b[1], ...d].sort());
  expect(await people()).toHaveLength(5);
});

/** All that is on record of a row, for whoever has to find out why it is not as it should be. */
async function journeyOf(key: string): Promise<string> {
  const found = await sides.sql(
    `select (select to_jsonb(r) from pgnotion.records r where key = $1) as record,
            (select jsonb_agg(to_jsonb(c) order by c.id) from pgnotion.conflict_entries c where record_id = $1) as conflicts,
            (select jsonb_agg(to_jsonb(e)) from pgnotion.edits e where key = $1) as edits,
            (select jsonb_agg(to_jsonb(p) order by p.id) from pgnotion.operations p where key = $1) as operations`,
    [key],
  );
  return JSON.stringify(found);
}

test.each<[FirstLinkRule, string | null, string]>([
  ['postgres', 'of the row', 'of the row'],
  ['notion', 'of the page', 'of the page'],
  ['review', 'of the row', 'of the page'],
  ['newest', 'of the row', 'of the page'],
])('firstLink %s decides what differs, and never empties anything', async (firstLink, row, shown) => {
  await begin(
    `insert into people (name, email, city, note) values
       ('A', 'a@x', 'of the row', null), ('B', 'b@x', null, 'row b'), ('C', 'c@x', 'of the row', 'same')`,
    { firstLink },
  );
  const a = page({ name: 'A', email: 'a@x', city: 'of the page', note: 'page a' });
  const b = page({ name: 'B', email: 'b@x', city: 'page b' });
  const c = page({ name: 'C', email: null, city: 'of the page', note: 'same' });
  // By its key, and not by what matches.
  sides.edit(c, { 'Supabase ID': typed('rich_text', '3') });
  await stack.apply();
  await stack.start();
  await known();
  await soon(
    async () =>
      (await sides.keyOf(a)) === '1' && (await sides.keyOf(b)) === '2' && (await sides.keyOf(c)) === '3',
  );
  await soon(async () => (await people())[1]?.city === 'page b');
  await sides.rest();
  const [first, second, third] = await people();
  expect([first?.city, sides.shown(a, 'City')], await journeyOf('1')).toEqual([row, shown]);
  expect([third?.city, sides.shown(c, 'City')], await journeyOf('3')).toEqual([row, shown]);
  expect([first?.note, sides.shown(a, 'Note')]).toEqual(['page a', 'page a']);
  expect([second?.city, sides.shown(b, 'City')]).toEqual(['page b', 'page b']);
  expect([second?.note, sides.shown(b, 'Note')]).toEqual(['row b', 'row b']);
  expect(sides.shown(c, 'Email')).toBe('c@x');
  const open = await sides.sql<{ id: string; fields: string[]; note: string }>(
    'select id::text, fields, note from pgnotion.open_conflicts order by record_id',
  );
  const isHeld = firstLink === 'review' || firstLink === 'newest';
  expect(open.map(({ fields }) => fields)).toEqual(isHeld ? [['City'], ['City']] : []);
  if (!isHeld) return;
  expect(open[0]?.note).toContain(
    firstLink === 'newest' ? 'nobody knows when the row was committed' : 'firstLink is review',
  );
  await sides.sql(`select * from pgnotion.resolve_conflict($1::bigint, 'notion', 'Ada')`, [open[0]?.id]);
  await sides.sql(`select * from pgnotion.resolve_conflict($1::bigint, 'postgres', 'Ada')`, [open[1]?.id]);
  await agree();
  expect([(await people())[0]?.city, sides.shown(a, 'City')]).toEqual(['of the page', 'of the page']);
  expect([(await people())[2]?.city, sides.shown(c, 'City')]).toEqual(['of the row', 'of the row']);
});

test('invariant 10: pages of a database are imported into an empty table by one approval, refusals named by page', async () => {
  const count = 500;
  await begin(`alter table people add check (city <> 'nowhere')`, { match: undefined });
  const pages = Array.from({ length: count }, (_, n) =>
    page({ name: `p${n}`, email: `p${n}@x`, city: 'here' }),
  );
  const nameless = page({ name: '', email: 'nameless@x' });
  const refused = page({ name: 'refused', city: 'nowhere' });
  await stack.apply();
  await stack.start();
  const lines = () =>
    sides.sql<{ kind: string; changes: number }>('select kind, changes from pgnotion.guarded_changes');
  await soon(async () => (await lines()).length === 1);
  await sides.rest();
  expect([await lines(), await people()]).toEqual([[{ kind: 'creation', changes: count + 2 }], []]);
  await sides.sql(`select pgnotion.approve_guarded('people', null, 'creation')`);
  await eventually(async () => (await people()).length === count, { timeoutMs: 240_000 });
  await sides.rest();
  const ids = (await people()).map(({ id }) => id);
  expect(new Set(ids).size).toBe(count);
  for (const id of pages.slice(0, 3)) expect(sides.shown(id, 'Supabase ID')).toBe(await sides.keyOf(id));
  const failures = await sides.failures();
  expect(failures.map(({ page_id: id }) => id).sort()).toEqual([nameless, refused].sort());
  expect(pagesNow()).toHaveLength(count + 2);
});
