import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import type { PostgresServer } from '../../src/sandbox/postgres-server.ts';
import { agreed, disagreements } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { inDatabase } from '../support/postgres.ts';
import { startDebianPostgres15 } from '../support/servers.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const { items } = shopConfig.tables;
const fields = { Name: items.fields.Name, Note: items.fields.Note, Stock: items.fields.Stock };

const config: ConfigInput = {
  ...shopConfig,
  deleteGuard: { number: 1_000 },
  tables: {
    items,
    others: { ...items, source: 'public.others', title: 'Others' },
    parts: { ...items, source: 'public.parts', title: 'Parts', fields },
  },
};

const schema = `${shopSchema};
  create table others (like items including all);
  create table parts (id integer primary key, name text not null, note text, stock integer) partition by range (id);
  create table parts_low partition of parts for values from (0) to (100);
  create table parts_high (id integer primary key, name text not null, note text, stock integer)`;

const tables = ['items', 'others', 'parts'];

describe.each([15, 18] as const)('PostgreSQL %i', (major) => {
  let debian: PostgresServer | null = null;
  let stack: Stack;
  let sides: Sides;

  beforeAll(async () => {
    debian = major === 15 ? await startDebianPostgres15() : null;
    stack = await createStack({
      config,
      schema,
      pollSeconds: 0.5,
      ...(debian !== null && { serverUrl: debian.url }),
      // A role like the one that grants.sql makes, that owns the tables, so that row-level security can concern it.
      login: async ({ name, url, pool }) => {
        await pool.query(`create role ${name} login replication password 'secret';
          grant create on database ${name} to ${name}; alter schema public owner to ${name};
          alter table items owner to ${name}; alter table others owner to ${name};
          alter table parts owner to ${name}; alter table parts_low owner to ${name};
          alter table parts_high owner to ${name}`);
        return inDatabase(url, name, { user: name, password: 'secret' });
      },
    });
    sides = sidesOf(stack);
    await sides.sql(shopRows(4));
    await sides.sql(`insert into others select * from items; insert into parts values (1, 'bolt', 'low', 1);
      insert into parts_high values (200, 'nut', 'high', 2)`);
    await stack.apply();
    await stack.start();
    await agreed(stack, { tables });
  });
  afterAll(async () => {
    const { name } = stack.database;
    await stack.stop();
    await sides.sql(`reassign owned by ${name} to current_user; drop owned by ${name}; drop role ${name}`);
    await stack[Symbol.asyncDispose]();
    await debian?.stop();
  });

  const reason = async (table: string): Promise<string | null> =>
    (
      await sides.sql<{ reason: string | null }>(
        'select paused_reason as reason from pgnotion.status where table_name = $1',
        [table],
      )
    )[0]?.reason ?? null;

  const published = async (table: string): Promise<boolean> =>
    (await sides.sql('select from pg_publication_rel where prrelid = $1::regclass', [table])).length > 0;

  const suspended = (table: string, words: RegExp): Promise<unknown> =>
    eventually(async () => {
      expect(await reason(table)).toMatch(words);
      return true;
    });

  const publication = async (): Promise<string> => {
    const [row] = await sides.sql<{ name: string }>(
      'select quote_ident(pubname) as name from pg_publication',
    );
    return row?.name ?? '';
  };

  test.each([
    [
      'is renamed away and back',
      () => ['alter table items rename to away', 'alter table away rename to items'],
    ],
    [
      'is moved to another schema and back',
      () => [
        'create schema attic; alter table items set schema attic',
        'alter table attic.items set schema public; drop schema attic',
      ],
    ],
    [
      'stands in a schema that is renamed',
      () => ['alter schema public rename to attic', 'alter schema attic rename to public'],
    ],
  ] as const)(
    'invariant 1: a table %s: it is published again, and what the log called by another name is found',
    async (what, acts) => {
      const [away = '', back = ''] = acts();
      const at = away.includes('rename to away') ? 'away' : 'attic.items';
      await sides.sql(away);
      await suspended('items', /no such table|does not exist/);
      // Under another name it is nobody's, and leaves the publication; in a schema that is closed to us it cannot.
      if (at === 'away') await eventually(async () => !(await published(at)));
      await sides.sql(`update ${at} set note = $1 where id = 1`, [`while it ${what}`]);
      await sides.sql(`delete from ${at} where id = 2`);
      await sides.sql(back);
      await agreed(stack, { tables });
      // Whatever happens before that is compared once it is.
      await eventually(() => published('items'));
      await sides.sql(`update items set note = 'later' where id = 1`);
      await sides.sql(`insert into items (id, name) values (2, 'again')`);
      await agreed(stack, { tables });
    },
  );

  test('invariant 1: a rename that lasts shorter than a look is noticed all the same', async () => {
    await sides.sql('alter table items rename to away');
    await sides.sql(`update away set note = 'under another name' where id = 1`);
    await sides.sql('alter table away rename to items');
    await agreed(stack, { tables });
  });

  test('invariant 1: a rewritten column, and one that was dropped and added, are compared', async () => {
    await sides.sql('alter table items alter stock type integer using stock + 100');
    await agreed(stack, { tables });
    await sides.sql(`alter table items drop note, add note text default 'of the new column'`);
    await agreed(stack, { tables });
  });

  test.each([
    [
      'a row filter',
      (name: string) =>
        `alter publication ${name} drop table items; alter publication ${name} add table items where (id > 2)`,
    ],
    [
      'a column list without a mapped column',
      (name: string) =>
        `alter publication ${name} drop table items; alter publication ${name} add table items (id, name)`,
    ],
    ['other kinds', (name: string) => `alter publication ${name} set (publish = 'insert, update')`],
    [
      'no rows of partitions under their root',
      (name: string) => `alter publication ${name} set (publish_via_partition_root = false)`,
    ],
    ['another table in its place', (name: string) => `alter publication ${name} set table others`],
  ])(
    'invariant 1: an administrator gives the publication %s: it is mended, and what was missed is found',
    async (what, change) => {
      await sides.sql(change(await publication()));
      await sides.sql('update items set note = $1 where id = 1', [what]);
      await sides.sql('update parts set note = $1 where id = 1', [what]);
      await sides.sql(`delete from others where id = (select min(id) from others)`);
      await agreed(stack, { tables });
      await sides.sql('update items set note = $1 where id = 1', [`${what}, later`]);
      await agreed(stack, { tables });
      expect(
        await sides.sql(
          'select from pg_publication where pubinsert and pubupdate and pubdelete and pubtruncate and pubviaroot',
        ),
      ).toHaveLength(1);
    },
  );

  test('a column list that has all that is read is left as it is', async () => {
    const name = await publication();
    const columns = 'id, name, note, stock, price, listed, tags, since';
    await sides.sql(`alter table items add blob bytea`);
    await sides.sql(
      `alter publication ${name} drop table items; alter publication ${name} add table items (${columns})`,
    );
    await sides.sql(`update items set note = 'by way of a list', blob = 'secret' where id = 1`);
    await agreed(stack, { tables });
    const list = await sides.sql(
      'select from pg_publication_rel where prrelid = $1::regclass and prattrs is not null',
      ['items'],
    );
    expect(list).toHaveLength(1);
    await sides.sql('alter table items replica identity full');
    await eventually(() =>
      sides.sql('update items set stock = 7 where id = 1').then(
        () => true,
        () => false,
      ),
    );
    await agreed(stack, { tables });
    await sides.sql('alter table items replica identity default, drop blob');
  });

  test('invariant 1: partitions that are attached, detached and dropped take their rows along', async () => {
    await sides.sql('alter table parts attach partition parts_high for values from (100) to (1000)');
    await agreed(stack, { tables });
    await sides.sql(`update parts set note = 'attached' where id = 200`);
    await agreed(stack, { tables });
    await sides.sql('alter table parts detach partition parts_high');
    await agreed(stack, { tables });
    await sides.sql('alter table parts attach partition parts_high for values from (100) to (1000)');
    await agreed(stack, { tables });
    await sides.sql('drop table parts_high');
    await agreed(stack, { tables });
  });

  test.each([
    [
      'its key becomes DEFERRABLE',
      'items',
      'alter table items drop constraint items_pkey, add primary key (id) deferrable',
      'alter table items drop constraint items_pkey, add primary key (id)',
      /DEFERRABLE/,
    ],
    [
      'its key is dropped',
      'items',
      'alter table items drop constraint items_pkey',
      'alter table items add primary key (id)',
      /primary key/,
    ],
    [
      'its replica identity becomes NOTHING',
      'items',
      'alter table items replica identity nothing',
      'alter table items replica identity default',
      /NOTHING/,
    ],
    [
      'a partition has another identity',
      'parts',
      'alter table parts_low replica identity nothing',
      'alter table parts_low replica identity default',
      /parts_low/,
    ],
    [
      'a table inherits from it',
      'items',
      'create table heirs () inherits (items)',
      'drop table heirs',
      /inherits/,
    ],
  ])(
    'invariant 17: %s: it leaves the publication, so that the application goes on, and comes back when mended',
    async (_, table, breaks, mends, words) => {
      await sides.sql(breaks);
      await suspended(table, words);
      expect(await published(table)).toBe(false);
      await sides.sql(`update ${table} set note = 'while it is not published' where id = 1`);
      await sides.sql(`insert into ${table} (id, name) values (77, 'meanwhile')`);
      await sides.sql(`update others set note = coalesce(note, '') || '+'`);
      await eventually(async () => (await disagreements(stack, 'others')).length === 0);
      await sides.sql(mends);
      await agreed(stack, { tables });
      expect(await published(table)).toBe(true);
      await sides.sql(`delete from ${table} where id = 77`);
      await agreed(stack, { tables });
    },
  );

  test('invariant 1: row-level security that hides rows suspends the table, and no page is taken for a deleted row’s', async () => {
    const pages = (await sides.sql('select from items')).length;
    await sides.sql(`alter table items enable row level security, force row level security`);
    await sides.sql('select pgnotion.resync()');
    await suspended('items', /row-level security|row level security/);
    await sides.sql(`update items set note = 'unseen' where id = 1`);
    await sides.sql(`update others set note = 'seen' where id = 4`);
    await eventually(async () => (await disagreements(stack, 'others')).length === 0);
    expect(stack.sandbox.control.pages(await sides.source('items'))).toHaveLength(pages);
    expect(
      await sides.sql(`select from pgnotion.outbox where table_name = 'items' and kind = 'delete'`),
    ).toEqual([]);
    await sides.sql('alter table items no force row level security, disable row level security');
    await agreed(stack, { tables });
  });

  test('invariant 1: a right that is revoked suspends the table, and no page is taken for a deleted row’s', async () => {
    const pages = (await sides.sql('select from items')).length;
    const { name } = stack.database;
    await sides.sql(`alter table items owner to current_user; grant select (name) on items to ${name}`);
    await sides.sql('select pgnotion.resync()');
    await suspended('items', /permission denied/);
    await sides.sql('delete from items where id = 4');
    expect(stack.sandbox.control.pages(await sides.source('items'))).toHaveLength(pages);
    await sides.sql(`alter table items owner to ${name}`);
    await agreed(stack, { tables });
  });

  test('a change of the publication that was mended is told until all rows are compared', async () => {
    await sides.sql(`select pgnotion.pause('items')`);
    await sides.sql(`alter publication ${await publication()} drop table items`);
    await eventually(
      async () =>
        (await sides.sql(`select from pgnotion.drift where table_name = 'items' and kind = 'publication'`))
          .length === 1,
    );
    await sides.sql(`select pgnotion.resume('items')`);
    await eventually(async () => (await sides.sql('select from pgnotion.drift')).length === 0);
    await agreed(stack, { tables });
  });
});
