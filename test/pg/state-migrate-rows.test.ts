import { expect, test } from 'vitest';
import { isResting, RECORD_STATES } from '../../src/model/record-state.ts';
import { migrate } from '../../src/state/migrate.ts';
import { createOlderState } from '../support/older-state.ts';
import { createState, pageOf } from '../support/state.ts';

// Rows as an older version left them, and what the migrations make of them.

test('words in the column of the digest become commands, and digests stay', async () => {
  await using database = await createOlderState(23);
  const { pool } = database;
  const old = [
    ['a look', '', null],
    ['a conflict that a delivery saw', '', '2026-03-01'],
    ['a page in the trash', 'left', '2026-03-01'],
    ['an approved deletion', 'approved', null],
    ['an approved deletion that was refused', 'approved', '2026-03-01'],
    ['a rejected deletion', 'rejected', null],
    ['a hidden page', 'hidden', null],
    ['a page that shows a key', 'carries', null],
    ['a refused edit', '0123456789abcdef0123456789abcdef', '2026-03-01'],
    ['an edit that settles', 'fedcba9876543210fedcba9876543210', null],
  ] as const;
  for (const [at, [key, digest, parked]] of old.entries())
    await pool.query(
      `insert into pgnotion.edits (page_id, table_name, key, digest, parked_at, attempts) values ($1, 't', $2, $3, $4, 7)`,
      [pageOf(at + 1), key, digest, parked],
    );
  await migrate(pool);
  const { rows } = await pool.query(
    `select key, digest, command, parked_at is not null as parked, attempts from pgnotion.edits order by page_id`,
  );
  const marks = [
    { digest: null, command: 'look' },
    { digest: null, command: null },
    { digest: null, command: 'hold' },
    { digest: null, command: 'approve' },
    { digest: null, command: 'approve' },
    { digest: null, command: 'reject' },
    { digest: null, command: null },
    { digest: null, command: null },
    { digest: '0123456789abcdef0123456789abcdef', command: null },
    { digest: 'fedcba9876543210fedcba9876543210', command: null },
  ];
  expect(rows).toEqual(
    old.map(([key, , parked], at) => ({ key, ...marks[at], parked: parked !== null, attempts: 7 })),
  );
  for (const mark of [`digest = ''`, `command = 'left'`, `digest = 'd', command = 'hold'`])
    await expect(
      pool.query(`update pgnotion.edits set ${mark} where key = 'a conflict that a delivery saw'`),
    ).rejects.toThrow(/check constraint/);
});

test('the states that stood in four columns become one, and nothing else of a record changes', async () => {
  await using database = await createOlderState(24);
  const { pool } = database;
  const now = '2026-03-01T12:00:00Z';
  // State, way of resting, place of the page, filtered; then what becomes of them.
  const old = [
    ['creating', null, null, false, 'creating'],
    ['linked', null, null, false, 'linked'],
    ['trashed', null, null, false, 'away_trashed'],
    ['trashed', null, 'trashed', false, 'away_trashed'],
    ['trashed', null, 'archived', false, 'away_archived'],
    ['trashed', null, 'moved', false, 'away_moved'],
    ['trashed', null, 'hidden', false, 'away_hidden'],
    ['resting', 'trashed', null, false, 'deleted_trashed'],
    ['resting', 'archived', null, false, 'deleted_archived'],
    ['resting', 'marked', null, false, 'deleted_marked'],
    ['resting', 'left', null, false, 'deleted_left'],
    ['resting', 'trashed', null, true, 'filtered_trashed'],
    ['resting', 'archived', null, true, 'filtered_archived'],
    ['resting', 'marked', null, true, 'filtered_marked'],
    ['resting', 'left', null, true, 'filtered_left'],
    ['resting', 'soft', null, false, 'soft_deleted'],
    // What a deletion that was rejected could leave behind.
    ['resting', 'left', 'hidden', false, 'deleted_left'],
  ] as const;
  for (const [at, [state, rested, away, filtered]] of old.entries())
    await pool.query(
      `insert into pgnotion.records (table_name, key, page_id, state, rested_as, rested_at, away, filtered, base_row)
       values ('t', $1, $2, $3, $4, $5, $6, $7, '{"Name": "x"}')`,
      [
        String(at),
        state === 'creating' ? null : pageOf(at + 1),
        state,
        rested,
        rested && now,
        away,
        filtered,
      ],
    );
  await migrate(pool);
  const { rows } = await pool.query(
    `select page_id as page, state, rested_at as rested, base_row as base from pgnotion.records order by key::int`,
  );
  expect(rows).toEqual(
    old.map(([, rested, , , state], at) => ({
      page: state === 'creating' ? null : pageOf(at + 1),
      state,
      rested: rested === null ? null : new Date(now),
      base: { Name: 'x' },
    })),
  );
  expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(RECORD_STATES));
});

test('the table takes every state of a record, each with its time of rest or without, and no other', async () => {
  await using state = await createState();
  const insert = (as: string, rests: boolean) =>
    state.rows(
      `insert into pgnotion.records (table_name, key, state, rested_at) values ('t', $1, $1, case when $2 then now() end)`,
      [as, rests],
    );
  for (const one of RECORD_STATES) {
    await expect(insert(one, !isResting(one))).rejects.toThrow('records_rest_check');
    await insert(one, isResting(one));
  }
  for (const other of ['resting', 'trashed', 'soft_trashed', 'filtered_soft'])
    for (const rests of [true, false]) await expect(insert(other, rests)).rejects.toThrow(/check constraint/);
});
