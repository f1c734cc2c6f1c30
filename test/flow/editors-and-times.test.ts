import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { ADA, GRACE } from '../../src/sandbox/notion/people.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

// Who made an edit, and when each side changed a field: told as far as it is known, and no further.

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      onNotionTrash: 'delete',
      fields: {
        Name: { column: 'name', type: 'title' },
        Size: { column: 'size', type: 'number' },
        Note: { column: 'note', type: 'rich_text' },
      },
    },
  },
};
const schema = `
  create table goods (id integer primary key, name text not null, size integer, note text, last_seen timestamptz);
  create table seen_actors (id integer, actor text, actor_id text);
  create function note_actor() returns trigger language plpgsql as $$
  begin
    insert into seen_actors values (new.id, current_setting('pgnotion.actor', true), current_setting('pgnotion.actor_id', true));
    return new;
  end $$;
  create trigger note_actor before update of name on goods for each row execute function note_actor();
  insert into goods select n, 'good ' || n, n, 'note ' || n from generate_series(1, 30) n`;

let stack: Stack;
let sides: Sides;
beforeAll(async () => {
  stack = await startStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
});
afterAll(() => stack[Symbol.asyncDispose]());

const title = (text: string) => ({ Name: typed('title', text) });
const edit = (page: string, properties: Parameters<Sides['edit']>[1], actor: string) =>
  stack.sandbox.control.editPage(page, properties, actor);

/**
 * Nothing is polled until the function is done: deliveries of a few records look at each page themselves. With `once`, that
 * page is looked at a single time, by its delivery, and not again for what the delivery found.
 */
async function withoutPolls(work: () => Promise<void>, once?: string): Promise<void> {
  const { faults } = stack.sandbox.control;
  const action = { kind: 'status', status: 503, when: 'before' } as const;
  const held = [faults.add({ match: { operation: 'dataSources.query' }, times: null, action })];
  if (once !== undefined)
    held.push(faults.add({ match: { operation: 'pages.retrieve', id: once }, times: null, skip: 1, action }));
  await work().finally(() => held.forEach(faults.clear));
}

type Audited = {
  readonly actor: string | null;
  readonly actor_id: string | null;
  readonly candidates: string[];
};
const audited = (key: string, kind = 'update'): Promise<Audited> =>
  soon(async () => {
    const [row] = await sides.sql<Audited>(
      `select actor, actor_id, candidates from pgnotion.recent_operations
        where table_name = 'goods' and key = $1 and direction = 'to-postgres' and kind = $2 and status = 'done'
        order by id desc limit 1`,
      [key, kind],
    );
    return row;
  });

test('invariant 7: edits are put down to the person, though SQL changes another field before the poll', async () => {
  const keys = Array.from({ length: 10 }, (_, n) => String(n + 1));
  await withoutPolls(async () => {
    for (const key of keys) {
      const page = await sides.pageOf('goods', key);
      edit(page, title(`by Grace ${key}`), GRACE);
      await sides.sql('update goods set size = size + 100 where id = $1', [key]);
      await soon(() => sides.shown(page, 'Size') === Number(key) + 100);
      expect(stack.sandbox.control.page(page).lastEditedBy).not.toBe(GRACE);
    }
  });
  for (const key of keys)
    expect(await audited(key)).toEqual({ actor: 'Grace Hopper', actor_id: GRACE, candidates: [] });
  await sides.rest();
  expect(await sides.sql('select distinct actor, actor_id from seen_actors')).toEqual([
    { actor: 'Grace Hopper', actor_id: GRACE },
  ]);
});

test('two people at one record are candidates, and nobody is named', async () => {
  await sides.sql('truncate seen_actors');
  const page = await sides.pageOf('goods', '11');
  await withoutPolls(async () => {
    edit(page, title('by Grace'), GRACE);
    await sides.sql('update goods set size = 111 where id = 11');
    await soon(() => sides.shown(page, 'Size') === 111);
    edit(page, { Note: typed('rich_text', 'by Ada') }, ADA);
  }, page);
  const told = await audited('11');
  expect(told).toMatchObject({ actor: 'a person in Notion', actor_id: null });
  expect([...told.candidates].sort()).toEqual(['Ada Lovelace', 'Grace Hopper']);
  expect(await sides.sql('select actor, actor_id from seen_actors')).toEqual([
    { actor: 'a person in Notion', actor_id: '' },
  ]);
  await sides.rest();
});

test('trashing a page names nobody: its last editor may have been somebody else', async () => {
  const page = await sides.pageOf('goods', '12');
  edit(page, title('edited'), ADA);
  await audited('12');
  stack.sandbox.control.trashPage(page);
  expect(await audited('12', 'delete')).toEqual({
    actor: 'a person in Notion',
    actor_id: null,
    candidates: ['Ada Lovelace'],
  });
  await sides.rest();
});

type Line = {
  readonly strategy: string;
  readonly resolution: string;
  readonly row_changed_at: Date | null;
  readonly edited_from: Date;
  readonly edited_to: Date;
};
const line = (key: string): Promise<Line> =>
  soon(async () => {
    const [row] = await sides.sql<Line>(
      `select * from pgnotion.conflicts where record_id = $1 and status = 'resolved' order by id desc limit 1`,
      [key],
    );
    return row;
  });

/** The row's change waits in the outbox, and its page is looked at meanwhile. */
async function heldBack(key: string, change: string): Promise<void> {
  await sides.sql(`select pgnotion.pause('goods')`);
  await sides.sql(change);
  await soon(async () => (await waiting(key)) !== undefined);
  await sides.sql(`update pgnotion.outbox set next_at = 'infinity' where key = $1`, [key]);
  await sides.sql(`select pgnotion.resume('goods')`);
}
const waiting = async (key: string) =>
  (
    await sides.sql<{ times: Record<string, { at: string }>; changed_at: Date }>(
      `select field_times as times, changed_at from pgnotion.outbox where key = $1`,
      [key],
    )
  )[0];

test('the last write goes by the commit of the field, not by a later touch of another column', async () => {
  await sides.rest();
  await heldBack('13', 'update goods set size = 500 where id = 13');
  const before = await waiting('13');
  await sides.polls(2);
  edit(await sides.pageOf('goods', '13'), { Size: { number: 600 } }, GRACE);
  await sides.sql(`select pgnotion.pause('goods')`);
  await sides.sql('update goods set last_seen = now() where id = 13');
  await soon(async () => ((await waiting('13'))?.changed_at ?? 0) > (before?.changed_at ?? 0));
  expect((await waiting('13'))?.times).toEqual(before?.times);
  await sides.sql(`update pgnotion.outbox set next_at = clock_timestamp() where key = '13'`);
  await sides.sql(`select pgnotion.resume('goods')`);
  const decided = await line('13');
  expect(decided).toMatchObject({ strategy: 'lww', resolution: 'notion' });
  expect(decided.row_changed_at?.toISOString()).toBe(before?.times.Size?.at);
  await soon(
    async () => (await sides.sql<{ size: number }>('select size from goods where id = 13'))[0]?.size === 600,
  );
  await sides.rest();
});

test('in one minute, a look between the two changes tells which was later', async () => {
  await heldBack('14', 'update goods set size = 500 where id = 14');
  await sides.polls(2);
  edit(await sides.pageOf('goods', '14'), { Size: { number: 600 } }, GRACE);
  const decided = await line('14');
  expect(decided).toMatchObject({ strategy: 'lww', resolution: 'notion' });
  expect(decided.edited_from.getTime()).toBeGreaterThan(decided.row_changed_at?.getTime() ?? 0);
  await sides.sql(`update pgnotion.outbox set next_at = clock_timestamp() where next_at = 'infinity'`);
  await soon(
    async () => (await sides.sql<{ size: number }>('select size from goods where id = 14'))[0]?.size === 600,
  );
  await sides.rest();
});

test('what nobody can know is said: a change that no log told', async () => {
  await heldBack('15', 'update goods set size = 500 where id = 15');
  await sides.sql(
    `update pgnotion.outbox set field_times = '{}', changed_at = changed_at + interval '1 hour' where key = '15'`,
  );
  edit(await sides.pageOf('goods', '15'), { Size: { number: 600 } }, GRACE);
  const decided = await line('15').catch(() => null);
  await sides.sql(`update pgnotion.outbox set next_at = clock_timestamp() where next_at = 'infinity'`);
  const told = decided ?? (await line('15'));
  expect(told).toMatchObject({ strategy: 'lww-unknown', resolution: 'postgres', row_changed_at: null });
  const explained = await sides.sql<{ detail: string }>(`select detail from pgnotion.explain('goods', '15')`);
  expect(explained.map(({ detail }) => detail).join('\n')).toContain(
    "when the row's value was committed is not known",
  );
  await sides.rest();
});
