import { beforeEach, expect, test } from 'vitest';
import { PAGE_HIDDEN, PAGE_MOVED } from '../../src/model/away.ts';
import { BACKFILL, LIVE } from '../../src/model/urgency.ts';
import { releaseHidden, releaseMoved } from '../../src/state/away.ts';
import { approveDeletions } from '../../src/state/guarded-changes.ts';
import { HELD_BY_EDIT, markDeleted, releaseHeld } from '../../src/state/held.ts';
import { markAllDeleted, markDirty, markFound, markRestore } from '../../src/state/outbox.ts';
import { link } from '../../src/state/records.ts';
import { FIELD_REFUSED, releaseRefused } from '../../src/state/refused-fields.ts';
import { rekey } from '../../src/state/rekeys.ts';
import { retryParked } from '../../src/state/retry-parked.ts';
import { releaseRefusedByShape } from '../../src/state/table-shapes.ts';
import { awaitTargets, releaseWaiting } from '../../src/state/waiting.ts';
import { useOutbox } from '../support/outbox.ts';
import { dirty, key, pageOf, products, suppliers } from '../support/state.ts';

const { sql } = useOutbox();
const A = key('a');

/** One entry that is parked with a code, a reason, a remedy and a cause, of a record that has a page. */
const failed = async (code: string): Promise<void> => {
  const pair = { table: suppliers, baseRow: {}, basePage: {}, pageEditedAt: new Date(0) };
  await link(sql, { ...pair, key: A, page: pageOf(1) });
  await markDirty(sql, [dirty('a', { urgency: BACKFILL })]);
  await sql.query(
    `update pgnotion.outbox set attempts = 7, parked_at = clock_timestamp(), code = $1, reason = 'r', remedy = 'm', cause = 'c',
            next_at = clock_timestamp() + interval '1 hour'`,
    [code],
  );
};

const entryOf = (name: string) =>
  sql.query(
    `select code, reason, remedy, cause, attempts, parked_at is not null as parked, next_at <= clock_timestamp() as due,
            version > 1 as raised
       from pgnotion.outbox where table_name = 'suppliers' and key = $1`,
    [name],
  );

const AWAKE = {
  code: null,
  reason: null,
  remedy: null,
  cause: null,
  attempts: 0,
  parked: false,
  due: true,
  raised: true,
};

beforeEach(() => sql.query('truncate pgnotion.rekeys, pgnotion.refused_fields'));

const ask = (text: string) => () => sql.query(`select ${text}`);
const records = [{ table: suppliers, key: A }];

test.each<readonly [string, string, () => Promise<unknown>]>([
  ['the row changed', 'c', () => markDirty(sql, [dirty('a')])],
  ['a walk found the row', 'c', () => markFound(sql, suppliers, [A], 'write')],
  ['a walk missed the row', 'c', () => markFound(sql, suppliers, [A], 'delete')],
  [
    'a field is to be written again',
    'c',
    () => markRestore(sql, { table: suppliers, key: A, fields: ['Name'] }),
  ],
  ['the table was truncated', 'c', () => markAllDeleted(sql, suppliers, new Date(), null)],
  ['its deletion is asked for anew', 'c', () => markDeleted(sql, suppliers, A)],
  ['its deletion is a part of another', 'c', () => approveDeletions(sql, records)],
  ['its page is seen again', PAGE_HIDDEN, () => releaseHidden(sql, [pageOf(1)])],
  ['its page is back', PAGE_MOVED, () => releaseMoved(sql, pageOf(1))],
  ['its edit is settled', HELD_BY_EDIT, () => releaseHeld(sql, suppliers, A)],
  ['the schema changed', FIELD_REFUSED, () => releaseRefused(sql, suppliers, 'other')],
  ['the table has another shape', 'value_refused', () => releaseRefusedByShape(sql, suppliers)],
  ['its table goes on', 'c', () => retryParked(sql, suppliers)],
  [
    'what it waits for has a page',
    'c',
    async () => {
      await sql.query(`insert into pgnotion.waiting values ('suppliers', 'a', 'products', 'p')`);
      await releaseWaiting(sql, products, key('p'));
    },
  ],
  [
    'what it is to wait for has a page',
    'c',
    () => awaitTargets(sql, { table: suppliers, key: A, urgency: LIVE }, records),
  ],
  ['somebody asked for it', 'c', ask(`pgnotion.retry('suppliers', 'a')`)],
  ['a person let its deletion cross', 'mass_deletion', ask(`pgnotion.approve_guarded('suppliers')`)],
  [
    'a person decided about its clearing',
    'c',
    async () => {
      await sql.query(
        `insert into pgnotion.clearings (table_name, side, state, reason, key, page_id, field)
         values ('suppliers', 'to-notion', 'waiting', 'r', 'a', $1, 'Name')`,
        [pageOf(1)],
      );
      await sql.query(`select pgnotion.approve_guarded('suppliers', only_kind => 'clearing')`);
    },
  ],
  [
    'a person decided its conflict',
    'c',
    async () => {
      await sql.query(
        `insert into pgnotion.conflict_entries (type, table_name, record_id, fields, base, local_record, remote_record, strategy, status)
         values ('CONCURRENT_UPDATE', 'suppliers', 'a', '{Name}', '{}', '{}', '{}', 'manual', 'open')`,
      );
      await sql.query(
        `select pgnotion.resolve_conflict(max(id), 'postgres', 'Ada') from pgnotion.conflict_entries`,
      );
    },
  ],
])('nothing is left of a failure that is over: %s', async (_title, code, wake) => {
  await failed(code);
  await wake();
  expect(await entryOf('a')).toEqual([AWAKE]);
});

test('nothing is left of a failure that is over: the record has another key', async () => {
  await failed('c');
  await rekey(sql, suppliers, [{ table: suppliers, from: A, to: key('b') }]);
  expect([...(await entryOf('a')), ...(await entryOf('b'))]).toEqual([AWAKE, AWAKE]);
});

test('only those are woken that the reason is about', async () => {
  await failed('another');
  await releaseHidden(sql, [pageOf(1)]);
  await releaseMoved(sql, pageOf(1));
  await releaseHeld(sql, suppliers, A);
  await releaseRefused(sql, suppliers, 'other');
  await retryParked(sql, products);
  expect(await entryOf('a')).toEqual([
    {
      ...AWAKE,
      code: 'another',
      reason: 'r',
      remedy: 'm',
      cause: 'c',
      attempts: 7,
      parked: true,
      due: false,
      raised: false,
    },
  ]);
});
