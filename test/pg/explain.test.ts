import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { beginOperation, endOperation } from '../../src/state/operations.ts';
import { addSource, createState, key, pageOf, type StateStage, suppliers } from '../support/state.ts';

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
  expect(await line('relation waits')).toBe('for a page of products p');
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
    /^operation \d+: Name; by Ada; edited at 2026-03-01 12:00:00\S*; \d+ ms$/,
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
