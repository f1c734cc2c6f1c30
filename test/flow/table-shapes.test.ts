import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import type { Json } from '../../src/model/change.ts';
import type { PropertyType } from '../../src/model/codecs/codec.ts';
import { serverOf, VERSIONS, type VersionedServer } from '../support/both-servers.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

const schema = `
  create type mood as enum ('glad', 'sad');
  create domain grade as text check (value in ('A', 'B'));
  create function closed() returns trigger language plpgsql as $$
    begin if new.note = 'closed' then raise exception 'it is closed'; end if; return new; end $$;
  create table goods (
    id integer primary key,
    name text not null,
    mood mood,
    code varchar(5),
    stock smallint not null default 0,
    rating integer check (rating <= 5),
    grade grade,
    amount integer not null default 1,
    note text,
    must integer not null);
  create trigger closed before update on goods for each row execute function closed();
  insert into goods (id, name, must, mood) select i, 'good ' || i, i, 'sad' from generate_series(1, 30) i;`;

const config = {
  sync: { settleSeconds: 0 },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      statusProperty: 'Sync Status',
      fields: {
        Name: { column: 'name', type: 'title' },
        ID: { column: 'id', type: 'number' },
        Mood: { column: 'mood', type: 'select' },
        Code: { column: 'code', type: 'rich_text' },
        Stock: { column: 'stock', type: 'number', lossy: true },
        Rating: { column: 'rating', type: 'number' },
        Grade: { column: 'grade', type: 'rich_text' },
        Amount: { column: 'amount', type: 'number' },
        Note: { column: 'note', type: 'rich_text' },
        Must: { column: 'must', type: 'number' },
      },
    },
  },
} satisfies ConfigInput;

type Change = {
  readonly what: string;
  readonly ddl: string;
  readonly property: keyof typeof config.tables.goods.fields;
  readonly type: PropertyType;
  readonly value: Json;
  readonly condition: string;
};

/** Changes of the table, each with an edit that only the table as it is then can take. */
const changes: readonly Change[] = [
  {
    what: 'a label is added',
    ddl: `alter type mood add value 'grim'`,
    property: 'Mood',
    type: 'select',
    value: 'grim',
    condition: `mood::text = 'grim'`,
  },
  {
    what: 'a length grows',
    ddl: 'alter table goods alter column code type varchar(20)',
    property: 'Code',
    type: 'rich_text',
    value: 'much longer',
    condition: `code = 'much longer'`,
  },
  {
    what: 'a number grows',
    ddl: 'alter table goods alter column stock type bigint',
    property: 'Stock',
    type: 'number',
    value: 5_000_000_000,
    condition: 'stock::bigint = 5000000000',
  },
  {
    what: 'a check is dropped',
    ddl: 'alter table goods drop constraint goods_rating_check',
    property: 'Rating',
    type: 'number',
    value: 9,
    condition: 'rating = 9',
  },
  {
    what: "a domain's check is dropped",
    ddl: 'alter domain grade drop constraint grade_check',
    property: 'Grade',
    type: 'rich_text',
    value: 'C',
    condition: `grade = 'C'`,
  },
  {
    what: 'NOT NULL is dropped',
    ddl: 'alter table goods alter column amount drop not null',
    property: 'Amount',
    type: 'number',
    value: null,
    condition: 'amount is null',
  },
  {
    what: "a trigger's function is replaced",
    ddl: `create or replace function closed() returns trigger language plpgsql as 'begin return new; end'`,
    property: 'Note',
    type: 'rich_text',
    value: 'closed',
    condition: `note = 'closed'`,
  },
];

/** What stands in the way, for a test that fails. */
async function missing(sides: Sides, what: string): Promise<Error> {
  const paused = await sides.sql('select table_name, paused_reason from pgnotion.status where paused');
  const drift = await sides.sql('select * from pgnotion.drift');
  return new Error(JSON.stringify({ what, failures: await sides.failures(), paused, drift }));
}

describe.each(VERSIONS)('PostgreSQL %s', (version) => {
  let server: VersionedServer | null;

  beforeAll(async () => {
    server = await serverOf(version);
  });

  afterAll(() => server?.stop());

  async function started(): Promise<{ readonly stack: Stack; readonly sides: Sides }> {
    const own = server?.url === undefined ? {} : { serverUrl: server.url };
    const stack = await startStack({ config, schema, pollSeconds: 0.5, ...own });
    return { stack, sides: sidesOf(stack) };
  }

  test('invariant 4: what was refused on account of what a table was is carried out once the table has changed', async ({
    skip,
  }) => {
    if (server === null) skip();
    const { stack, sides } = await started();
    await using _ = stack;
    const pages = await Promise.all(changes.map((_, at) => sides.pageOf('goods', String(at + 1))));
    changes.forEach(({ property, type, value }, at) => {
      sides.edit(pages[at] ?? '', { [property]: typed(type, value) });
    });
    const { id: made } = stack.sandbox.control.createPage(await sides.source('goods'), {
      Name: typed('title', 'made'),
      ID: typed('number', 900),
    });
    await soon(
      async () => (await sides.failures()).filter(({ parked }) => parked).length === changes.length + 1,
    );
    for (const { ddl } of changes) await sides.sql(ddl);
    await sides.sql('alter table goods alter column must set default 7');
    for (const [at, { what, condition }] of changes.entries())
      await soon(async () => {
        const rows = await sides.sql(`select from goods where id = ${at + 1} and ${condition}`);
        return rows.length === 1 || Promise.reject(await missing(sides, what));
      });
    await soon(async () => (await sides.keyOf(made)) === '900');
    await soon(async () => (await sides.failures()).length === 0);
    for (const page of pages) await soon(() => sides.shown(page, 'Sync Status') === '');
    // Every row's value is another text now, and the log says nothing of it.
    await sides.sql(`alter type mood rename value 'sad' to 'blue'`);
    const page = await sides.pageOf('goods', '20');
    await soon(() => sides.shown(page, 'Mood') === 'blue');
    sides.edit(page, { Mood: typed('select', 'glad') });
    await soon(
      async () => (await sides.sql(`select from goods where id = 20 and mood = 'glad'`)).length === 1,
    );
    // While no daemon runs as well.
    sides.edit(page, { Mood: typed('select', 'wild') });
    await soon(async () => (await sides.failures()).length === 1);
    await stack.stop();
    await sides.sql(`alter type mood add value 'wild'`);
    await stack.start();
    await soon(
      async () => (await sides.sql(`select from goods where id = 20 and mood::text = 'wild'`)).length === 1,
    );
  });

  test('invariant 15: an edit made right after a change of the table is never refused on account of the old one', async ({
    skip,
  }) => {
    if (server === null) skip();
    const { stack, sides } = await started();
    await using _ = stack;
    const pages = await Promise.all(changes.map((_, at) => sides.pageOf('goods', String(at + 1))));
    for (const [at, { ddl, property, type, value }] of changes.entries()) {
      await sides.sql(ddl);
      sides.edit(pages[at] ?? '', { [property]: typed(type, value) });
    }
    for (const [at, { what, condition }] of changes.entries())
      await soon(async () => {
        const rows = await sides.sql(`select from goods where id = ${at + 1} and ${condition}`);
        return rows.length === 1 || Promise.reject(await missing(sides, what));
      });
    expect(await sides.failures()).toEqual([]);
    expect(pages.flatMap((page) => stack.sandbox.control.comments(page))).toEqual([]);
  });
});
