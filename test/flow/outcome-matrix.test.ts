import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { FaultAction } from '../../src/sandbox/notion/faults.ts';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** Long enough that only what is meant to take longer does. */
const REQUEST_TIMEOUT_MS = 1_500;
const SAVED = { retry_guidance: ['Do not repeat the write.'], committed_resource_id: '$id' };
const limited = (reason: string) => ({
  status: 429,
  headers: { 'retry-after': '0.2' },
  additionalData: { rate_limit_reason: reason, retry_after: '0.2' },
});
type Status = Omit<FaultAction & { readonly kind: 'status' }, 'kind' | 'when'>;
type Case = readonly [what: string, action: FaultAction];

const answered = (when: 'before' | 'after', what: string, status: Status): Case => [
  `${what} ${when} saving`,
  { kind: 'status', when, ...status },
];
const around = (what: string, status: Status): readonly Case[] => [
  answered('before', what, status),
  answered('after', what, status),
];

/** What passes by itself, sooner or later. */
const passing: readonly Case[] = [
  answered('before', '401', { status: 401 }),
  answered('before', '409 conflict', { status: 409 }),
  answered('before', '429 of the connection', limited('public_api_request_rate_limit')),
  answered('before', '429 of the workspace', limited('public_api_space_request_rate_limit')),
  answered('before', '429 of the endpoint', limited('public_api_endpoint_rate_limit')),
  answered('before', '429 without a reason', { status: 429, headers: { 'retry-after': '0.2' } }),
  answered('before', '429 of a blocked connection', limited('public_api_request_blocked')),
  answered('before', '529', { status: 529, headers: { 'retry-after': '0.2' } }),
  answered('before', '403 of a firewall', { status: 403, html: true }),
  ...around('500', { status: 500 }),
  ...around('502', { status: 502 }),
  ...around('502 of a proxy', { status: 502, html: true }),
  ...around('503', { status: 503 }),
  answered('after', '503 that says so', { status: 503, additionalData: SAVED }),
  answered('after', '503 that says so without an id', {
    status: 503,
    additionalData: { retry_guidance: SAVED.retry_guidance },
  }),
  ...around('504', { status: 504 }),
  ['a reset before saving', { kind: 'reset', when: 'before' }],
  ['a reset after saving', { kind: 'reset', when: 'after' }],
  ['a silence before saving', { kind: 'delay', when: 'before', ms: 2 * REQUEST_TIMEOUT_MS }],
  ['a silence after saving', { kind: 'delay', when: 'after', ms: 2 * REQUEST_TIMEOUT_MS }],
  ['a body that stalls', { kind: 'stall-body' }],
];

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await startStack({
    // Each case deletes a row of the one table: together they would be a mass of deletions.
    config: { ...shopConfig, guard: { deletion: { number: passing.length } } },
    schema: shopSchema,
    pollSeconds: 0.5,
    variables: { NOTION_TIMEOUT_SECONDS: String(REQUEST_TIMEOUT_MS / 1_000) },
  });
  sides = sidesOf(stack);
});

afterEach(() => stack.sandbox.control.faults.clear());
afterAll(() => stack[Symbol.asyncDispose]());

type Subjects = { readonly keys: readonly number[]; readonly pages: readonly string[] };

/** Rows that are in Notion, as many as asked for. */
async function synced(count: number): Promise<Subjects> {
  const rows = await sides.sql<{ id: number }>(`${shopRows(count)} returning id`);
  await agreed(stack);
  const keys = rows.map(({ id }) => id);
  return { keys, pages: await Promise.all(keys.map((key) => sides.pageOf('items', String(key)))) };
}

/** Strikes the first create, update and trash, and so many queries. */
function strike({ pages: [updated, , gone] }: Subjects, queries: number, action: FaultAction): void {
  const { faults } = stack.sandbox.control;
  faults.add({ match: { operation: 'pages.create' }, times: 1, action });
  for (const path of [updated, gone])
    faults.add({ match: { operation: 'pages.update', path: path ?? '' }, times: 1, action });
  faults.add({ match: { operation: 'dataSources.query' }, times: queries, action });
}

/** How often the audit, which the guard counts by, says that the record's page was put away. */
async function putAways(key: number | undefined): Promise<number> {
  const done = await sides.sql(
    `select from pgnotion.operations where key = $1 and kind = 'delete' and status = 'done'`,
    [String(key)],
  );
  return done.length;
}

const allStruck = (): boolean =>
  stack.sandbox.control.faults.list().every(({ struck, times }) => struck === times);

/** One of everything: two creates, two updates, a deletion, and an edit and a new page of a person's. */
async function traffic({ keys: [first, second, gone, edited], pages }: Subjects): Promise<string> {
  const source = await sides.source('items');
  await sides.sql(`with i as (insert into items (name) values ('new 1'), ('new 2'))
    update items set note = note || ' changed', stock = stock + 100 where id in (${first}, ${second})`);
  await sides.sql('delete from items where id = $1', [gone]);
  sides.edit(pages[3] ?? '', { Note: typed('rich_text', `by hand ${edited}`) });
  return stack.sandbox.control.createPage(source, { Name: typed('title', `page ${edited}`) }).id;
}

describe('invariants 1, 3, 4: after what passes, both sides agree and nothing was made twice', () => {
  test.each(passing)('%s, of a create, an update, a trash and a query', async (what, action) => {
    const subjects = await synced(4);
    const made = sides.writes().length;
    strike(subjects, what.startsWith('500') ? 3 : 1, action);
    const page = await traffic(subjects);
    await eventually(allStruck);
    await eventually(() => sides.keyOf(page));
    await agreed(stack);
    const [, , gone, edited] = subjects.keys;
    expect(await putAways(gone), 'deletions that count for the guard').toBe(1);
    expect(await sides.sql('select note from items where id = $1', [edited])).toEqual([
      { note: `by hand ${edited}` },
    ]);
    expect(sides.writes().length - made, 'requests that change something').toBeLessThan(20);
  });
});
