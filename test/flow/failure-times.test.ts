import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf } from '../support/sides.ts';

// What failed is told with its times, and in the words that the page shows.

let stage: CliStage;
let sides: Sides;
beforeAll(async () => {
  stage = await createCliStage({
    config: {
      sync: { settleSeconds: 0 },
      tables: {
        items: {
          source: 'public.items',
          key: 'id',
          title: 'Items',
          statusProperty: 'Sync Status',
          fields: {
            Name: { column: 'name', type: 'title' },
            Price: { column: 'price', type: 'number' },
            Note: { column: 'note', type: 'rich_text', conflict: 'manual' },
          },
        },
      },
    },
    schema: `${shopSchema};${shopRows(4)}; alter table items add constraint cheap check (price < 1000)`,
  });
  sides = sidesOf(stage);
  await stage.apply();
});
afterAll(() => stage[Symbol.asyncDispose]());

type Failure = {
  readonly direction: string;
  readonly first_at: string;
  readonly last_at: string;
  readonly next_at: string | null;
  readonly attempts: number;
  readonly parked: boolean;
  readonly reason: string;
  readonly sentence: string;
};

const failures = async (): Promise<Failure[]> =>
  JSON.parse((await stage.run(['failures', 'list', '--json'])).stdout) as Failure[];
const text = async (): Promise<string> => (await stage.run(['failures', 'list'])).stdout;

const pageOf = (key: string): Promise<string> => sides.pageOf('items', key);

test('a refused edit: the sentence is the page’s own, and it is not tried by itself', async () => {
  await using _ = await stage.start();
  await stage.settled();
  const page = await pageOf('1');
  sides.edit(page, { Price: { number: 5_000 } });
  const [failure] = await eventually(async () => {
    const all = await failures();
    return all.length === 1 && all;
  });
  const shown = await eventually(() => {
    const status = sides.shown(page, 'Sync Status');
    return typeof status === 'string' && status !== '' && status;
  });
  expect(failure).toMatchObject({ direction: 'to-postgres', parked: true, next_at: null });
  expect(failure?.sentence).toMatch(/^Price: /);
  expect(shown).toBe(failure?.sentence);
  expect(failure?.sentence).not.toBe(failure?.reason);
  expect(new Date(failure?.first_at ?? '').getTime()).toBeLessThanOrEqual(Date.now());
  const told = await text();
  expect(told).toContain(`  ${failure?.sentence} (`);
  expect(told).toMatch(
    /^ {2}first \S+Z \(.+ ago\), last \S+Z \(.+ ago\), \d+ tr(?:y|ies), not tried again by itself$/m,
  );
  sides.edit(page, { Price: { number: 5 } });
  await eventually(async () => (await failures()).length === 0);
});

test('a write that may pass: first, last, next, and how often', async () => {
  await using _ = await stage.start();
  await stage.settled();
  stage.sandbox.control.faults.add({
    match: { operation: 'pages.update' },
    times: null,
    action: { kind: 'status', status: 409, when: 'before', code: 'conflict_error' },
  });
  await stage.database.pool.query(`update items set name = 'again and again' where id = 2`);
  const failure = await eventually(async () => {
    const [one] = await failures();
    return one !== undefined && one.attempts >= 2 && one;
  });
  expect(failure).toMatchObject({ direction: 'to-notion', parked: false, sentence: failure.reason });
  const [first, last, next] = [failure.first_at, failure.last_at, failure.next_at ?? ''].map((at) =>
    new Date(at).getTime(),
  ) as [number, number, number];
  expect(first).toBeLessThan(last);
  expect(last).toBeLessThan(next);
  expect(await text()).toMatch(/, \d+ tries, tried again (?:at \S+Z \(in .+\)|now)$/m);
  stage.sandbox.control.faults.clear();
  await eventually(async () => (await failures()).length === 0, { timeoutMs: 90_000 });
});

test('a conflict is called as its page in Notion is, with its times', async () => {
  const page = await pageOf('3');
  {
    await using _ = await stage.start();
    await stage.settled();
  }
  await stage.database.pool.query(`update items set note = 'of the row' where id = 3`);
  sides.edit(page, {
    Note: { rich_text: [{ type: 'text', text: { content: 'of the page' } }] },
  });
  await using _ = await stage.start();
  const [conflict] = await eventually(async () => {
    const all = JSON.parse((await stage.run(['conflicts', 'list', '--json'])).stdout) as {
      id: string;
      title: string;
      detected_at: string;
    }[];
    return all.length === 1 && all;
  });
  expect(conflict?.title).toBe(`${conflict?.id}: items 3, Note`);
  await stage.run(['conflicts', 'resolve', conflict?.id ?? '', '--keep', 'postgres']);
  await eventually(async () =>
    /over[\s\S]+resolved: postgres .+\d{4}-\S+Z +\d{4}-\S+Z/.test(
      (await stage.run(['conflicts', 'list', '--all'])).stdout,
    ),
  );
});
