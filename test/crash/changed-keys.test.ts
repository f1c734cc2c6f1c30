import { expect, test } from 'vitest';
import { createCliStage } from '../support/cli-stage.ts';
import { changeKeys } from '../support/key-changes.ts';
import { sidesOf, soon } from '../support/sides.ts';

/** RUNS makes as many runs of random changes, each with others. */
const runs = Number(process.env.RUNS ?? 1);

test.each(Array.from({ length: runs }, (_, at) => at + 100))(
  'invariants 3 and 9: rows keep their pages through 60 changes of keys and 4 kills (seed %i)',
  async (seed) => {
    await changeKeys({ seed, changes: 60, kills: 4 });
  },
  180_000,
);

test('invariants 3 and 9: a row whose key changes while its page is in doubt keeps that page', async () => {
  await using stage = await createCliStage({
    config: {
      tables: {
        things: {
          source: 'public.things',
          key: 'id',
          title: 'Things',
          fields: { Name: { column: 'name', type: 'title' } },
        },
      },
    },
    schema: 'create table things (id integer primary key, name text); insert into things values (1, $$one$$)',
    variables: { SYNC_CREATE_GRACE_SECONDS: '1', NODE_ENV: 'test' },
  });
  const { sql, source, shown, failures } = sidesOf(stage);
  const { control } = stage.sandbox;
  await stage.apply();
  const first = await stage.start();
  await stage.settled();
  await first.kill9();
  await sql(`insert into things values (2, 'two')`);
  const doomed = stage.spawn(['start'], { PGNOTION_FAILPOINTS: 'deliver.after-create:exit' });
  expect((await doomed.exit).signal).toBe('SIGKILL');
  await sql('update things set id = 3 where id = 2');
  await stage.start();
  const things = await source('things');
  const made = control.pages(things).find(({ id }) => shown(id, 'Name') === 'two')?.id ?? '';
  await soon(() => shown(made, 'Supabase ID') === '3');
  await stage.settled();
  expect(control.pages(things)).toHaveLength(2);
  expect(control.trashedPages(things)).toEqual([]);
  await soon(async () => (await failures()).length === 0);
}, 60_000);
