import { expect, test } from 'vitest';
import { inDatabase } from '../support/postgres.ts';
import { startOwnPostgres } from '../support/servers.ts';
import { sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type StackOptions } from '../support/stack.ts';

/** An application whose tables are called as some of ours, and whose trigger and functions name them without a schema. */
const schema = `
  create schema "an app";
  create table outbox (id serial primary key, topic text not null, note text);
  create table "an app".operations (id serial primary key, note text);
  create function note_sent(text) returns text language sql as $$ select topic || ' ' || $1 from outbox limit 1 $$;
  create table goods (id integer primary key, name text not null, note text);
  create function announce() returns trigger language plpgsql as $$
    begin
      insert into outbox (topic, note) values ('goods', new.note);
      insert into operations (note) values (new.note);
      return new;
    end $$;
  create trigger announce after update on goods for each row execute function announce();
  insert into outbox (topic, note) values ('first', null);
  insert into goods values (1, 'one', null);`;

const config = {
  sync: { settleSeconds: 0 },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      fields: {
        Name: { column: 'name', type: 'title' as const },
        ID: { column: 'id', type: 'number' as const },
        Note: { column: 'note', type: 'rich_text' as const },
        Sent: { expression: `(select topic from outbox order by id limit 1)`, type: 'rich_text' as const },
      },
    },
  },
};

async function triggerFindsItsOwn(options: Partial<StackOptions>): Promise<void> {
  await using stack = await createStack({ config, schema, pollSeconds: 0.5, ...options });
  const sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
  const page = await sides.pageOf('goods', '1');
  expect(sides.shown(page, 'Sent')).toBe('first');
  for (const text of ['typed', 'again']) {
    sides.edit(page, { Note: typed('rich_text', text) });
    await soon(async () => (await sides.sql('select from goods where note = $1', [text])).length === 1);
  }
  expect(await sides.sql('select topic, note from public.outbox order by id')).toEqual([
    { topic: 'first', note: null },
    { topic: 'goods', note: 'typed' },
    { topic: 'goods', note: 'again' },
  ]);
  expect(await sides.sql('select note from "an app".operations order by id')).toHaveLength(2);
  expect(await sides.failures()).toEqual([]);
  expect(await sides.sql('select paused_reason from pgnotion.status where paused')).toEqual([]);
}

test('invariant 17: a trigger that names its own tables without a schema finds them, where the database has ours in its search path', async () => {
  await triggerFindsItsOwn({
    login: async (database) => {
      await database.pool.query(
        `alter database ${database.name} set search_path = pgnotion, "$user", "an app", public`,
      );
      return database.url;
    },
  });
});

test('invariant 17: a trigger that names its own tables without a schema finds them, where the role is called like our schema', async () => {
  const server = await startOwnPostgres();
  try {
    await triggerFindsItsOwn({
      serverUrl: server.url,
      login: async (database) => {
        await database.pool.query(`create role pgnotion superuser login password 'secret';
          alter role pgnotion set search_path = "$user", public, "an app"`);
        return inDatabase(database.url, database.name, { user: 'pgnotion', password: 'secret' });
      },
    });
  } finally {
    await server.stop();
  }
});
