import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createOwnWriteReader } from '../../src/capture/own-writes.ts';
import { addChange, newTransaction, noPendingChanges, routesOf } from '../../src/capture/pending-changes.ts';
import type { WalEvent } from '../../src/model/change.ts';
import { qualifiedName, type RowKey, tableName } from '../../src/model/ids.ts';
import type { ResolvedTable } from '../../src/model/mapping.ts';
import { signTag, TAG_PREFIX } from '../../src/postgres/origin-tag.ts';

type RowEvent = Extract<WalEvent, { kind: 'update' }>;

const secret = Buffer.from('secret');
const message = (content: string, transactional = true) => ({
  kind: 'message' as const,
  transactional,
  prefix: TAG_PREFIX,
  content,
});

test('20,000 messages with our prefix that are not ours make one warning an hour, and hide no change', () => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (text) => void lines.push(text) });
  let at = 0;
  const read = createOwnWriteReader({ tagSecret: secret, log, now: () => at });
  const transaction = newTransaction({ kind: 'begin', xid: 7, commitAt: new Date() });
  for (let n = 0; n < 20_000; n += 1) read(transaction, message(`{"operation":"${n}"}`));
  expect(lines).toHaveLength(1);
  expect(transaction.own.size).toBe(0);
  at += 3_600_000;
  read(transaction, message('forged'));
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain('"messages":20001');
  const write = { operation: '1', table: tableName('items'), key: '5' as RowKey };
  read(transaction, message(signTag(secret, write), false));
  read(null, message(signTag(secret, write)));
  expect(transaction.own.size).toBe(0);
  read(transaction, message(signTag(secret, write)));
  expect([...transaction.own]).toEqual(['items/5']);
  expect(lines).toHaveLength(2);
});

test('invariant 1: a row that we wrote is taken for changed if the log did not give it whole', () => {
  const items = {
    name: tableName('items'),
    source: qualifiedName('public', 'items'),
    key: ['id'],
    fields: [],
    dependsOn: [],
    direction: 'both',
  } as unknown as ResolvedTable;
  const routes = routesOf([items]);
  const marked = (event: Partial<WalEvent>) => {
    const pending = noPendingChanges();
    const transaction = {
      xid: 7,
      changedAt: new Date(),
      own: new Set(['items/5']),
      rows: new Map(),
      moves: 0,
      arrivals: new Map(),
    };
    const row = { id: '5', note: undefined };
    addChange(pending, routes, transaction, {
      kind: 'update',
      table: items.source,
      row,
      old: null,
      ...event,
    } as RowEvent);
    return { tagged: [...pending.tagged.keys()], dirty: [...pending.dirty.keys()] };
  };
  expect(marked({})).toEqual({ tagged: ['items/5'], dirty: [] });
  expect(marked({ partial: true })).toEqual({ tagged: [], dirty: ['items/5'] });
});
