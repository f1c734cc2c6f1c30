import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopSchema } from '../support/shop.ts';
import { createStack, type Stack } from '../support/stack.ts';

/** From the commit of a row to its page, with what the delivery asks before it rests again. */
const MOST_STATEMENTS = 15;
const UPDATES = 5;
/** Of the statements that are made for each page of a first sync, and for no batch or look. */
const MOST_OF_A_PAGE = 10;
/** More than anything happens that is not done for each of them. */
const ROWS = 300;
/** Longer than the watchers' periods. */
const IDLE_MS = 6_000;
/** Until the loop that delivered rests again. */
const AFTERWARDS_MS = 200;
const OWN = '/* the test */';

let stack: Stack;
/** The statements of the first sync. */
let first: readonly string[] = [];
const query = vi.spyOn(pg.Client.prototype, 'query');

beforeAll(async () => {
  const schema = `${shopSchema}; insert into items (name) select 'item ' || i from generate_series(1, ${ROWS}) i`;
  stack = await createStack({ config: shopConfig, schema, pollSeconds: 3_600 });
  await stack.apply();
  first = await statementsOf(async () => {
    await stack.start();
    await eventually(async () => {
      const { rows } = await stack.database.pool.query(
        `select count(*)::int as n from pgnotion.records where state = 'linked' ${OWN}`,
      );
      return rows[0]?.n === ROWS;
    });
  });
  await stack.settled();
});
afterAll(async () => {
  query.mockRestore();
  await stack[Symbol.asyncDispose]();
});

/** The texts of the daemon's statements while `act` runs. Transactions' begins and ends count like all others. */
async function statementsOf(act: () => Promise<unknown>): Promise<string[]> {
  query.mockClear();
  await act();
  const texts = query.mock.calls.map(([given]) => {
    const statement: unknown = given;
    if (typeof statement === 'string') return statement;
    return typeof statement === 'object' && statement !== null && 'text' in statement
      ? String(statement.text)
      : '';
  });
  return texts.filter((text) => !text.includes(OWN));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

async function update(name: string): Promise<void> {
  const { pool } = stack.database;
  await pool.query(`update items set name = $1 where id = 1 ${OWN}`, [name]);
  await eventually(async () => {
    const { rows } = await pool.query(
      `select (select count(*)::int from pgnotion.outbox) as waiting,
              (select count(*)::int from pgnotion.operations where status = 'done' and after ->> 'Name' = $1) as done ${OWN}`,
      [name],
    );
    expect(rows).toEqual([{ waiting: 0, done: 1 }]);
    return true;
  });
  await pause(AFTERWARDS_MS);
}

test(`a page of a first sync costs at most ${MOST_OF_A_PAGE} SQL statements`, () => {
  const counts = Map.groupBy(first, (text) => text);
  const often = [...counts].filter(([, { length }]) => length >= ROWS).map(([text]) => text);
  expect(often.length, often.join('\n')).toBeLessThanOrEqual(MOST_OF_A_PAGE);
  for (const part of ['insert into pgnotion.operations', 'insert into pgnotion.requests', "'linked'"])
    expect(often.join('\n')).toContain(part);
});

test(`one live update costs at most ${MOST_STATEMENTS} SQL statements from its commit to its page`, {
  timeout: 60_000,
}, async () => {
  await update('warm');
  // What the daemon asks from time to time whatever happens: signs of life, watchers, notices, answers of the ledger.
  const idle = new Set(await statementsOf(() => pause(IDLE_MS)));
  const counts: number[] = [];
  let last: string[] = [];
  for (let nth = 1; nth <= UPDATES; nth += 1) {
    const all = await statementsOf(() => update(`name ${nth}`));
    // The lanes look for due entries when they are rung and when nobody rings them.
    last = all.filter((text) => !idle.has(text) || text.includes('pgnotion.outbox'));
    counts.push(last.length);
    await pause(500);
  }
  const median = counts.toSorted((a, b) => a - b)[Math.floor(UPDATES / 2)];
  expect(median, `${counts}\n${last.join('\n')}`).toBeLessThanOrEqual(MOST_STATEMENTS);
  // All that a delivery needs is looked for: otherwise the count above counts nothing.
  for (const part of ['insert into pgnotion.operations', 'insert into pgnotion.requests', 'pgnotion.records'])
    expect(last.join('\n')).toContain(part);
});
