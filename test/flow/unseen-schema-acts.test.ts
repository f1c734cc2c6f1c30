import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { driftEntries } from '../support/drift-entries.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// Acts on a property that are over before anybody looks: its id and its type are as before, and its values are gone.

const ROWS = 5;
const values = { open: 'Open', done: 'Done' };
const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  guard: { clearing: { number: 3, share: 0.01, windowMinutes: 10 } },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      fields: {
        Name: { column: 'name', type: 'title' },
        Note: { column: 'note', type: 'rich_text' },
        Stage: { column: 'stage', type: 'select', values },
        State: { column: 'state', type: 'status', values },
        Tags: { column: 'tags', type: 'multi_select' },
      },
    },
    others: {
      source: 'public.others',
      key: 'id',
      title: 'Others',
      fields: { Name: { column: 'name', type: 'title' } },
    },
  },
};
const schema = `
  create table goods (id integer primary key, name text not null, note text, stage text, state text, tags text[]);
  insert into goods select n, 'good ' || n, 'note ' || n, 'open', 'open', '{red,green}' from generate_series(1, ${ROWS}) n;
  create table others (id integer primary key, name text not null);
  insert into others values (1, 'other')`;

describe.each(['running', 'stopped'] as const)('while the daemon is %s', (when) => {
  let stack: Stack;
  let sides: Sides;
  let source: string;
  let pages: readonly string[];
  let later = 0;
  const control = () => stack.sandbox.control;
  const column = async (name: string): Promise<unknown[]> =>
    (await sides.sql<{ value: unknown }>(`select ${name} as value from goods order by id`)).map(
      (row) => row.value,
    );
  const shown = (property: string) => pages.map((page) => sides.shown(page, property));

  beforeAll(async () => {
    stack = await createStack({
      config,
      schema,
      pollSeconds: 0.3,
      sandbox: { now: () => new Date(Date.now() + later) },
    });
    sides = sidesOf(stack);
    await stack.apply();
    await stack.start();
    await stack.settled();
    source = await sides.source('goods');
    pages = await Promise.all(Array.from({ length: ROWS }, (_, at) => sides.pageOf('goods', String(at + 1))));
  });
  afterAll(() => stack[Symbol.asyncDispose]());

  /** Long enough that all edits until now have been seen, whatever queries lag: a page that is edited tells what time it is. */
  async function timePasses(): Promise<void> {
    await sides.rest();
    later += 3_600_000;
    const name = `at ${later}`;
    sides.edit(await sides.pageOf('others', '1'), { Name: typed('title', name) });
    await soon(async () => (await sides.sql('select from others where name = $1', [name])).length === 1);
    await sides.rest();
  }

  async function harmless(act: () => void, property: string, name: string): Promise<void> {
    await timePasses();
    const [before, were] = [await column(name), shown(property)];
    if (when === 'stopped') await stack.stop();
    act();
    expect(shown(property)).not.toEqual(were);
    // What a person empties meanwhile is an edit.
    sides.edit(pages[0] ?? '', { Note: typed('rich_text', null) });
    if (when === 'stopped') await stack.start();
    await soon(() => expect(shown(property).slice(1)).toEqual(were.slice(1)) ?? true);
    await soon(async () => (await column('note'))[0] === null);
    await sides.rest();
    expect((await column(name)).slice(1)).toEqual(before.slice(1));
    expect(await driftEntries(sides)).toEqual([]);
    expect(await sides.sql('select from pgnotion.guarded_changes')).toEqual([]);
    expect(await sides.failures()).toEqual([]);
    await sides.sql(`update goods set note = 'note 1' where id = 1`);
    await soon(() => sides.shown(pages[0] ?? '', 'Note') === 'note 1');
  }

  test('invariant 15: a property that was given another type and back keeps the rows’ values', async () => {
    await harmless(
      () => {
        control().retypeProperty(source, 'Note', { number: {} });
        control().retypeProperty(source, 'Note', { rich_text: {} });
      },
      'Note',
      'note',
    );
  });

  test('invariant 15: an option that was deleted and made again keeps the rows’ values', async () => {
    for (const [property, option, name] of [
      ['Stage', 'Open', 'stage'],
      ['State', 'Open', 'state'],
      ['Tags', 'green', 'tags'],
    ] as const)
      await harmless(
        () => {
          control().deleteOption(source, property, option);
          control().addOption(source, property, option);
        },
        property,
        name,
      );
  });
});
