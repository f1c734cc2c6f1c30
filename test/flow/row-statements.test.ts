import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { serverOf, VERSIONS, type VersionedServer } from '../support/both-servers.ts';
import { type Failure, type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** What a trigger does is what a person types into the note of a row. */
const schema = `
  create table goods (
    id integer primary key, name text not null, note text, stock integer not null default 0, secret text);
  create table others (id integer primary key, name text not null);
  create table ledger (id integer primary key, note text);
  create function acts() returns trigger language plpgsql as $$
    declare found integer;
    begin
      if new.note like 'raise %' then
        raise exception 'refused by %', new.note using errcode = substr(new.note, 7, 5);
      elsif new.note = 'no such column' then update ledger set nowhere = 1;
      elsif new.note = 'no such table' then insert into nowhere values (1);
      elsif new.note = 'two rows' then found := (select id from goods);
      elsif new.note = 'not prepared' then execute 'deallocate nothing_of_that_name';
      elsif new.note = 'no role' then perform set_config('role', 'nobody_of_that_name', false);
      elsif new.note = 'large' then perform repeat('x', 2000000000);
      elsif new.note = 'index' then insert into ledger values (2, (select string_agg(md5(i::text), '') from generate_series(1, 500) i));
      elsif new.note = 'keep' then return null;
      elsif new.note like 'leave %' then
        set search_path = nowhere;
        set datestyle = 'German, DMY';
        perform set_config('role', current_database() || '_weak', false);
        perform pg_advisory_lock(4711);
      elsif new.note = 'notify' then perform pg_notify('goods', 'changed'); update others set name = 'by trigger' where id = 2;
      end if;
      return new;
    end $$;
  create trigger acts before insert or update on goods for each row execute function acts();
  create function late() returns trigger language plpgsql as $$
    begin
      if new.note = 'late' then raise exception 'too late' using errcode = 'APP02'; end if;
      if new.note = 'later' then raise exception 'far too late' using errcode = '55000'; end if;
      return null;
    end $$;
  create constraint trigger late after insert or update on goods
    deferrable initially deferred for each row execute function late();
  create function back_off() returns trigger language plpgsql as $$
    begin if new.note = 'later' then set constraints all deferred; end if; return null; end $$;
  create constraint trigger a_back_off after insert or update on goods
    deferrable initially deferred for each row execute function back_off();
  create index ledger_note on ledger (note);
  create function stay() returns trigger language plpgsql as $$
    begin
      if old.note = 'stays' then return null; end if;
      if old.note = 'insists' then raise exception 'never' using errcode = 'PT402', detail = old.secret; end if;
      return old;
    end $$;
  create trigger stay before delete on goods for each row execute function stay();
  insert into others values (1, 'one'), (2, 'two');
  insert into goods (id, name, secret) select i, 'good ' || i, 's3cret ' || i from generate_series(1, 60) i;
  update goods set note = 'stays' where id = 51; update goods set note = 'insists' where id = 52;
  do $$ begin execute format('create role %I', current_database() || '_weak'); end $$;`;

const config = {
  sync: { settleSeconds: 0 },
  guard: { deletion: { number: 50 } },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      onNotionTrash: 'delete',
      fields: {
        Name: { column: 'name', type: 'title' },
        ID: { column: 'id', type: 'number' },
        Note: { column: 'note', type: 'rich_text' },
        Stock: { column: 'stock', type: 'number' },
      },
    },
    others: {
      source: 'public.others',
      key: 'id',
      title: 'Others',
      fields: { Name: { column: 'name', type: 'title' }, ID: { column: 'id', type: 'number' } },
    },
  },
} satisfies ConfigInput;

/** Notes whose rows PostgreSQL refuses, with the SQLSTATE that it answers. */
const REFUSED: readonly (readonly [note: string, state: string])[] = [
  ...['APP01', 'PT402', '55000', '21000', '0A000', '42703', 'XX000', 'P0001', '08006', '53100', '57P01'].map(
    (state) => [`raise ${state}`, state] as const,
  ),
  ['no such column', '42703'],
  ['no such table', '42P01'],
  ['two rows', '21000'],
  ['not prepared', '26000'],
  ['no role', '22023'],
  ['large', '54000'],
  ['index', '54000'],
  ['late', 'APP02'],
  ['later', '55000'],
];

describe.each(VERSIONS)('PostgreSQL %s', (version) => {
  let server: VersionedServer | null;
  let stack: Stack;
  let sides: Sides;

  beforeAll(async () => {
    server = await serverOf(version);
    if (server === null) return;
    const own = server.url === undefined ? {} : { serverUrl: server.url };
    stack = await startStack({ config, schema, pollSeconds: 0.5, ...own });
    sides = sidesOf(stack);
  });

  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  const goods = (key: number): Promise<string> => sides.pageOf('goods', String(key));
  const note = (text: string) => ({ Note: typed('rich_text', text) });
  const noteOf = async (key: number): Promise<unknown> =>
    (await sides.sql<{ note: unknown }>('select note from goods where id = $1', [key]))[0]?.note;
  const comments = (page: string): string[] =>
    stack.sandbox.control
      .comments(page)
      .map((comment) =>
        (comment.rich_text as { readonly plain_text: string }[]).map((run) => run.plain_text).join(''),
      );
  const failureOf = (page: string): Promise<Failure> =>
    soon(async () => (await sides.failures()).find((one) => one.page_id === page));

  test('invariant 16: whatever SQLSTATE PostgreSQL answers, it refuses that edit alone, and the person is told', async ({
    skip,
  }) => {
    if (server === null) skip();
    const pages = await Promise.all(REFUSED.map((_, at) => goods(at + 1)));
    REFUSED.forEach(([text], at) => {
      sides.edit(pages[at] ?? '', { ...note(text), Stock: typed('number', 5) });
    });
    sides.edit(await goods(40), note('innocent'));
    const gone = await goods(41);
    stack.sandbox.control.trashPage(gone);
    for (const [at, [, state]] of REFUSED.entries())
      expect(await failureOf(pages[at] ?? ''), REFUSED[at]?.[0]).toMatchObject({
        code: `sql_${state}`,
        parked: true,
        direction: 'to-postgres',
      });
    // Neither another page, nor one in the trash, nor the refused edit's own other field, nor another table waits.
    await soon(async () => (await noteOf(40)) === 'innocent');
    await soon(async () => (await sides.sql('select from goods where id = 41')).length === 0);
    const stocks = await sides.sql<{ n: number }>(
      'select count(*)::int as n from goods where id <= $1 and stock = 5',
      [REFUSED.length],
    );
    expect(stocks).toEqual([{ n: REFUSED.length }]);
    sides.edit(await sides.pageOf('others', '1'), { Name: typed('title', 'edited') });
    await soon(async () => (await sides.sql(`select from others where name = 'edited'`)).length === 1);
    for (const page of pages) await soon(() => comments(page).length === 1);
    expect(comments(pages[0] ?? '')).toEqual(['Note: refused by raise APP01. PostgreSQL kept nothing']);
    expect(await sides.sql('select table_name from pgnotion.status where paused')).toEqual([]);
    const reasons = (await sides.failures()).map(({ reason }) => reason).join('\n');
    expect(reasons).not.toContain('s3cret');
  });

  test('a trigger that leaves a role, a search path and a lock in its session harms no later edit', async ({
    skip,
  }) => {
    if (server === null) skip();
    for (const key of [31, 32, 33, 34, 35, 36]) sides.edit(await goods(key), note(`leave ${key}`));
    sides.edit(await goods(37), note('notify'));
    for (const key of [31, 32, 33, 34, 35, 36])
      await soon(async () => (await noteOf(key)) === `leave ${key}`);
    await soon(async () => (await noteOf(37)) === 'notify');
    const other = await sides.pageOf('others', '2');
    await soon(() => sides.shown(other, 'Name') === 'by trigger');
    const ofKeys = (await sides.failures()).filter(({ key }) => key !== null && Number(key) > 30);
    expect(ofKeys).toEqual([]);
    await soon(
      async () =>
        (await sides.sql(`select from pg_locks where locktype = 'advisory' and objid = 4711`)).length === 0,
    );
  });

  test('characters that PostgreSQL cannot hold stop neither their own edit nor another', async ({ skip }) => {
    if (server === null) skip();
    sides.edit(await goods(46), note('a\0b'));
    sides.edit(await goods(47), note('c\uD800d'));
    sides.edit(await goods(48), note('whole'));
    await soon(async () => (await noteOf(48)) === 'whole');
    await soon(async () => (await noteOf(46)) === 'a\uFFFDb');
    await soon(async () => (await noteOf(47)) === 'c\uFFFDd');
    await sides.rest();
    expect((await sides.failures()).filter(({ key }) => ['46', '47', '48'].includes(key ?? ''))).toEqual([]);
  });

  test('an update that a trigger swallows: the page gets its value back, and the person is told', async ({
    skip,
  }) => {
    if (server === null) skip();
    const page = await goods(45);
    sides.edit(page, { ...note('keep'), Stock: typed('number', 9) });
    await soon(() => comments(page).length === 1);
    expect(comments(page)).toEqual([
      'Note: PostgreSQL did not take this change, and gave no reason. PostgreSQL kept nothing',
    ]);
    await soon(() => sides.shown(page, 'Note') === '');
    await soon(async () => (await sides.sql('select from goods where id = 45 and stock = 9')).length === 1);
    expect((await sides.failures()).filter(({ page_id }) => page_id === page)).toEqual([]);
    // Done once more, it is told once more.
    sides.edit(page, note('keep'));
    await soon(() => comments(page).length === 2);
    await soon(() => sides.shown(page, 'Note') === '');
  });

  test('a deletion that a trigger swallows: the page comes back, and the person is told', async ({
    skip,
  }) => {
    if (server === null) skip();
    const page = await goods(51);
    stack.sandbox.control.trashPage(page);
    await soon(() => comments(page).length === 1);
    expect(comments(page)).toEqual(['PostgreSQL did not take this change, and gave no reason']);
    expect(stack.sandbox.control.page(page).in_trash).toBe(false);
    expect(await noteOf(51)).toBe('stays');
    // It is synced as before.
    sides.edit(page, { Stock: typed('number', 3) });
    await soon(async () => (await sides.sql('select from goods where id = 51 and stock = 3')).length === 1);
  });

  test('a deletion that a trigger refuses with a code of its own waits in the failures, without a value', async ({
    skip,
  }) => {
    if (server === null) skip();
    const page = await goods(52);
    stack.sandbox.control.trashPage(page);
    const failure = await failureOf(page);
    expect(failure).toMatchObject({ code: 'sql_PT402', reason: 'never', parked: true });
    await sides.sql('alter table goods disable trigger stay');
    await sides.sql(`select pgnotion.retry('goods', '52')`);
    await soon(async () => (await sides.sql('select from goods where id = 52')).length === 0);
  });

  test('a new page whose insert a trigger swallows or refuses stays one failure, and is mended by its next edit', async ({
    skip,
  }) => {
    if (server === null) skip();
    const source = await sides.source('goods');
    const made = ['keep', 'raise APP01'].map((text) =>
      stack.sandbox.control.createPage(source, {
        Name: typed('title', `new ${text}`),
        ID: typed('number', text === 'keep' ? 901 : 902),
        ...note(text),
      }),
    );
    const [kept, refused] = made.map(({ id }) => id);
    expect(await failureOf(kept ?? '')).toMatchObject({ code: 'row_kept', parked: true });
    expect(await failureOf(refused ?? '')).toMatchObject({ code: 'sql_APP01', parked: true });
    for (const { id } of made) sides.edit(id, note('fine'));
    await soon(async () => (await sides.sql(`select from goods where note = 'fine'`)).length === 2);
  });
});
