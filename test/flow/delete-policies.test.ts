import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resetCommand } from '../../src/cli/reset.ts';
import { type ConfigInput, parseConfig, type TableInput } from '../../src/config/mapping-file.ts';
import { PgnotionError } from '../../src/model/errors.ts';
import { silentLog } from '../../src/runtime/log.ts';
import type { PageView } from '../../src/sandbox/notion/human.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack, startStack } from '../support/stack.ts';

type Policies = Pick<TableInput, 'onNotionTrash' | 'onPostgresDelete'>;

/** A table for each policy, all alike. */
const policies = {
  trashed: { onPostgresDelete: 'trash', onNotionTrash: 'delete' },
  archived: { onPostgresDelete: 'archive', onNotionTrash: 'review' },
  marked: { onPostgresDelete: { mark: 'Deleted' }, onNotionTrash: { softDelete: 'deleted_at' } },
  ignored: { onPostgresDelete: 'ignore', onNotionTrash: { softDelete: 'deleted_on' } },
  flagged: { onPostgresDelete: 'trash', onNotionTrash: { softDelete: 'gone' } },
  restored: { onNotionTrash: 'restore' },
  kept: { onNotionTrash: 'ignore' },
} as const satisfies Record<string, Policies>;

type Name = keyof typeof policies;
const names = Object.keys(policies) as Name[];

const ROWS = 60;
const schema = names
  .map(
    (name) => `
      create table ${name} (
        id integer primary key, name text not null, note text, hidden text not null default 'h',
        deleted_at timestamptz, deleted_on date, gone boolean not null default false);
      insert into ${name} (id, name, note) select i, '${name} ' || i, 'note ' || i from generate_series(1, 12) i;`,
  )
  .join('');

const tableOf = (name: string, more: Policies): TableInput => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  fields: {
    Name: { column: 'name', type: 'title' },
    ID: { column: 'id', type: 'number' },
    Note: { column: 'note', type: 'rich_text' },
  },
  ...more,
});

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: Object.fromEntries(names.map((name) => [name, tableOf(name, policies[name])])),
};

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await startStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
});

afterAll(() => stack[Symbol.asyncDispose]());

const pageOf = (name: Name, key: number): Promise<string> => sides.pageOf(name, String(key));
const view = (page: string): PageView => stack.sandbox.control.page(page);
type Row = { readonly id: number; readonly name: string; readonly [column: string]: unknown };
const rowOf = async (name: Name, key: number): Promise<Row | undefined> =>
  (await sides.sql<Row>(`select * from ${name} where id = $1`, [key]))[0];
const insert = (name: Name, key: number, text: string) =>
  sides.sql(`insert into ${name} (id, name) values ($1, $2)`, [key, text]);
const stateOf = async (name: Name, key: number) =>
  (
    await sides.sql<{ state: string; page_id: string }>(
      'select state, page_id from pgnotion.records where table_name = $1 and key = $2',
      [name, String(key)],
    )
  )[0];
const rested = (name: Name, key: number, as: string) =>
  soon(async () => (await stateOf(name, key))?.state === (as === 'soft' ? 'soft_deleted' : `deleted_${as}`));
const linked = (name: Name, key: number) => soon(async () => (await stateOf(name, key))?.state === 'linked');
const operation = async (name: Name, key: number, kind: string) =>
  (
    await sides.sql<{
      before: Record<string, unknown>;
      after: Record<string, unknown>;
      actor: string | null;
    }>(
      `select before, after, actor from pgnotion.operations
        where table_name = $1 and key = $2 and kind = $3 and status = 'done' order by id desc limit 1`,
      [name, String(key), kind],
    )
  )[0];
/** Every page that shows this key, wherever it is. */
const pagesWith = (key: number, name: Name): string[] => {
  const { pages, dataSources } = stack.sandbox.control.snapshot();
  const source = dataSources.find((each) =>
    each.title.some((run) => 'content' in run && run.content === name),
  );
  return pages
    .filter((page) => page.parent.type === 'data_source_id' && page.parent.dataSourceId === source?.id)
    .map((page) => page.id)
    .filter((page) => sides.shown(page, 'Supabase ID') === String(key));
};
/** Nothing goes on, and nothing stands in the failures. */
async function atRest(): Promise<void> {
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
  expect(await sides.extras(3)).toEqual([]);
}

const farewells = [
  ['trashed', 'trashed', (page: string) => view(page).in_trash],
  ['archived', 'archived', (page: string) => view(page).is_archived && !view(page).in_trash],
  ['marked', 'marked', (page: string) => sides.shown(page, 'Deleted') === true],
  ['ignored', 'left', () => true],
] as const;

describe('a deleted row', () => {
  test.each(farewells)(
    'invariant 3 and invariant 7: its page is %s, rests, and comes back with a row of the same key',
    async (name, as, isGone) => {
      const page = await pageOf(name, 1);
      await sides.sql(`delete from ${name} where id = 1`);
      await rested(name, 1, as);
      expect(isGone(page)).toBe(true);
      if (as !== 'left')
        expect((await operation(name, 1, 'delete'))?.before).toMatchObject({
          Name: `${name} 1`,
          Note: 'note 1',
        });
      await atRest();
      // What is compared anew finds it resting, and leaves it.
      await sides.sql('select pgnotion.resync($1)', [name]);
      await atRest();
      for (const text of ['again', 'and again']) {
        await insert(name, 1, text);
        await linked(name, 1);
        await soon(() => sides.shown(page, 'Name') === text && sides.shown(page, 'Note') === '');
        expect(view(page)).toMatchObject({ in_trash: false, is_archived: false });
        if (as === 'marked') expect(sides.shown(page, 'Deleted')).toBe(false);
        await atRest();
        expect(pagesWith(1, name)).toEqual([page]);
        await sides.sql(`delete from ${name} where id = 1`);
        await rested(name, 1, as);
      }
      await atRest();
    },
  );

  test.each(['trashed', 'archived'] as const)(
    'invariant 3: a page that a person takes back after it was %s brings the row back',
    async (name) => {
      const page = await pageOf(name, 2);
      await sides.sql(`delete from ${name} where id = 2`);
      await rested(name, 2, name);
      if (name === 'trashed') stack.sandbox.control.restorePage(page);
      else stack.sandbox.control.archivePage(page, false);
      await soon(async () => (await rowOf(name, 2)) !== undefined);
      expect(await rowOf(name, 2)).toMatchObject({ name: `${name} 2`, note: 'note 2' });
      await linked(name, 2);
      await atRest();
      expect(pagesWith(2, name)).toEqual([page]);
      sides.edit(page, { Note: typed('rich_text', 'goes on') });
      await soon(async () => (await rowOf(name, 2))?.note === 'goes on');
    },
  );

  test.each(['marked', 'ignored'] as const)(
    'an edit of a page that is %s goes nowhere, and is no failure',
    async (name) => {
      const page = await pageOf(name, 3);
      await sides.sql(`delete from ${name} where id = 3`);
      await rested(name, 3, name === 'marked' ? 'marked' : 'left');
      sides.edit(page, { Note: typed('rich_text', 'into the void') });
      await atRest();
      expect(await rowOf(name, 3)).toBeUndefined();
      await insert(name, 3, 'back');
      await soon(() => sides.shown(page, 'Name') === 'back' && sides.shown(page, 'Note') === '');
      const update = await soon(() => operation(name, 3, 'update'));
      expect(update.before).toMatchObject({ Note: 'into the void' });
    },
  );

  test('invariant 3: a page that was purged meanwhile gets a successor once it is given up, and one only', async () => {
    const page = await pageOf('trashed', 4);
    await sides.sql('delete from trashed where id = 4');
    await rested('trashed', 4, 'trashed');
    stack.sandbox.control.deleteForever(page);
    await insert('trashed', 4, 'new');
    // Notion does not tell a purged page from one that is hidden: a person must say which it is.
    const failure = await soon(async () => (await sides.failures()).find(({ key }) => key === '4'));
    expect(failure).toMatchObject({ table_name: 'trashed', code: 'page_hidden', parked: false });
    expect(failure.remedy).toContain('pgnotion reset trashed 4 --yes');
    await sides.polls(3);
    expect(pagesWith(4, 'trashed')).toEqual([]);
    const loaded = {
      config: parseConfig({ slot: stack.database.name, ...config }),
      environment: stack.environment,
      log: silentLog(),
    };
    await resetCommand(loaded, 'trashed', '4', async () => true);
    await soon(() => pagesWith(4, 'trashed').length === 1);
    await linked('trashed', 4);
    await atRest();
    expect(await pageOf('trashed', 4)).not.toBe(page);
  });

  test('a page that a person trashed first takes neither the archive nor a mark, and rests in the trash', async () => {
    for (const name of ['archived', 'kept'] as const) {
      const page = await pageOf(name, 5);
      stack.sandbox.control.trashPage(page);
      await soon(async () => (await stateOf(name, 5))?.state === 'away_trashed');
      await sides.sql(`delete from ${name} where id = 5`);
      await rested(name, 5, 'trashed');
      expect(view(page)).toMatchObject({ in_trash: true, is_archived: false });
    }
    await atRest();
    expect(await sides.sql('select from pgnotion.deletes')).toEqual([]);
  });

  test('after its time the record is forgotten, and a row of its key gets a page of its own', async () => {
    const page = await pageOf('trashed', 6);
    await sides.sql('delete from trashed where id = 6');
    await rested('trashed', 6, 'trashed');
    await stack.stop();
    await sides.sql(
      `update pgnotion.records set rested_at = now() - interval '31 days' where table_name = 'trashed' and key = '6'`,
    );
    await stack.start();
    await soon(async () => (await stateOf('trashed', 6)) === undefined);
    await insert('trashed', 6, 'much later');
    await linked('trashed', 6);
    expect(await pageOf('trashed', 6)).not.toBe(page);
    await atRest();
  });
});

const softly = [
  ['marked', 'deleted_at', (value: unknown) => value instanceof Date],
  ['ignored', 'deleted_on', (value: unknown) => value instanceof Date],
  ['flagged', 'gone', (value: unknown) => value === true],
] as const;

describe('a page in the trash', () => {
  test('invariant 3 and invariant 7: with "delete" its row goes, and comes back with the page', async () => {
    const page = await pageOf('trashed', 7);
    await sides.sql(`update trashed set hidden = 'seen by nobody', deleted_on = '2020-02-03' where id = 7`);
    await sides.rest();
    const whole = await rowOf('trashed', 7);
    stack.sandbox.control.trashPage(page);
    await soon(async () => (await rowOf('trashed', 7)) === undefined);
    expect((await operation('trashed', 7, 'delete'))?.before).toMatchObject({
      id: 7,
      hidden: 'seen by nobody',
      note: 'note 7',
    });
    await atRest();
    expect(await stateOf('trashed', 7)).toMatchObject({
      state: 'deleted_trashed',
      page_id: page,
    });
    stack.sandbox.control.restorePage(page);
    await soon(async () => (await rowOf('trashed', 7)) !== undefined);
    await atRest();
    expect(await rowOf('trashed', 7)).toEqual(whole);
    expect(pagesWith(7, 'trashed')).toEqual([page]);
  });

  test('invariant 3: with "delete" a row of the same key takes the page out of the trash', async () => {
    const page = await pageOf('trashed', 8);
    stack.sandbox.control.trashPage(page);
    await rested('trashed', 8, 'trashed');
    await insert('trashed', 8, 'by hand');
    await soon(() => !view(page).in_trash && sides.shown(page, 'Name') === 'by hand');
    await linked('trashed', 8);
    await atRest();
    expect(pagesWith(8, 'trashed')).toEqual([page]);
  });

  test.each(softly)(
    'invariant 3 and invariant 7: with softDelete (%s.%s) the row is marked, and the mark goes with the page’s return',
    async (name, column, isSet) => {
      const page = await pageOf(name, 7);
      const edited = await rowOf(name, 7);
      stack.sandbox.control.trashPage(page);
      await soon(async () => isSet((await rowOf(name, 7))?.[column]));
      await rested(name, 7, 'soft');
      const line = await operation(name, 7, 'delete');
      expect(line?.before).toMatchObject({ id: 7, hidden: 'h', name: `${name} 7` });
      expect(Object.keys(line?.after ?? {})).toEqual([column]);
      await atRest();
      expect(view(page).in_trash).toBe(true);
      // A change of the row meanwhile waits for the page without a word.
      await sides.sql(`update ${name} set note = 'meanwhile' where id = 7`);
      await atRest();
      stack.sandbox.control.restorePage(page);
      await soon(async () => !isSet((await rowOf(name, 7))?.[column]));
      await soon(() => sides.shown(page, 'Note') === 'meanwhile');
      expect(await rowOf(name, 7)).toEqual({ ...edited, note: 'meanwhile' });
      expect((await operation(name, 7, 'restore'))?.after).toHaveProperty(column);
      await linked(name, 7);
      await atRest();
      expect(pagesWith(7, name)).toEqual([page]);
    },
  );

  test.each(softly)(
    'invariant 3: taking the mark of %s.%s away brings the page back',
    async (name, column) => {
      const page = await pageOf(name, 8);
      stack.sandbox.control.trashPage(page);
      await rested(name, 8, 'soft');
      await sides.sql(`update ${name} set ${column} = default, note = 'undone' where id = 8`);
      await soon(() => !view(page).in_trash && sides.shown(page, 'Note') === 'undone');
      await linked(name, 8);
      await atRest();
      expect(pagesWith(8, name)).toEqual([page]);
    },
  );

  test('invariant 3: a marked row that is deleted for good comes back with the page, or by its key', async () => {
    const page = await pageOf('flagged', 9);
    stack.sandbox.control.trashPage(page);
    await rested('flagged', 9, 'soft');
    await sides.sql('delete from flagged where id = 9');
    await rested('flagged', 9, 'trashed');
    stack.sandbox.control.restorePage(page);
    await soon(async () => (await rowOf('flagged', 9))?.name === 'flagged 9');
    await linked('flagged', 9);
    stack.sandbox.control.trashPage(page);
    await rested('flagged', 9, 'soft');
    await sides.sql(
      "begin; delete from flagged where id = 9; insert into flagged (id, name) values (9, 'anew'); commit",
    );
    await soon(() => !view(page).in_trash && sides.shown(page, 'Name') === 'anew');
    await atRest();
    expect(pagesWith(9, 'flagged')).toEqual([page]);
  });

  test('with "review" the row waits for a person: approved it goes, and page or row bring the pair back', async () => {
    const page = await pageOf('archived', 7);
    stack.sandbox.control.trashPage(page);
    const waiting = () =>
      sides.sql<{ side: string; key: string; reason: string }>(
        'select side, key, reason from pgnotion.deletes',
      );
    await soon(async () => (await waiting()).length === 1);
    expect((await waiting())[0]).toMatchObject({ side: 'to-postgres', key: '7' });
    await sides.polls(3);
    expect(await rowOf('archived', 7)).toBeDefined();
    await sides.sql(`select pgnotion.approve_delete('archived', '7')`);
    await soon(async () => (await rowOf('archived', 7)) === undefined);
    expect(await waiting()).toEqual([]);
    await atRest();
    stack.sandbox.control.restorePage(page);
    await soon(async () => (await rowOf('archived', 7)) !== undefined);
    await linked('archived', 7);
    await atRest();
    expect(pagesWith(7, 'archived')).toEqual([page]);
  });

  test('with "review" a rejected deletion restores the page, which takes what the row changed meanwhile', async () => {
    const page = await pageOf('archived', 8);
    stack.sandbox.control.trashPage(page);
    await soon(async () => (await sides.sql('select from pgnotion.deletes')).length === 1);
    await sides.sql(`update archived set note = 'meanwhile' where id = 8`);
    await soon(async () => (await sides.failures()).some(({ direction }) => direction === 'to-notion'));
    await sides.sql(`select pgnotion.reject_delete('archived', '8')`);
    await soon(() => !view(page).in_trash && sides.shown(page, 'Note') === 'meanwhile');
    await atRest();
    expect(await rowOf('archived', 8)).toBeDefined();
  });

  test('with "review" a page that its person restores waits for nobody', async () => {
    const page = await pageOf('archived', 9);
    stack.sandbox.control.trashPage(page);
    await soon(async () => (await sides.sql('select from pgnotion.deletes')).length === 1);
    stack.sandbox.control.restorePage(page);
    await soon(async () => (await sides.sql('select from pgnotion.deletes')).length === 0);
    await atRest();
    expect(await stateOf('archived', 9)).toMatchObject({ state: 'linked' });
  });

  test('with "restore" the page comes back, and with "ignore" it stands in the failures until it does', async () => {
    const [back, gone] = [await pageOf('restored', 7), await pageOf('kept', 7)];
    for (const page of [back, gone]) stack.sandbox.control.trashPage(page);
    await soon(() => !view(back).in_trash);
    await soon(async () => (await sides.failures()).some(({ code }) => code === 'page_in_trash'));
    stack.sandbox.control.restorePage(gone);
    await atRest();
    for (const name of ['restored', 'kept'] as const) expect(await rowOf(name, 7)).toBeDefined();
  });
});

const lost = [
  ['a dropped connection', { kind: 'reset', when: 'after' }],
  ['a 503', { kind: 'status', status: 503, when: 'after' }],
] as const;

describe('invariant 9: an answer that is lost', () => {
  test.each(
    farewells
      .slice(0, 3)
      .flatMap(([name, as]) => lost.map(([what, action]) => [name, what, as, action] as const)),
  )(
    'invariant 3 and invariant 9: %s, with %s, leaves one page and one outcome, going and coming',
    async (name, _what, as, action) => {
      const page = await pageOf(name, 10);
      const rule = { match: { operation: 'pages.update', path: page }, times: 1, action };
      stack.sandbox.control.faults.add(rule);
      await sides.sql(`delete from ${name} where id = 10`);
      await rested(name, 10, as);
      await atRest();
      stack.sandbox.control.faults.clear();
      stack.sandbox.control.faults.add(rule);
      await insert(name, 10, 'back');
      await soon(() => sides.shown(page, 'Name') === 'back');
      await linked(name, 10);
      await atRest();
      stack.sandbox.control.faults.clear();
      expect(view(page)).toMatchObject({ in_trash: false, is_archived: false });
      expect(pagesWith(10, name)).toEqual([page]);
    },
  );

  test.each(['trashed', 'flagged'] as const)(
    'invariant 3 and invariant 9: a stop between the restoring of a page and its note, %s',
    async (name) => {
      const page = await pageOf(name, 11);
      stack.sandbox.control.trashPage(page);
      await rested(name, 11, name === 'flagged' ? 'soft' : 'trashed');
      if (name === 'flagged') await sides.sql('delete from flagged where id = 11');
      await rested(name, 11, 'trashed');
      await stack.stop();
      // As it is after a kill: the page is back, the row too, and nobody has noted either.
      await insert(name, 11, 'raced');
      stack.sandbox.control.restorePage(page);
      await stack.start();
      await soon(() => sides.shown(page, 'Name') === 'raced');
      await linked(name, 11);
      await atRest();
      expect(pagesWith(11, name)).toEqual([page]);
      expect(await rowOf(name, 11)).toMatchObject({ name: 'raced' });
    },
  );
});

describe('invariant 10: many at once wait for a person', () => {
  const many = (more: Policies): ConfigInput => ({
    sync: { settleSeconds: 0 },
    deleteGuard: { number: 5 },
    tables: { many: tableOf('many', more) },
  });
  const manySchema = `create table many (id integer primary key, name text not null, note text, gone timestamptz);
    insert into many select i, 'm ' || i from generate_series(1, ${ROWS}) i;`;

  async function begin(more: Policies): Promise<Stack> {
    const own = await startStack({ config: many(more), schema: manySchema });
    return own;
  }
  const live = async (own: Stack): Promise<PageView[]> =>
    own.sandbox.control.pages(await sidesOf(own).source('many')).filter((page) => !page.is_archived);

  test.each([
    ['archive', { onPostgresDelete: 'archive' }],
    ['mark', { onPostgresDelete: { mark: 'Deleted' } }],
  ] as const)('invariant 10: %s', async (kind, more) => {
    await using own = await begin(more);
    const there = sidesOf(own);
    const alive = async (): Promise<number> =>
      (await live(own)).filter((page) => kind === 'archive' || page.properties.Deleted?.checkbox === false)
        .length;
    await there.sql('delete from many where id <= 30');
    await soon(async () => (await there.sql('select from pgnotion.deletes')).length === 30);
    expect(await alive()).toBe(ROWS);
    await there.sql(`select pgnotion.reject_delete('many', '1')`);
    await there.sql(`select pgnotion.approve_delete('many')`);
    await soon(async () => (await alive()) === ROWS - 29);
    await own.settled();
    expect(await there.failures()).toEqual([]);
    // The rejected one stays, and its row's return finds it.
    await there.sql(`insert into many values (1, 'one again')`);
    await soon(async () =>
      (await live(own)).some((page) => JSON.stringify(page.properties.Name).includes('one again')),
    );
    await own.settled();
    expect(
      own.sandbox.control.snapshot().pages.filter(({ parent }) => parent.type === 'data_source_id'),
    ).toHaveLength(ROWS);
  });

  test('invariant 10: softDelete', async () => {
    await using own = await begin({ onNotionTrash: { softDelete: 'gone' } });
    const there = sidesOf(own);
    const marked = async (): Promise<number> =>
      (await there.sql('select from many where gone is not null')).length;
    const waiting = async (): Promise<number> => (await there.sql('select from pgnotion.deletes')).length;
    for (const page of (await live(own)).slice(0, 30)) own.sandbox.control.trashPage(page.id);
    await soon(async () => (await waiting()) + (await marked()) === 30);
    // The poll may have met the person in the middle: up to the guard's number, single ones cross.
    expect(await marked()).toBeLessThanOrEqual(12);
    await there.sql(`select pgnotion.approve_delete('many')`);
    await soon(async () => (await marked()) === 30);
    expect(await waiting()).toBe(0);
  });
});

test('a column that cannot be set is refused at the start, with all that is wrong', async () => {
  const faulty = (softDelete: string) => tableOf('things', { onNotionTrash: { softDelete } });
  for (const [column, says] of [
    ['deletd_at', /no such column[\s\S]*deleted_at/],
    ['name', /name is a text column[\s\S]*timestamptz, timestamp or date/],
    ['never', /never is NOT NULL/],
    ['twice', /twice cannot be written/],
  ] as const) {
    await using own = await createStack({
      config: { tables: { things: faulty(column) } },
      schema: `create table things (id integer primary key, name text, note text, deleted_at timestamptz,
        never date not null, twice boolean generated always as (id > 5) stored)`,
    });
    const refused: unknown = await own.apply().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PgnotionError);
    const { message, remedy } = refused as PgnotionError;
    expect(`${message} ${remedy}`).toMatch(says);
  }
});
