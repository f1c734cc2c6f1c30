import { expect, test } from 'vitest';
import { agreed, disagreements } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { inDatabase } from '../support/postgres.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// A publication that an administrator made, and that pgnotion's role may not change.

const { items } = shopConfig.tables;
const config = {
  ...shopConfig,
  publication: 'shared',
  tables: { items, others: { ...items, source: 'public.others', title: 'Others' } },
};
const tables = ['items', 'others'];
const OPTIONS = `with (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)`;

/** With a role that owns neither publication nor tables. */
async function withShared(
  publication: string,
  work: (stack: Stack, sides: Sides) => Promise<void>,
): Promise<void> {
  await using stack = await createStack({
    config,
    schema: `${shopSchema}; create table others (like items including all); ${shopRows(3)};
      insert into others select * from items; ${publication}`,
    pollSeconds: 0.5,
    login: async ({ name, url, pool }) => {
      await pool.query(`create role ${name} login replication password 'secret'; grant create on database ${name} to ${name};
        grant all on items, others to ${name}; grant usage on all sequences in schema public to ${name}`);
      return inDatabase(url, name, { user: name, password: 'secret' });
    },
  });
  const sides = sidesOf(stack);
  const { name } = stack.database;
  try {
    await stack.apply();
    await work(stack, sides);
  } finally {
    await stack.stop().catch(() => undefined);
    await sides.sql(`reassign owned by ${name} to current_user; drop owned by ${name}; drop role ${name}`);
  }
}

const reasonOf = async (sides: Sides, table: string): Promise<string> =>
  (
    await sides.sql<{ reason: string | null }>(
      'select paused_reason as reason from pgnotion.status where table_name = $1',
      [table],
    )
  )[0]?.reason ?? '';

test('invariant 1: what it lacks is told with the statement for its owner, and the tables that it has go on', () =>
  withShared(`create publication shared for table items ${OPTIONS}`, async (stack, sides) => {
    await stack.start();
    await eventually(async () => (await disagreements(stack, 'items')).length === 0);
    const statement = 'alter publication "shared" add table only "public"."others"';
    await eventually(async () => (await reasonOf(sides, 'others')).includes(statement));
    await sides.sql(statement);
    await agreed(stack, { tables });
    await sides.sql(`update others set note = 'published' where id = 1`);
    await agreed(stack, { tables });
    await sides.sql(`alter publication shared set (publish = 'insert')`);
    await eventually(async () => (await reasonOf(sides, 'items')).includes('alter publication "shared" set'));
    await sides.sql('delete from items where id = 2');
    await sides.sql(`alter publication shared set (publish = 'insert, update, delete, truncate')`);
    await agreed(stack, { tables });
  }));

test('invariant 17: a table of a whole published schema that loses its key says what its owner can run', () =>
  withShared(`create publication shared for tables in schema public ${OPTIONS}`, async (stack, sides) => {
    await stack.start();
    await agreed(stack, { tables });
    await sides.sql('alter table items drop constraint items_pkey');
    await eventually(async () => /DROP TABLES IN SCHEMA/.test(await reasonOf(sides, 'items')));
    await sides.sql('alter table items add primary key (id)');
    await agreed(stack, { tables });
    await sides.sql(`update items set note = 'published' where id = 1`);
    await agreed(stack, { tables });
  }));

test.each([
  ['of all tables', `create publication shared for all tables ${OPTIONS}`, /DROP PUBLICATION "shared"/],
  [
    'of the schema pgnotion',
    `create schema pgnotion; create publication shared for tables in schema public, pgnotion ${OPTIONS}; drop schema pgnotion`,
    null,
  ],
])('a publication %s would carry what pgnotion writes: it is refused', (_, publication, words) =>
  withShared(publication, async (stack, sides) => {
    if (words === null) await sides.sql('alter publication shared add tables in schema pgnotion');
    await expect(stack.start()).rejects.toMatchObject({
      code: 'publication_unfit',
      remedy: expect.stringMatching(words ?? /DROP TABLES IN SCHEMA pgnotion/),
    });
  }),
);
