import { expect, test } from 'vitest';
import { pageId } from '../../src/model/ids.ts';
import { entryProperties, type LogEntry, SYNC_LOG } from '../../src/model/sync-log.ts';

const entry: LogEntry = {
  syncId: 'operation 7',
  at: new Date('2026-03-01T12:00:00.250Z'),
  table: 'rfq_responses',
  record: '1',
  page: pageId('00000000-0000-4000-8000-000000000001'),
  direction: 'to-postgres',
  status: 'failed',
  error: 'no',
  durationMs: 12.6,
};
const textOf = (value: unknown): string => {
  const [run] = (value as { rich_text: { text: { content: string } }[] }).rich_text;
  return run?.text.content ?? '';
};

test("an entry has the plan's nine properties, and no others", () => {
  const properties = entryProperties(entry);
  expect(Object.keys(properties)).toEqual(SYNC_LOG.properties.map(({ property }) => property));
  expect(Object.keys(properties)).toEqual([
    'Sync ID',
    'Table Name',
    'Record ID',
    'Notion Page ID',
    'Direction',
    'Status',
    'Error Message',
    'Synced At',
    'Sync Duration',
  ]);
  expect(properties).toMatchObject({
    'Table Name': { select: { name: 'rfq_responses' } },
    Direction: { select: { name: 'Notion→Supabase' } },
    Status: { select: { name: 'Failed' } },
    'Synced At': { date: { start: '2026-03-01T12:00:00.250Z' } },
    'Sync Duration': { number: 13 },
  });
});

test('what is unknown is empty', () => {
  const nothing = { table: null, record: null, page: null, error: null, durationMs: null };
  expect(entryProperties({ ...entry, ...nothing })).toMatchObject({
    'Table Name': { select: null },
    'Record ID': { rich_text: [] },
    'Notion Page ID': { rich_text: [] },
    'Error Message': { rich_text: [] },
    'Sync Duration': { number: null },
  });
});

test('a long message is cut to what Notion takes, never within a character', () => {
  for (const shift of [0, 1]) {
    const error = textOf(
      entryProperties({ ...entry, error: `${'x'.repeat(shift)}${'🙂'.repeat(1_500)}` })['Error Message'],
    );
    expect(error.length).toBeLessThanOrEqual(2_000);
    expect(error.isWellFormed()).toBe(true);
    expect(error.endsWith('…')).toBe(true);
  }
});
