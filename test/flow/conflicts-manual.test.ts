import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json } from '../../src/model/change.ts';
import type { ConflictLine } from '../../src/state/conflicts.ts';
import { type Disputes, type First, openDisputes } from '../support/disputes.ts';
import { soon } from '../support/sides.ts';

let there: Disputes;
beforeAll(async () => {
  there = await openDisputes();
});
afterAll(() => there.stack[Symbol.asyncDispose]());

type Held = { readonly key: string; readonly page: string; readonly line: ConflictLine };

/** Both sides change a field that a person has to decide. */
async function heldNote(first: First = 'delivery', more = ''): Promise<Held> {
  const { key, page } = await there.make();
  await there.clash({
    key,
    first,
    row: `update goods set note = 'row'${more} where id = ${key}`,
    page: () => there.type(page, 'Note', 'page'),
  });
  return { key, page, line: await there.line(key, 'open') };
}

const shows = async ({ key, page }: Held, property: string, row: Json, shown = row): Promise<void> => {
  await soon(async () => {
    expect({
      row: await there.column(key, property),
      page: there.shown(page, property),
    }).toEqual({ row, page: shown });
    return true;
  });
};

/** The actor of the operation that wrote this value where the decision was carried out first. */
const writer = async (key: string, property: string, value: Json): Promise<string | null> => {
  const [row] = await there.sql<{ actor: string | null }>(
    `select actor from pgnotion.operations where table_name = 'goods' and key = $1 and after -> $2 = $3::jsonb
      order by id limit 1`,
    [key, property, JSON.stringify(value)],
  );
  return row?.actor ?? null;
};

/** Nothing moves by itself any more, and nothing asks. */
async function rests(): Promise<void> {
  await there.rest();
  expect(await there.extras(3)).toEqual([]);
}

describe('while a person has to decide', () => {
  test.each(['delivery', 'poll'] as const)(
    'invariants 1, 4 and 5: a field is held on both sides, met by the %s first, and asks for nothing',
    async (first) => {
      const held = await heldNote(first);
      expect(held.line).toMatchObject({
        type: 'CONCURRENT_UPDATE',
        fields: ['Note'],
        strategy: 'manual',
        base: { row: { Note: 'note' }, page: { Note: 'note' } },
        local_record: { Note: 'row' },
        remote_record: { Note: 'page' },
        resolution: null,
      });
      await rests();
      await shows(held, 'Note', 'row', 'page');
      const [status] = await there.sql(
        `select pending::int, failed::int, conflicts::int from pgnotion.status where table_name = 'goods'`,
      );
      expect(status).toEqual({ pending: 0, failed: 0, conflicts: (await openOnes()).length });
      expect(await there.sql('select from pgnotion.queue')).toEqual([]);
      expect(await there.failures()).toEqual([]);
      expect(await there.lines(held.key)).toHaveLength(1);
    },
  );

  test('all other fields go on, in the same edit, the same transaction, and later ones', async () => {
    const { key, page } = await there.make();
    await there.clash({
      key,
      row: `update goods set note = 'row', stock = 2, size = 7 where id = ${key}`,
      page: () => {
        for (const [property, value] of [
          ['Note', 'page'],
          ['Stock', 3],
          ['Mark', 'page'],
        ] as const)
          there.type(page, property, value);
      },
    });
    const held = { key, page, line: await there.line(key, 'open') };
    await shows(held, 'Size', 7);
    await shows(held, 'Mark', 'page');
    expect((await there.lines(key)).map(({ fields }) => fields[0]).sort()).toEqual(['Note', 'Stock']);
    await there.sql(`update goods set size = 8 where id = $1`, [key]);
    await shows(held, 'Size', 8);
    there.type(page, 'Name', 'Later');
    await shows(held, 'Name', 'Later');
    await shows(held, 'Note', 'row', 'page');
    await shows(held, 'Stock', 2, 3);
    await rests();
  });

  test('later changes of the held field are shown in the line, from either side', async () => {
    const held = await heldNote();
    await there.sql(`update goods set note = 'row again' where id = $1`, [held.key]);
    there.type(held.page, 'Note', 'page again');
    await soon(async () => {
      expect(await there.line(held.key, 'open')).toMatchObject({
        id: held.line.id,
        base: { page: { Note: 'note' } },
        local_record: { Note: 'row again' },
        remote_record: { Note: 'page again' },
      });
      return true;
    });
    await rests();
    expect(await there.lines(held.key)).toHaveLength(1);
  });
});

const openOnes = () => there.sql(`select from pgnotion.open_conflicts where table_name = 'goods'`);

describe('a decision', () => {
  test.each([
    ['postgres', 'row'],
    ['notion', 'page'],
    ['a value of its own', 'a value of its own'],
  ] as const)('invariant 7: keeps %s, is carried out once and names who made it', async (choice, value) => {
    const held = await heldNote();
    await there.rest();
    expect(await there.resolve(held.line.id, choice)).toMatchObject({ accepted: true });
    const line = await there.line(held.key, 'resolved');
    await shows(held, 'Note', value);
    expect(line).toMatchObject({ id: held.line.id, resolved_by: 'Grace', strategy: 'manual' });
    expect(line.resolution).toBe(choice === 'a value of its own' ? 'value' : choice);
    expect(await writer(held.key, 'Note', value)).toBe('Grace');
    await rests();
    await shows(held, 'Note', value);
    expect(await there.lines(held.key)).toHaveLength(1);
    expect(await there.failures()).toEqual([]);
  });

  test('the first of two stands, and the other is told', async () => {
    const held = await heldNote();
    const [one, two] = await Promise.all([
      there.resolve(held.line.id, 'postgres', 'Ada'),
      there.resolve(held.line.id, 'notion', 'Grace'),
    ]);
    expect([one.accepted, two.accepted].filter(Boolean)).toHaveLength(1);
    const winner = one.accepted ? 'postgres' : 'notion';
    const who = one.accepted ? 'Ada' : 'Grace';
    expect((one.accepted ? two : one).message).toMatch(
      new RegExp(`^conflict ${held.line.id} was decided by ${who} at .+: ${winner}$`),
    );
    expect(await there.line(held.key, 'resolved')).toMatchObject({ resolution: winner, resolved_by: who });
    await shows(held, 'Note', one.accepted ? 'row' : 'page');
    expect((await there.resolve(held.line.id, 'postgres')).accepted).toBe(false);
  });

  test('for a value that PostgreSQL refuses opens the conflict again and says why; another one mends it', async () => {
    const { key, page } = await there.make();
    await there.clash({
      key,
      row: `update goods set stock = 2 where id = ${key}`,
      page: () => there.type(page, 'Stock', -3),
    });
    const held = { key, page, line: await there.line(key, 'open') };
    for (const choice of ['notion', -4] as const) {
      await there.resolve(held.line.id, choice);
      await soon(async () => {
        expect(await there.line(key, 'open')).toMatchObject({
          id: held.line.id,
          resolution: null,
          resolved_by: null,
        });
        expect((await there.line(key, 'open')).note).toContain('goods_stock_check');
        return true;
      });
      expect(await there.failures()).toMatchObject([{ key, code: 'sql_23514', parked: true }]);
      await there.sql('update pgnotion.conflicts set note = null where id = $1', [held.line.id]);
    }
    await there.resolve(held.line.id, { not: 'a number' });
    await soon(async () => (await there.line(key, 'open')).note?.includes('is not a value for Stock'));
    await there.resolve(held.line.id, 9);
    await there.line(key, 'resolved');
    await shows(held, 'Stock', 9);
    await rests();
    expect(await there.failures()).toEqual([]);
  });

  test('invariant 9: made while no daemon runs, it is carried out at the next start', async () => {
    const held = [await heldNote(), await heldNote(), await heldNote()];
    await there.rest();
    await there.stack.stop();
    const choices = ['postgres', 'notion', 'both'] as const;
    for (const [at, each] of held.entries()) await there.resolve(each.line.id, choices[at] ?? '');
    await there.stack.start();
    for (const [at, each] of held.entries()) {
      await there.line(each.key, 'resolved');
      await shows(each, 'Note', ['row', 'page', 'both'][at] ?? '');
    }
    await rests();
  });

  test('invariant 9: cut off in the middle of being carried out, it is finished once', async () => {
    const held = await heldNote();
    await there.rest();
    there.stack.sandbox.control.faults.add({
      match: { operation: 'pages.update' },
      times: 1,
      action: { kind: 'reset', when: 'after' },
    });
    await there.resolve(held.line.id, 'postgres');
    await soon(() => there.shown(held.page, 'Note') === 'row', 1);
    await there.stack.stop();
    await there.stack.start();
    expect(await there.line(held.key, 'resolved')).toMatchObject({
      resolution: 'postgres',
      resolved_by: 'Grace',
    });
    await shows(held, 'Note', 'row');
    await rests();
    expect(await there.lines(held.key)).toHaveLength(1);
  });
});

describe('a conflict that has lost its object ends by itself', () => {
  test.each(['delivery', 'poll'] as const)('the page is as before, met by the %s first', async (first) => {
    const held = await heldNote(first);
    there.type(held.page, 'Note', 'note');
    await there.line(held.key, 'outdated');
    await shows(held, 'Note', 'row');
    await rests();
  });

  test.each(['delivery', 'poll'] as const)('the row is as before, met by the %s first', async (first) => {
    const held = await heldNote(first);
    await there.rest();
    await there.sql(`update goods set note = 'note' where id = $1`, [held.key]);
    await there.line(held.key, 'outdated');
    await shows(held, 'Note', 'page');
    await rests();
  });

  test.each([
    ['row', (held: Held) => there.sql(`update goods set note = 'page' where id = $1`, [held.key])],
    ['page', async (held: Held) => there.type(held.page, 'Note', 'row')],
  ] as const)('the %s takes over what the other side holds', async (side, change) => {
    const held = await heldNote();
    await change(held);
    await there.line(held.key, 'outdated');
    await shows(held, 'Note', side === 'row' ? 'page' : 'row');
    expect((await there.resolve(held.line.id, 'postgres')).message).toContain('ended by itself');
    await rests();
  });
});
