import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { serverOf, VERSIONS, type VersionedServer } from '../support/both-servers.ts';
import { type Failure, type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

// What a table may have beside columns and triggers, by which one row or value makes a statement of ours fail or wait.

const schema = `
  create table bookings (id integer primary key, name text not null, during daterange, late daterange, secret text,
    constraint one_at_a_time exclude using gist (during with &&),
    constraint one_late exclude using gist (late with &&) deferrable initially deferred);
  create table ruled (id integer primary key, name text not null, note text, seen integer not null default 0);
  create table queued (id integer primary key, name text not null, note text);
  create function in_turn() returns trigger language plpgsql as $$
    begin
      if new.note = 'in turn' then perform pg_advisory_xact_lock(4242); end if;
      return new;
    end $$;
  create trigger in_turn before update on queued for each row execute function in_turn();
  insert into bookings select i, 'booking ' || i, daterange('2026-01-01'::date + 10 * i, '2026-01-05'::date + 10 * i),
    daterange('2027-01-01'::date + 10 * i, '2027-01-05'::date + 10 * i), 's3cret' from generate_series(1, 4) i;
  insert into ruled select i, 'ruled ' || i, case when i <= 2 then 'keep' end from generate_series(1, 6) i;
  create rule keep_update as on update to ruled where old.note = 'keep' do instead nothing;
  create rule keep_delete as on delete to ruled where old.note = 'keep' do instead nothing;
  create rule keep_insert as on insert to ruled where new.note = 'keep' do instead nothing;
  insert into queued select i, 'queued ' || i from generate_series(1, 6) i;`;

const plain = (name: string) => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  onNotionTrash: 'delete' as const,
  fields: {
    Name: { column: 'name', type: 'title' as const },
    ID: { column: 'id', type: 'number' as const },
    Note: { column: 'note', type: 'rich_text' as const },
  },
});

const config = {
  sync: { settleSeconds: 0 },
  tables: {
    bookings: {
      source: 'public.bookings',
      key: 'id',
      title: 'Bookings',
      fields: {
        Name: { column: 'name', type: 'title' },
        During: { column: 'during', type: 'date' },
        Late: { column: 'late', type: 'date' },
      },
    },
    ruled: plain('ruled'),
    queued: plain('queued'),
  },
} satisfies ConfigInput;

const note = (text: string) => ({ Note: typed('rich_text', text) });

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

  const failureOf = (page: string): Promise<Failure> =>
    soon(async () => (await sides.failures()).find((one) => one.page_id === page));
  const isThere = (condition: string): Promise<true> =>
    soon(async () => (await sides.sql(`select from ${condition}`)).length === 1);
  const comments = (page: string): string[] =>
    stack.sandbox.control
      .comments(page)
      .map((comment) =>
        (comment.rich_text as { readonly plain_text: string }[]).map((run) => run.plain_text).join(''),
      );

  test('invariant 16: an exclusion constraint refuses the edit that it is about, also at the commit', async ({
    skip,
  }) => {
    if (server === null) skip();
    const pages = await Promise.all(['1', '2', '3'].map((key) => sides.pageOf('bookings', key)));
    const [now = '', late = '', fine = ''] = pages;
    const days = (start: string, end: string) => ({ date: { start, end } });
    sides.edit(now, { During: days('2026-01-20', '2026-01-22'), Name: typed('title', 'overlaps') });
    sides.edit(late, { Late: days('2027-01-10', '2027-01-12'), Name: typed('title', 'overlaps late') });
    sides.edit(fine, { During: days('2026-06-01', '2026-06-02') });
    await isThere(`bookings where id = 3 and during = '[2026-06-01,2026-06-03)'`);
    for (const page of [now, late])
      expect(await failureOf(page)).toMatchObject({ code: 'sql_23P01', parked: true });
    for (const name of ['overlaps', 'overlaps late']) await isThere(`bookings where name = '${name}'`);
    const told = (await sides.failures()).map(({ reason }) => reason).join('\n');
    expect(told).toContain('one_at_a_time');
    expect(told).toContain('one_late');
    expect(told).not.toContain('s3cret');
    await soon(() => comments(now).length === 1);
    expect(comments(now)[0]).toMatch(/^During: conflicts with another record\. PostgreSQL kept /);
    // What was refused on account of a constraint is tried again without it.
    await sides.sql('alter table bookings drop constraint one_at_a_time');
    await isThere(`bookings where id = 1 and during = '[2026-01-20,2026-01-23)'`);
  });

  test('what a rule with INSTEAD keeps is told, and the rows that it is not about are written', async ({
    skip,
  }) => {
    if (server === null) skip();
    const [kept, free, trashed, gone] = await Promise.all(
      ['1', '3', '2', '4'].map((key) => sides.pageOf('ruled', key)),
    );
    sides.edit(kept ?? '', note('typed'));
    sides.edit(free ?? '', { ...note('typed'), ID: typed('number', 30) });
    await isThere(`ruled where id = 30 and note = 'typed'`);
    await soon(() => comments(kept ?? '').length === 1);
    expect(comments(kept ?? '')).toEqual([
      'Note: PostgreSQL did not take this change, and gave no reason. PostgreSQL kept "keep"',
    ]);
    await soon(() => sides.shown(kept ?? '', 'Note') === 'keep');
    stack.sandbox.control.trashPage(trashed ?? '');
    stack.sandbox.control.trashPage(gone ?? '');
    await soon(async () => (await sides.sql('select from ruled where id = 4')).length === 0);
    await soon(() => comments(trashed ?? '').length === 1);
    expect(stack.sandbox.control.page(trashed ?? '').in_trash).toBe(false);
    const made = stack.sandbox.control.createPage(await sides.source('ruled'), {
      Name: typed('title', 'new'),
      ID: typed('number', 31),
    });
    await soon(async () => (await sides.keyOf(made.id)) === '31');
    expect((await sides.failures()).filter(({ table_name }) => table_name === 'ruled')).toEqual([]);
    const rows = await sides.sql('select id, note from ruled order by id');
    expect(rows).toEqual([
      { id: 1, note: 'keep' },
      { id: 2, note: 'keep' },
      { id: 5, note: null },
      { id: 6, note: null },
      { id: 30, note: 'typed' },
      { id: 31, note: null },
    ]);
    // The row that went is known whole.
    const [line] = await sides.sql<{ before: object }>(
      `select before from pgnotion.operations where table_name = 'ruled' and kind = 'delete' and direction = 'to-postgres'`,
    );
    expect(line?.before).toEqual({ id: 4, name: 'ruled 4', note: null, seen: 0 });
  });

  test('invariant 16: an advisory lock that an application holds delays the edits that want it, and no other', async ({
    skip,
  }) => {
    if (server === null) skip();
    const client = await stack.database.pool.connect();
    try {
      await client.query('select pg_advisory_lock(4242)');
      const pages = await Promise.all(['1', '2', '3', '4', '5'].map((key) => sides.pageOf('queued', key)));
      for (const page of pages) sides.edit(page, note('in turn'));
      const free = await sides.pageOf('queued', '6');
      sides.edit(free, note('free'));
      await isThere(`queued where id = 6 and note = 'free'`);
      for (const page of pages)
        expect(await failureOf(page)).toMatchObject({ code: 'row_blocked', parked: false });
      await client.query('select pg_advisory_unlock(4242)');
      await soon(async () => (await sides.sql(`select from queued where note = 'in turn'`)).length === 5);
    } finally {
      client.release();
    }
    await soon(async () => !(await sides.failures()).some(({ code }) => code === 'row_blocked'));
  });
});
