import { afterAll, beforeAll, expect, test } from 'vitest';
import { FAILPOINTS, type Failpoint } from '../../src/runtime/failpoints.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { differences } from '../support/differences.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

const ROWS = 24;

/** What SQL or a person does while the daemon is dead, to a row or page of its own. */
type Act = 'insert' | 'update' | 'delete' | 'insert again' | 'leave' | 'edit' | 'make a page' | 'trash';

/** Each place, with the act that leads there. */
const CASES: readonly (readonly [Failpoint, Act])[] = [
  ['capture.before-store', 'update'],
  ['capture.after-store', 'delete'],
  ['capture.after-acknowledge', 'insert'],
  ['deliver.before-create', 'insert'],
  ['deliver.after-create', 'insert'],
  ['deliver.before-update', 'update'],
  ['deliver.after-update', 'update'],
  ['deliver.before-delete', 'delete'],
  ['deliver.after-delete', 'delete'],
  ['deliver.before-restore', 'insert again'],
  ['deliver.after-restore', 'insert again'],
  ['deliver.before-filter', 'leave'],
  ['deliver.after-filter', 'leave'],
  ['deliver.recording', 'insert'],
  ['apply.before-commit', 'edit'],
  ['apply.after-commit', 'edit'],
  ['apply.before-commit', 'make a page'],
  ['apply.after-commit', 'make a page'],
  ['apply.before-commit', 'trash'],
  ['apply.after-commit', 'trash'],
];

// A row whose note says so leaves the table's condition.
const tables = { items: { ...shopConfig.tables.items, where: `note is distinct from 'out'` } };

let stage: CliStage;
beforeAll(async () => {
  stage = await createCliStage({
    config: { ...shopConfig, tables, guard: { number: 1_000 } },
    schema: `${shopSchema};${shopRows(ROWS)}; select setval('items_id_seq', 1000)`,
    variables: { SYNC_CREATE_GRACE_SECONDS: '1', NODE_ENV: 'test' },
  });
  await stage.apply();
  const daemon = await stage.start();
  await stage.settled();
  // Rows that come back: their pages rest.
  await stage.database.pool.query(`create table gone as select * from items where id in (1, 2);
    delete from items where id in (1, 2)`);
  await stage.settled();
  await daemon.kill9();
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

async function pageOf(id: number): Promise<string> {
  const { rows } = await stage.database.pool.query<{ page_id: string }>(
    'select page_id from pgnotion.records where key = $1',
    [String(id)],
  );
  return rows[0]?.page_id ?? '';
}

const source = (): string =>
  stage.sandbox.control.listDatabases().find(({ title }) => title === 'Items')?.dataSourceId ?? '';

const name = (text: string) => ({ Name: { title: [{ text: { content: text } }] } });

async function act(kind: Act, id: number, text: string): Promise<void> {
  const { pool } = stage.database;
  const { control } = stage.sandbox;
  switch (kind) {
    case 'insert':
      return void (await pool.query('insert into items (name) values ($1)', [text]));
    case 'update':
      return void (await pool.query('update items set name = $2 where id = $1', [id, text]));
    case 'delete':
      return void (await pool.query('delete from items where id = $1', [id]));
    case 'insert again':
      return void (await pool.query(
        `with back as (delete from gone where id = (select min(id) from gone) returning *)
         insert into items select id, $1, note, stock, price, listed, tags, since from back`,
        [text],
      ));
    case 'leave':
      return void (await pool.query(`update items set name = $2, note = 'out' where id = $1`, [id, text]));
    case 'edit':
      return void control.editPage(await pageOf(id), name(text));
    case 'make a page':
      return void control.createPage(source(), name(text));
    case 'trash':
      return void control.trashPage(await pageOf(id));
    default:
      return kind satisfies never;
  }
}

/** How many requests each act makes that Notion carries out, once all is over. */
const EFFECTS: Readonly<Record<Act, Readonly<Record<string, number>>>> = {
  insert: { 'pages.create': 1 },
  update: { 'pages.update': 1 },
  delete: { 'pages.update': 1 },
  // The page comes out of the trash, and is given the row's values.
  'insert again': { 'pages.update': 2 },
  leave: { 'pages.update': 1 },
  edit: {},
  // The page is told its key.
  'make a page': { 'pages.update': 1 },
  trash: {},
};

function effects(): Readonly<Record<string, number>> {
  const writes = stage.sandbox.control
    .requests()
    .filter(({ status, operation }) => status === 200 && /^pages\.(create|update)$/.test(operation));
  return Object.fromEntries(
    [...Map.groupBy(writes, ({ operation }) => operation)].map(([operation, same]) => [
      operation,
      same.length,
    ]),
  );
}

async function rowsNamed(text: string): Promise<number> {
  const { rows } = await stage.database.pool.query('select from items where name = $1', [text]);
  return rows.length;
}

test('every failpoint has a case', () => {
  // That of a command is held by test/flow/reset.test.ts.
  const ofDaemon = FAILPOINTS.filter((point) => !point.startsWith('reset.'));
  expect(new Set(CASES.map(([point]) => point))).toEqual(new Set(ofDaemon));
});

test.each(CASES.map(([point, kind], at) => [point, kind, at] as const))(
  'invariants 1, 3, 4 and 9: a crash at %s after %s loses nothing and repeats nothing',
  async (point, kind, at) => {
    const id = at + 3;
    const text = `${kind} ${at}`;
    stage.sandbox.control.clearRequests();
    await act(kind, id, text);
    const doomed = stage.spawn(['start'], { PGNOTION_FAILPOINTS: `${point}:exit` });
    const { signal, stderr } = await doomed.exit;
    expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr });
    await using _ = await stage.start();
    await eventually(async () => {
      await stage.settled();
      expect(await differences(stage)).toEqual([]);
      expect(effects()).toEqual(EFFECTS[kind]);
      return true;
    });
    const isDeleted = kind === 'delete' || kind === 'trash';
    expect(await rowsNamed(text)).toBe(isDeleted ? 0 : 1);
    const { rows } = await stage.database.pool.query(
      `select (select count(*)::int from pgnotion.failures) as failures,
              (select count(*)::int from items where id = $1) as rows`,
      [id],
    );
    expect(rows).toEqual([{ failures: 0, rows: isDeleted ? 0 : 1 }]);
  },
);
