import { pino } from 'pino';
import { expect, test } from 'vitest';
import { type RowKey, tableName } from '../../src/model/ids.ts';
import { signTag, TAG_PREFIX } from '../../src/postgres/tag.ts';
import { createMarkReader } from '../../src/to-notion/own-marks.ts';

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
  const read = createMarkReader({ tagSecret: secret, log, now: () => at });
  const transaction = { xid: 7, changedAt: new Date(), own: new Set<string>(), rows: new Map() };
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
