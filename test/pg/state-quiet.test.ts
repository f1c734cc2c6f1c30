import { expect, test } from 'vitest';
import { LIVE } from '../../src/model/urgency.ts';
import { markDirty, markRestore } from '../../src/state/outbox.ts';
import { type Quiet, settleQuietEntries } from '../../src/state/quiet-entries.ts';
import { link } from '../../src/state/records.ts';
import { at, names, useOutbox } from '../support/outbox.ts';
import { dirty, key, pageOf, suppliers } from '../support/state.ts';

const { sql, claim } = useOutbox();

const linked = (name: string, number: number) =>
  link(sql, {
    table: suppliers,
    key: key(name),
    page: pageOf(number),
    baseRow: { Name: 'x', Size: null },
    basePage: {},
    pageEditedAt: at(0),
  });

/** The entries that are due, as rows that are as their base, or that are gone. */
const quiet = async (base: Quiet['base']): Promise<Quiet[]> =>
  (await claim({ urgency: LIVE })).map((entry) => ({ key: entry.key, version: entry.version, base }));
const AS_BASED = { Size: null, Name: 'x' };

test('rows that are as their base, and rows that came and went, are settled in one statement', async () => {
  await linked('a', 1);
  await linked('b', 2);
  await markDirty(sql, [dirty('a'), dirty('b')]);
  const based = await quiet(AS_BASED);
  await markDirty(sql, [dirty('gone', { kind: 'delete' })]);
  const all = [...based, ...(await quiet(null)).filter((each) => each.key === 'gone')];
  await sql.query(`insert into pgnotion.waiting values ('suppliers', 'gone', 'products', 'p')`);
  expect(await settleQuietEntries(sql, suppliers, all)).toEqual(new Set(['a', 'b', 'gone']));
  expect(await claim()).toEqual([]);
  expect(await sql.query('select from pgnotion.waiting')).toEqual([]);
});

test.each([
  ['its row changed again', () => markDirty(sql, [dirty('a')])],
  [
    'a field is to be written anew',
    () => markRestore(sql, { table: suppliers, key: key('a'), fields: ['Name'] }),
  ],
  ['its base moved', () => sql.query(`update pgnotion.records set base_row = '{"Name": "y"}'`)],
  ['its page went to the trash', () => sql.query(`update pgnotion.records set state = 'away_trashed'`)],
  [
    'a conflict waits',
    () =>
      sql.query(`insert into pgnotion.conflict_entries (type, table_name, record_id, page_id, fields, base, local_record, remote_record, strategy, status)
        values ('CONCURRENT_UPDATE', 'suppliers', 'a', '${pageOf(1)}', '{Name}', '{}', '{}', '{}', 'manual', 'open')`),
  ],
  [
    'an edit waits',
    () =>
      sql.query(
        `insert into pgnotion.edits (page_id, table_name, key, command) values ('${pageOf(1)}', 'suppliers', 'a', 'look')`,
      ),
  ],
])('invariant 1: an entry stays if %s since it was read', async (_title, meanwhile) => {
  await linked('a', 1);
  await markDirty(sql, [dirty('a')]);
  const read = await quiet(AS_BASED);
  await meanwhile();
  expect(await settleQuietEntries(sql, suppliers, read)).toEqual(new Set());
  expect(names(await claim())).toEqual(['suppliers/a']);
});

test('invariant 1: the entry of a row that is gone stays if there is a record by now: its page has to go', async () => {
  await markDirty(sql, [dirty('a', { kind: 'delete' })]);
  const read = await quiet(null);
  await linked('a', 1);
  expect(await settleQuietEntries(sql, suppliers, read)).toEqual(new Set());
});
