import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { commandMark } from '../../src/model/edit-command.ts';
import { pageSentence } from '../../src/model/failure-sentence.ts';
import { parkEdit } from '../../src/state/edits.ts';
import {
  clearNotice,
  dueNotices,
  intendComment,
  intendShown,
  type Notice,
  noteCommented,
  noteShown,
  pruneNotices,
  remindNotices,
  settleNotice,
  wishNotice,
} from '../../src/state/notices.ts';
import { link, markLinked, recordsByKey, rest } from '../../src/state/records.ts';
import { pruneResting } from '../../src/state/retention.ts';
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
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state.database.drop());
beforeEach(async () => {
  await state.clear();
  await addSource(state.store, suppliers, 1);
});

const page = pageOf(1);
const at = { page, table: suppliers };
const wrong = (text: string, kept?: string) => [
  { property: 'Price', wrong: text, ...(kept === undefined ? {} : { kept }) },
];
async function due(): Promise<Notice> {
  const [one, ...more] = await dueNotices(state.store);
  if (one === undefined || more.length > 0) expect.fail(`${more.length} besides ${JSON.stringify(one)}`);
  return one;
}
const told = async (): Promise<void> => {
  const notice = await due();
  await noteShown(state.store, page, notice.wanted);
  if (notice.refusal !== null) await noteCommented(state.store, notice, 'c1');
  await settleNotice(state.store, notice);
};

test('the text has a line for each fault, each once, and an end', () => {
  expect(
    pageSentence([...wrong('a', '1'), ...wrong('b'), ...wrong('b'), { property: null, wrong: 'c' }]),
  ).toBe('Price: a. PostgreSQL kept 1\nPrice: b\nc');
  expect(pageSentence(wrong('x'.repeat(5_000)))).toHaveLength(1_900);
});

test('a refusal is told once, whatever the row holds by now; another one is another', async () => {
  await wishNotice(state.store, at, wrong('too small', '5'));
  expect(await due()).toMatchObject({
    wanted: 'Price: too small. PostgreSQL kept 5',
    shown: '',
    commented: null,
  });
  await told();
  expect(await dueNotices(state.store)).toEqual([]);
  await wishNotice(state.store, at, wrong('too small', '5'));
  expect(await dueNotices(state.store)).toEqual([]);
  await wishNotice(state.store, at, wrong('too small', '6'));
  const again = await due();
  expect(again).toMatchObject({ wanted: 'Price: too small. PostgreSQL kept 6', known: ['c1'] });
  expect(again.commented).toBe(again.refusal);
  await wishNotice(state.store, at, wrong('too large', '6'));
  const other = await due();
  expect(other).toMatchObject({ comment: 'Price: too large. PostgreSQL kept 6' });
  expect(other.commented).not.toBe(other.refusal);
});

test('mended before anything was told, nothing is due; mended later, the page is emptied', async () => {
  await wishNotice(state.store, at, wrong('a'));
  await clearNotice(state.store, page);
  expect(await dueNotices(state.store)).toEqual([]);
  await wishNotice(state.store, at, wrong('a'));
  await told();
  await clearNotice(state.store, page);
  expect(await due()).toMatchObject({ wanted: '', refusal: null, comment: null, commented: null });
  await told();
  expect(await dueNotices(state.store)).toEqual([]);
});

test('invariant 9: a write in doubt is made again, and a comment in doubt keeps its intent', async () => {
  await wishNotice(state.store, at, wrong('a'));
  const notice = await due();
  await intendShown(state.store, page);
  expect(await intendComment(state.store, notice)).toBe(true);
  await clearNotice(state.store, page);
  expect(await due()).toMatchObject({ wanted: '', shown: null, sentAgoMs: null });
  // What was under way must not count for a refusal that came later.
  await wishNotice(state.store, at, wrong('b'));
  expect(await intendComment(state.store, notice)).toBe(false);
  await noteCommented(state.store, notice, 'late');
  const later = await due();
  expect(later).toMatchObject({ known: ['late'] });
  expect(later.commented).not.toBe(later.refusal);
  await settleNotice(state.store, notice);
  expect(await due()).toMatchObject({ wanted: 'Price: b' });
});

test('a paused table tells nothing, and a start reminds of what was given up', async () => {
  await wishNotice(state.store, at, wrong('a'));
  await state.rows(`select pgnotion.pause('suppliers')`);
  expect(await dueNotices(state.store)).toEqual([]);
  await state.rows(`select pgnotion.resume('suppliers')`);
  await state.rows('update pgnotion.notices set next_at = null');
  await remindNotices(state.store, null);
  await told();
  await remindNotices(state.store, null);
  expect(await dueNotices(state.store)).toEqual([]);
});

test('what has been quiet for long is forgotten, and what is wrong is not', async () => {
  await wishNotice(state.store, at, wrong('a'));
  await wishNotice(state.store, { page: pageOf(2), table: suppliers }, wrong('b'));
  await clearNotice(state.store, page);
  await state.rows(`update pgnotion.notices set changed_at = now() - interval '31 days'`);
  await pruneNotices(state.store, 30);
  expect((await state.rows('select page_id from pgnotion.notices')).length).toBe(1);
});

const base = { baseRow: { Name: 'x' }, basePage: { Name: 'x' }, pageEditedAt: new Date(0) };

test('invariant 3: a resting record keeps its page and its bases, and is forgotten after its time unless its row lives', async () => {
  for (const [number, as] of (['deleted_trashed', 'soft_deleted'] as const).entries()) {
    await link(state.store, { table: suppliers, key: key(as), page: pageOf(number), ...base });
    await rest(state.store, { table: suppliers, key: key(as) }, as);
  }
  const found = await recordsByKey(state.store, suppliers, [key('deleted_trashed')]);
  expect(found.get(key('deleted_trashed'))).toMatchObject({
    state: 'deleted_trashed',
    page: pageOf(0),
    baseRow: { Name: 'x' },
  });
  expect(await state.rows('select records::int, linked::int from pgnotion.status')).toEqual([
    { records: 0, linked: 0 },
  ]);
  await state.rows(`update pgnotion.records set rested_at = now() - interval '31 days'`);
  await pruneResting(state.store, 30);
  expect(await state.rows('select key from pgnotion.records')).toEqual([{ key: 'soft_deleted' }]);
  await markLinked(state.store, suppliers, key('soft_deleted'));
  expect(await state.rows('select state, rested_at from pgnotion.records')).toEqual([
    { state: 'linked', rested_at: null },
  ]);
});

test('invariant 10: approve and reject know both kinds of waiting deletions, and a rejected one is remembered', async () => {
  await addSource(state.store, products, 2);
  const failure = { reason: 'r', remedy: 'm' };
  await link(state.store, { table: suppliers, key: key('a'), page, ...base });
  await parkEdit(
    state.store,
    { ...at, key: key('a'), mark: commandMark('hold') },
    { code: 'delete_review', ...failure },
  );
  await parkEdit(
    state.store,
    { page: pageOf(2), table: suppliers, key: key('b'), mark: commandMark('hold') },
    { code: 'page_in_trash', ...failure },
  );
  await link(state.store, { table: products, key: key('a'), page: pageOf(3), ...base });
  await state.rows(
    `insert into pgnotion.outbox (table_name, key, kind, code, parked_at) values ('products', 'a', 'delete', 'mass_deletion', now())`,
  );
  expect(await state.rows('select side, table_name, key from pgnotion.deletes order by 2')).toEqual([
    { side: 'to-notion', table_name: 'products', key: 'a' },
    { side: 'to-postgres', table_name: 'suppliers', key: 'a' },
  ]);
  expect(await state.rows(`select pgnotion.reject_delete('products')::int as n`)).toEqual([{ n: 1 }]);
  expect(await state.rows(`select pgnotion.approve_delete('suppliers')::int as n`)).toEqual([{ n: 1 }]);
  expect(await state.rows('select digest, command from pgnotion.edits order by 2')).toEqual([
    { digest: null, command: 'approve' },
    { digest: null, command: 'hold' },
  ]);
  expect(await state.rows(`select state from pgnotion.records where table_name = 'products'`)).toEqual([
    { state: 'deleted_left' },
  ]);
});
