import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isMassChange } from '../../src/model/mass-change.ts';
import { deletionLoad, MASS_DELETION, type Side } from '../../src/state/guarded-changes.ts';
import { createState, type StateStage, suppliers } from '../support/state.ts';

const GUARD = { number: 20, share: 0.05, windowMinutes: 10 };

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state.database.drop());
beforeEach(() => state.clear());

const load = (side: Side) => deletionLoad(state.store, suppliers, side, GUARD.windowMinutes);

/** Records numbered from `from`, each with a page. */
const records = (count: number, from = 1): Promise<unknown> =>
  state.rows(
    `insert into pgnotion.records (table_name, key, page_id, state)
     select 'suppliers', n::text, ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'linked'
       from generate_series($1::int, $2::int) n`,
    [from, from + count - 1],
  );

const crossed = (count: number, more: { minutesAgo?: number; approved?: boolean; side?: Side } = {}) =>
  state.rows(
    `insert into pgnotion.operations (table_name, key, direction, kind, status, started_at, approved)
     select 'suppliers', 'gone ' || n, $2, 'delete', 'done', clock_timestamp() - make_interval(secs => $3), $4
       from generate_series(1, $1::int) n`,
    [count, more.side ?? 'to-notion', (more.minutesAgo ?? 0) * 60, more.approved ?? false],
  );

/** Rows that are gone and whose pages are not yet. */
const gone = (count: number, parkedMinutesAgo: number | null = null, approved = false) =>
  state.rows(
    `insert into pgnotion.outbox (table_name, key, kind, parked_at, approved)
     select 'suppliers', n::text, 'delete', clock_timestamp() - make_interval(secs => $2::float8), $3
       from generate_series(1, $1::int) n`,
    [count, parkedMinutesAgo === null ? null : parkedMinutesAgo * 60, approved],
  );

test('invariant 10: rows that are gone count together: those whose pages went, those that wait and those to come', async () => {
  await records(400);
  await crossed(10);
  await gone(10);
  expect(await load('to-notion')).toEqual({ crossed: 10, waiting: 10, coming: 0, records: 410 });
  expect(isMassChange(await load('to-notion'), GUARD)).toBe(false);
  await state.rows(
    `insert into pgnotion.outbox (table_name, key, kind) values ('suppliers', '11', 'delete')`,
  );
  expect(isMassChange(await load('to-notion'), GUARD)).toBe(true);
});

test('invariant 10: the window counts what is younger than it, and nothing older', async () => {
  await records(100);
  await crossed(15, { minutesAgo: GUARD.windowMinutes + 0.1 });
  await crossed(5, { minutesAgo: GUARD.windowMinutes - 0.1 });
  await gone(3, GUARD.windowMinutes + 0.1);
  expect(await load('to-notion')).toMatchObject({ crossed: 5, waiting: 0, records: 105 });
  await state.rows('delete from pgnotion.outbox');
  await gone(3, GUARD.windowMinutes - 0.1);
  expect(await load('to-notion')).toMatchObject({ crossed: 5, waiting: 3 });
});

test('what a person let through counts no more, so that the next deletion crosses by itself', async () => {
  await records(100);
  await crossed(40, { approved: true });
  await gone(2, null, true);
  expect(await load('to-notion')).toMatchObject({ crossed: 0, waiting: 0, records: 100 });
});

test('invariant 10: each side counts its own; pages that wait for a person count there', async () => {
  await records(100);
  await crossed(7);
  await crossed(3, { side: 'to-postgres' });
  await state.rows(
    `insert into pgnotion.edits (page_id, table_name, key, command, code, parked_at)
     select page_id, table_name, key, 'hold', case when key::int <= 4 then $1 else 'other' end, clock_timestamp()
       from pgnotion.records where key::int <= 9`,
    [MASS_DELETION],
  );
  expect(await load('to-notion')).toMatchObject({ crossed: 7, waiting: 0 });
  expect(await load('to-postgres')).toMatchObject({ crossed: 3, waiting: 4, records: 103 });
});

test('records that rest, or have no page, are none that a deletion could take', async () => {
  await records(5);
  await state.rows(
    `update pgnotion.records set state = 'deleted_trashed', rested_at = now() where key = '1'`,
  );
  await state.rows(`update pgnotion.records set page_id = null where key = '2'`);
  await gone(1);
  expect(await load('to-notion')).toMatchObject({ waiting: 0, records: 3 });
});

test('invariant 10: a decision reaches what waits for one, of its kind alone, and counts new pages by themselves', async () => {
  const waiting = (codes: readonly (string | null)[]) =>
    state.rows(
      `insert into pgnotion.edits (page_id, table_name, key, digest, code, parked_at)
       select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'suppliers',
              case when code <> 'mass_creation' then n::text end, 'd', code, clock_timestamp()
         from unnest($1::text[]) with ordinality as u(code, n)`,
      [codes],
    );
  const said = () =>
    state.rows(
      'select code, digest, command, parked_at is not null as parked from pgnotion.edits order by page_id',
    );
  const untouched = (code: string) => ({ code, digest: 'd', command: null, parked: true });
  const decided = (code: string, command: string) => ({ code, digest: null, command, parked: false });
  await waiting([
    'mass_deletion',
    'delete_review',
    'mass_creation',
    'mass_creation',
    'adoption_review',
    'sql_23505',
  ]);
  const decide = async (text: string): Promise<unknown> =>
    (await state.rows<{ n: number }>(`select pgnotion.${text}::int as n`))[0]?.n;
  expect(await decide(`approve_guarded('suppliers', only_kind => 'creation')`)).toBe(2);
  expect(await decide(`reject_guarded('suppliers', only_kind => 'adoption')`)).toBe(1);
  expect(await decide(`reject_guarded('suppliers', '1')`)).toBe(1);
  expect(await decide(`approve_guarded('suppliers')`)).toBe(1);
  expect(await said()).toEqual([
    decided('mass_deletion', 'reject'),
    decided('delete_review', 'approve'),
    decided('mass_creation', 'approve'),
    decided('mass_creation', 'approve'),
    decided('adoption_review', 'reject'),
    untouched('sql_23505'),
  ]);
});
