import { afterAll, beforeAll, expect, test } from 'vitest';
import { isWrite } from '../support/requests.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

/** Many more than three answers of a listing hold. */
const ROWS = 600;
/** Notion's 180 a minute and the default 15 s between polls, 7.5 times as fast: no faster than a busy machine keeps up with. */
const LIMIT = { requests: 180, windowMs: 8_000 };
const POLL_SECONDS = 2;
const REQUESTS_PER_UPDATE = 1.1;
const REQUESTS_PER_POLL = 3;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  const schema = `${shopSchema}; ${shopRows(ROWS)}`;
  stack = await createStack({ config: shopConfig, schema, pollSeconds: POLL_SECONDS });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
  await stack.stop();
  Object.assign(stack.environment, { NOTION_RATE_LIMIT: LIMIT });
  await stack.start();
  await sides.polls(2);
}, 300_000);
afterAll(() => stack[Symbol.asyncDispose]());

const requests = () => stack.sandbox.control.requests();

test(`invariant 4: under a backlog an update costs at most ${REQUESTS_PER_UPDATE} requests, and what people type meanwhile is kept`, {
  timeout: 180_000,
}, async () => {
  stack.sandbox.control.clearRequests();
  await sides.sql('update items set stock = stock + 1000');
  const edited: number[] = [];
  for (let done = 0; done < ROWS; ) {
    done = requests().filter(isWrite).length;
    // A page that is still to be written, every few seconds.
    const row = ROWS - 20 * edited.length;
    if (done > 150 * edited.length && done < ROWS - 200) {
      sides.edit(await sides.pageOf('items', String(row)), {
        Note: { rich_text: [{ text: { content: `typed ${row}` } }] },
      });
      edited.push(row);
    }
    await new Promise((resolve) => void setTimeout(resolve, 100));
  }
  await stack.settled();
  const perUpdate = requests().length / ROWS;
  const kinds = Object.entries(Object.groupBy(requests(), ({ operation }) => String(operation))).map(
    ([operation, some = []]) => `${operation} ${some.length}`,
  );
  expect(perUpdate, kinds.join(', ')).toBeLessThanOrEqual(REQUESTS_PER_UPDATE);
  expect(edited.length).toBeGreaterThan(2);
  for (const row of edited) {
    const page = await sides.pageOf('items', String(row));
    await soon(async () => {
      const [kept] = await sides.sql<{ note: string; stock: number }>(
        `select note, stock from items where id = ${row}`,
      );
      expect(kept).toEqual({ note: `typed ${row}`, stock: row + 1000 });
      expect([sides.shown(page, 'Note'), sides.shown(page, 'Stock')]).toEqual([`typed ${row}`, row + 1000]);
      return true;
    });
  }
});

test(`invariant 5: a poll after a mass change of our own costs at most ${REQUESTS_PER_POLL} requests`, {
  timeout: 60_000,
}, async () => {
  await stack.settled();
  stack.sandbox.control.clearRequests();
  const seconds = 12;
  await new Promise((resolve) => void setTimeout(resolve, seconds * 1_000));
  const polls = seconds / POLL_SECONDS + 1;
  expect(requests().length).toBeGreaterThan(2);
  expect(requests().length).toBeLessThanOrEqual(polls * REQUESTS_PER_POLL);
});

test('invariant 4: an edit is seen in the midst of our own writes', async () => {
  const page = await sides.pageOf('items', '1');
  sides.edit(page, { Note: { rich_text: [{ text: { content: 'seen' } }] } });
  await soon(async () => {
    const [row] = await sides.sql<{ note: string }>('select note from items where id = 1');
    return row?.note === 'seen';
  });
});
