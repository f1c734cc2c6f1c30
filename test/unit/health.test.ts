import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { createApi } from '../../src/admin/api.ts';
import {
  afterEvent,
  type Health,
  type HealthEvent,
  NEWBORN,
  type Reading,
  readinessOf,
} from '../../src/admin/health.ts';
import { tableName } from '../../src/model/ids.ts';

const NOW = new Date('2026-01-01T12:00:00Z');
const well: Reading = { slotActive: true, paused: [], backfilling: [] };
const after = (...events: readonly HealthEvent[]): Health => events.reduce(afterEvent, NEWBORN);
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);
const run = { kind: 'run' } as const;
const turn = { kind: 'turn' } as const;
const syncing = { kind: 'syncing' } as const;
const answer = { kind: 'notion', at: ago(1_000), outcome: 'answer' } as const;
const holder = { host: 'other', process: 7, since: '2026-01-01T00:00:00Z' };
const standby = { kind: 'standby', holder } as const;
const blocked = { code: 'notion_blocked', remedy: 'ask Notion' };
const refused = { kind: 'notion', at: ago(500), outcome: blocked } as const;

describe('the state', () => {
  test.each<[string, readonly HealthEvent[], Reading | null, string, boolean]>([
    ['at birth', [], null, 'starting', false],
    ['once it opens its ends', [run], null, 'starting', false],
    ['while another is at work', [run, standby], well, 'standby', false],
    ['when its turn comes', [run, standby, turn], well, 'starting', false],
    ['when it syncs', [run, turn, answer, syncing], well, 'syncing', true],
    ['in its first sync', [run, turn, syncing], { ...well, backfilling: ['a'] }, 'catching-up', true],
    [
      'with a table that is paused',
      [run, syncing],
      { ...well, paused: [{ table: 'a', by: 'hand' }] },
      'syncing',
      true,
    ],
    ['after a failure', [run, syncing, { kind: 'failed', code: 'slot_lost' }], well, 'starting', false],
    [
      'after a failure that was mended',
      [run, { kind: 'failed', code: 'x' }, run, syncing],
      well,
      'syncing',
      true,
    ],
    ['while it stops', [run, syncing, { kind: 'stopping' }], well, 'stopping', false],
    [
      'and nothing undoes the stop',
      [run, { kind: 'stopping' }, standby, run, syncing],
      well,
      'stopping',
      false,
    ],
  ])('%s', (_, events, reading, state, ready) => {
    expect(readinessOf(after(...events), reading, NOW)).toMatchObject({ state, ready });
  });
});

const reasons = (events: readonly HealthEvent[], reading: Reading | null): readonly string[] =>
  readinessOf(after(...events), reading, NOW).reasons;

test('what keeps it from its work is said', () => {
  const work = [run, turn, answer, syncing];
  expect(reasons(work, well)).toEqual([]);
  expect(reasons(work, null)).toEqual(['PostgreSQL does not answer']);
  expect(reasons(work, { ...well, slotActive: false })).toEqual(['nobody reads the replication slot']);
  expect(reasons([...work, refused], well)).toEqual([
    'Notion refuses every request (notion_blocked): ask Notion',
  ]);
  expect(reasons([...work, refused, answer], well)).toEqual([]);
  expect(reasons([run, { kind: 'failed', code: 'slot_lost' }], well)).toEqual([
    'it cannot sync (slot_lost): see the log',
  ]);
  expect(reasons([run, refused], null)).toHaveLength(3);
  // Whoever stands by is not to blame for what the one at work does.
  expect(reasons([run, standby, refused], null)).toHaveLength(1);
  expect(readinessOf(after(run, standby), well, NOW)).toMatchObject({ holder });
});

test('Notion may be silent for a minute', () => {
  const silence = (ms: number) => ({ kind: 'notion', at: ago(ms), outcome: 'silence' }) as const;
  const work = [run, syncing, answer];
  expect(reasons([...work, silence(59_000)], well)).toEqual([]);
  expect(reasons([...work, silence(61_000)], well)).toEqual([
    'Notion has not answered since 2026-01-01T11:58:59.000Z',
  ]);
  // The first of them counts, until an answer comes.
  expect(reasons([...work, silence(61_000), silence(1_000)], well)).toHaveLength(1);
  expect(reasons([...work, silence(61_000), answer], well)).toEqual([]);
});

test('the checks are told whatever the state', () => {
  const reading = { slotActive: true, paused: [{ table: 'a', by: 'trouble' as const }], backfilling: ['b'] };
  expect(readinessOf(after(run, syncing, answer, refused), reading, NOW).checks).toEqual({
    postgres: { reachable: true },
    slot: { read: true },
    notion: { answered_at: '2026-01-01T11:59:59.500Z', silent_since: null, refused: 'notion_blocked' },
    paused: [{ table: 'a', by: 'trouble' }],
    first_sync: ['b'],
    first_sync_progress: null,
  });
});

test('a first sync lasts until its last row is written, is told of, and is no reason', () => {
  const line = { isFirst: true, total: 10, done: 4, setAside: 1, rowsPerSecond: 2, secondsLeft: 2.5 };
  const firstSync = [
    { ...line, table: tableName('a'), state: 'done' as const, done: 9, secondsLeft: 0 },
    { ...line, table: tableName('b'), state: 'writing' as const },
  ];
  const told = readinessOf(after(run, turn, syncing, answer), { ...well, firstSync }, NOW);
  expect(told).toMatchObject({
    ready: true,
    state: 'catching-up',
    checks: {
      first_sync: ['b'],
      first_sync_progress: {
        kind: 'first sync',
        total: 20,
        done: 13,
        set_aside: 2,
        rows_per_second: 2,
        seconds_left: 2.5,
        tables: { a: { state: 'done', done: 9 }, b: { state: 'writing', done: 4, seconds_left: 2.5 } },
      },
    },
  });
});

test('one that stands by is no fault to whoever asks so, and one that cannot sync is', async () => {
  const asked = async (health: Health, path: string): Promise<number> => {
    const readiness = async () => readinessOf(health, well, NOW);
    return (await createApi({ readiness, webhooks: new Hono(), inside: null }).request(path)).status;
  };
  for (const [health, plain, lenient] of [
    [after(run, standby), 503, 200],
    [after(run, turn), 503, 503],
    [after(run, turn, answer, syncing), 200, 200],
  ] as const) {
    expect(await asked(health, '/readyz')).toBe(plain);
    expect(await asked(health, '/readyz?standbyok=true')).toBe(lenient);
    expect(await asked(health, '/readyz?standbyok=no')).toBe(plain);
  }
});
