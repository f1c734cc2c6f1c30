import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { beginWalk } from '../../src/state/first-sync.ts';
import { beginOperation, endOperation } from '../../src/state/operations.ts';
import {
  addSource,
  createState,
  key,
  pageOf,
  products,
  type StateStage,
  suppliers,
} from '../support/state.ts';

let state: StateStage;
let rows: StateStage['rows'];
beforeAll(async () => {
  state = await createState();
  rows = state.rows;
});
afterAll(() => state.database.drop());
beforeEach(async () => {
  await state.clear();
  await addSource(state.store, suppliers, 1);
});

type Line = { readonly at: Date | null; readonly what: string; readonly detail: string };
const explain = (name = 'a', table = 'suppliers') =>
  rows<Line>('select * from pgnotion.explain($1, $2)', [table, name]);
const whats = async (name?: string) =>
  (await explain(name)).map(({ what }) => what).filter((what) => what !== 'log not read');
const line = async (what: string, name?: string) => {
  const found = (await explain(name)).find((each) => each.what === what);
  if (found === undefined) expect.fail(`no line ${what}: ${JSON.stringify(await explain(name))}`);
  return found.detail;
};
const linked = () =>
  rows(
    `insert into pgnotion.records (table_name, key, page_id, state, synced_at, page_edited_at)
     values ('suppliers', 'a', '${pageOf(1)}', 'linked', now(), '2026-03-01T12:00:00Z')`,
  );

test('an unknown table or record is told as such', async () => {
  await expect(explain('a', 'nobody')).rejects.toMatchObject({
    code: 'PGN02',
    message: 'nobody is not a synced table',
  });
  await expect(explain()).rejects.toMatchObject({
    code: 'PGN02',
    message: 'pgnotion knows no record a of suppliers',
    hint: expect.stringContaining('primary key'),
  });
});

test('a record at rest is in sync, with its page', async () => {
  await linked();
  expect(await whats()).toEqual(['in sync']);
  expect(await line('in sync')).toContain(pageOf(1));
});

test('what waits tells since when, how often it was tried, what failed and what comes next', async () => {
  await linked();
  await rows(
    `insert into pgnotion.outbox (table_name, key, kind, lsn, changed_at, first_at, next_at, attempts, code, reason)
     values ('suppliers', 'a', 'write', '0/AB', '2026-03-01T12:00:00Z', '2026-03-01T11:00:00Z', '2026-03-01T13:00:00Z', 3, 'busy', 'Notion is busy')`,
  );
  expect(await whats()).toEqual(['waits for Notion', 'linked']);
  const detail = await line('waits for Notion');
  for (const part of [
    'the row changed',
    '2026-03-01 12:00:00',
    '0/AB',
    'tries so far: 3',
    '13:00:00',
    'busy',
  ])
    expect(detail).toContain(part);
  await rows(`insert into pgnotion.waiting values ('suppliers', 'a', 'products', 'p')`);
  expect(await line('relation waits')).toBe('for a page of products p: products is not a synced table');
});

test('what is set aside, either way, tells the reason and the remedy', async () => {
  await linked();
  await rows(
    `insert into pgnotion.outbox (table_name, key, kind, parked_at, code, reason, remedy)
     values ('suppliers', 'a', 'delete', now(), 'mass_deletion', 'so many', 'look first')`,
  );
  await rows(
    `insert into pgnotion.edits (page_id, table_name, key, digest, parked_at, code, reason, remedy)
     values ('${pageOf(1)}', 'suppliers', 'a', 'd', now(), 'sql_23514', 'a check', 'another value')`,
  );
  expect(await whats()).toEqual(['set aside', 'edit set aside', 'linked']);
  expect(await line('set aside')).toBe('so many (mass_deletion). What to do: look first');
  expect(await line('edit set aside')).toBe('a check (sql_23514). What to do: another value');
});

test('a clearing that waits, and a first contact that is not over, are told', async () => {
  await linked();
  await rows(
    `insert into pgnotion.clearings (table_name, key, side, field, page_id, state, reason, cause)
     values ('suppliers', 'a', 'to-notion', 'Price', '${pageOf(1)}', 'waiting', '9 of 10 would lose it', 'SQL did it'),
            ('suppliers', 'a', 'to-notion', 'Name', '${pageOf(1)}', 'crossed', null, null)`,
  );
  expect(await whats()).toEqual(['clearing waiting', 'in sync']);
  expect(await line('clearing waiting')).toContain(
    'Price of the page: 9 of 10 would lose it; likely cause: SQL did it. What to do: run `pgnotion guarded approve TABLE KEY`',
  );
  await rows(
    `insert into pgnotion.first_contacts (table_name, data_source_id, origin)
     select table_name, data_source_id, 'found' from pgnotion.data_sources where table_name = 'suppliers'`,
  );
  // A record that has its page waits for nothing.
  expect(await whats()).toEqual(['clearing waiting', 'in sync']);
  await rows(`insert into pgnotion.outbox (table_name, key, kind) values ('suppliers', 'b', 'write')`);
  expect(await whats('b')).toEqual(['waits for Notion', 'first contact', 'no record']);
  await rows('update pgnotion.first_contacts set over_at = now()');
  expect(await whats('b')).toEqual(['waits for Notion', 'no record']);
});

test('a page that is no record yet goes by its page id', async () => {
  await rows(
    `insert into pgnotion.edits (page_id, table_name, digest, next_at) values ('${pageOf(2)}', 'suppliers', 'd', now())`,
  );
  expect(await whats(pageOf(2))).toEqual(['edit waits', 'no record']);
});

test('a paused table and a log that nobody reads come first', async () => {
  await linked();
  await rows(`select pgnotion.pause('suppliers')`);
  await rows(
    `insert into pgnotion.checkpoint (slot, system_id, timeline, lsn) values ('nowhere', 's', 1, '0/99')`,
  );
  expect((await explain()).map(({ what }) => what)).toEqual(['table paused', 'log not read', 'in sync']);
  expect(await line('log not read')).toContain('0/99');
});

test('what happened follows, newest first, with who, when, which try and how long', async () => {
  const one = {
    table: suppliers,
    key: key('a'),
    page: pageOf(1),
    before: { Name: 'a' },
    after: { Name: 'b' },
  };
  const edit = await beginOperation(state.store, {
    ...one,
    direction: 'to-postgres',
    kind: 'update',
    changedAt: new Date('2026-03-01T12:00:00Z'),
    actor: 'Ada',
    actorId: 'ada-id',
  });
  await endOperation(state.store, edit, { status: 'done' });
  const copy = await beginOperation(state.store, {
    ...one,
    direction: 'to-notion',
    kind: 'update',
    changedAt: new Date('2026-03-01T13:00:00Z'),
    lsn: '0/AB',
    attempt: 2,
    batch: '7',
  });
  await endOperation(state.store, copy, { status: 'failed', error: 'Notion is busy' });
  expect(await whats()).toEqual(['no record', 'failed to-notion update', 'done to-postgres update']);
  expect(await line('done to-postgres update')).toMatch(
    /^operation \d+: Name; by Ada; edited since 2026-03-01 12:00:00\S*; \d+ ms$/,
  );
  expect(await line('failed to-notion update')).toMatch(
    /^operation \d+: Name; committed at 2026-03-01 13:00:00\S*; log 0\/AB; try 2; \d+ ms; run 7; Notion is busy$/,
  );
});

test('what waits tells whether it is live, bulk or first sync, and its place', async () => {
  await linked();
  await rows(
    `insert into pgnotion.outbox (table_name, key, kind, priority, first_at) values
       ('suppliers', 'a', 'write', 1, '2026-03-01T11:00:00Z'), ('suppliers', 'b', 'write', 1, '2026-03-01T10:00:00Z'),
       ('suppliers', 'c', 'write', 0, '2026-03-01T12:00:00Z'), ('products', 'd', 'write', 0, '2026-03-01T09:00:00Z')`,
  );
  expect(await line('waits for Notion')).toContain(
    'bulk: one of many changes made together, behind 2 others of its table',
  );
  await rows(`update pgnotion.outbox set priority = 0 where key = 'a'`);
  expect(await line('waits for Notion')).toContain('live, behind 0 others of its table');
  await rows(`update pgnotion.outbox set priority = 2 where key = 'a'`);
  expect(await line('waits for Notion')).toContain('a part of the first sync or a resync, behind 2 others');
});

describe('a record that waits for the page of another tells where that one stands', () => {
  const target = () =>
    line('relation waits').then((detail) => detail.replace('for a page of products p: ', ''));
  const entry = (table: string, name: string, more: Readonly<Record<string, string>> = {}) => {
    const all = { table_name: `'${table}'`, key: `'${name}'`, kind: `'write'`, ...more };
    return rows(
      `insert into pgnotion.outbox (${Object.keys(all).join(', ')}) values (${Object.values(all).join(', ')})`,
    );
  };
  const page = (more: string) =>
    rows(
      `insert into pgnotion.records (table_name, key, page_id, state, rested_at) values ('products', 'p', '${pageOf(3)}', ${more})`,
    );
  beforeEach(async () => {
    await addSource(state.store, products, 2);
    await entry('suppliers', 'a', { priority: '0' });
    await rows(`insert into pgnotion.waiting values ('suppliers', 'a', 'products', 'p')`);
  });

  test.each<readonly [string, () => Promise<unknown>, string]>([
    [
      'its table is paused',
      () => rows(`select pgnotion.pause('products')`),
      'products is paused (paused by hand)',
    ],
    [
      'it was set aside',
      () => entry('products', 'p', { parked_at: 'now()', code: `'value_refused'`, reason: `'too long'` }),
      'it was set aside: too long (value_refused)',
    ],
    ['its page is hidden', () => page(`'away_hidden', null`), 'Notion does not show its page'],
    ['its page was moved', () => page(`'away_moved', null`), 'its page was moved'],
    [
      'its row is left out',
      () => page(`'filtered_trashed', now()`),
      "the table's query or condition leaves its row out",
    ],
    ['its page has just been made', () => page(`'linked', null`), 'its page is there'],
    [
      'its row has not been found yet',
      () => rows(`update pgnotion.data_sources set backfilled_at = null where table_name = 'products'`),
      'the rows of products are being read',
    ],
    [
      'there is no such row',
      () => Promise.resolve(),
      "its row is not there, or the table's query leaves it out",
    ],
    [
      'its database has not been read',
      async () => {
        await entry('products', 'p');
        await rows(`update pgnotion.data_sources set swept_at = null where table_name = 'products'`);
      },
      'the database of products has not been read yet',
    ],
    [
      'its database is met for the first time',
      async () => {
        await entry('products', 'p');
        await rows(
          `insert into pgnotion.first_contacts (table_name, data_source_id, origin)
           select table_name, data_source_id, 'found' from pgnotion.data_sources where table_name = 'products'`,
        );
      },
      'the database of products is being read for the first time',
    ],
    [
      'it waits in the first sync',
      async () => {
        await entry('products', 'o', { priority: '2', first_at: `now() - interval '1 hour'` });
        await entry('products', 'p', { priority: '2' });
      },
      'a part of the first sync or a resync, behind 1 others of its table',
    ],
    [
      'it waits itself',
      async () => {
        await entry('products', 'p', { priority: '0' });
        await entry('suppliers', 'z', { priority: '0' });
        await rows(`insert into pgnotion.waiting values ('products', 'p', 'suppliers', 'z')`);
      },
      'it waits for a page of suppliers z itself: live, behind 1 others of its table',
    ],
  ])('%s', async (_title, act, expected) => {
    await act();
    expect(await target()).toBe(expected);
  });

  test('its delivery failed', async () => {
    await entry('products', 'p', {
      attempts: '2',
      code: `'notion_busy'`,
      reason: `'Notion is busy'`,
      next_at: `'2026-03-01T13:00:00Z'`,
    });
    expect(await target()).toMatch(
      /^its delivery failed, and is tried again at 2026-03-01 13:00:00\S*: Notion is busy \(notion_busy\)$/,
    );
  });

  test('a circle ends', async () => {
    await entry('products', 'p');
    await rows(`insert into pgnotion.waiting values ('products', 'p', 'suppliers', 'a')`);
    expect(await target()).toMatch(
      /^it waits for a page of suppliers a itself: it waits .+ behind 0 others of its table$/,
    );
  });
});

describe('what keeps a record that is due', () => {
  const waits = (priority: number) =>
    rows(
      `insert into pgnotion.outbox (table_name, key, kind, priority) values ('suppliers', 'a', 'write', $1)`,
      [priority],
    );
  const limited = async (live: number, others: number) => {
    await rows(
      `insert into pgnotion.settings (name, value) values ('rate_limit', '{"requests": 10, "windowMs": 60000}')`,
    );
    await rows(
      `insert into pgnotion.requests (priority, at) select p, clock_timestamp() - interval '20 seconds'
         from unnest(array_fill('live'::text, array[$1::int]) || array_fill('backfill'::text, array[$2::int])) as p`,
      [live, others],
    );
  };

  test('the limit of requests, with the time until the next one', async () => {
    await waits(0);
    expect(await whats()).not.toContain('request limit');
    await limited(4, 6);
    expect(await line('request limit')).toMatch(
      /^10 requests have left within 60 seconds, which is the limit; the next one may leave in about (39|40) s$/,
    );
  });

  test('what a first sync may spend of it', async () => {
    await waits(0);
    await limited(1, 8);
    expect(await whats()).not.toContain('request limit');
    await rows('update pgnotion.outbox set priority = 2');
    expect(await line('request limit')).toMatch(
      /^8 requests of first syncs and bulk changes have left within 60 seconds/,
    );
  });

  test('a kind of request that Notion refuses', async () => {
    await waits(0);
    await rows(
      `insert into pgnotion.refused_requests (kind, table_name, next_at, code, reason, remedy)
       values ('create', '', '2026-03-01T13:00:00Z', 'capability_missing', 'no insert content', 'give it'),
              ('update', '', now(), 'c', 'r', 'm')`,
    );
    expect(await line('Notion refuses')).toMatch(
      /^Notion refuses to create pages: no insert content \(capability_missing\); tried again at 2026-03-01 13.+ What to do: give it$/,
    );
    await rows('delete from pgnotion.refused_requests');
  });

  test('a database that was not read, and keys that changed', async () => {
    await waits(0);
    await rows('update pgnotion.data_sources set swept_at = null');
    await rows(
      `insert into pgnotion.rekeys (table_name, old_key, new_key, xid, commit_at, place) values ('products', 'x', 'y', 1, now(), 1)`,
    );
    expect(await whats()).toEqual(['waits for Notion', 'database not read', 'key changes wait', 'no record']);
    await rows('delete from pgnotion.rekeys');
  });

  test('its place in the first sync, and how long that takes', async () => {
    await waits(2);
    await beginWalk(state.store, suppliers, 9_000);
    await rows(
      'update pgnotion.first_syncs set done = 1234, rows_per_second = 2.4, seconds_left = 3236, walked_at = now()',
    );
    expect(await line('first sync')).toBe(
      '1234 of 9000 rows of suppliers are written, 2.4 a second, about 3236 s left',
    );
  });

  test('a page that is hidden', async () => {
    await linked();
    await rows(`update pgnotion.records set state = 'away_hidden'`);
    expect(await line('hidden')).toMatch(
      /^Notion does not show page \S+: it is not shared with the connection/,
    );
  });
});
