import { expect, test } from 'vitest';
import { migrate } from '../../src/state/migrate.ts';
import { createOlderState } from '../support/older-state.ts';
import { pageOf } from '../support/state.ts';

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
