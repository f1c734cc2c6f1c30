import { expect, test } from 'vitest';
import { headLines } from '../../src/cli/status-head.ts';
import { ageText, bytesText } from '../../src/model/units.ts';
import type { DaemonStatus, NotionStatus, SlotStatus, SystemStatus } from '../../src/state/daemon-status.ts';

const now = new Date('2026-03-01T12:00:00Z');
const before = (seconds: number): Date => new Date(now.getTime() - seconds * 1_000);

const head = ({
  daemon,
  notion,
  slot,
}: {
  readonly daemon?: Partial<DaemonStatus>;
  readonly notion?: Partial<NotionStatus>;
  readonly slot?: Partial<SlotStatus> | null;
}): string => {
  const whole: SystemStatus = {
    daemon: {
      state: 'syncing',
      host: 'web-1',
      process: 4711,
      since: before(7_200),
      last_seen: before(0.3),
      silent_seconds: 0.3,
      standbys: [],
      ...daemon,
    },
    notion: {
      state: 'reachable',
      since: null,
      last_answer: before(4),
      code: null,
      reason: null,
      remedy: null,
      ...notion,
    },
    slot:
      slot === null
        ? null
        : {
            slot: 'pgnotion',
            exists: true,
            active: true,
            wal_status: 'reserved',
            lag_bytes: 128,
            lag_seconds: 0.02,
            retained_bytes: 16 * 1_024 ** 2,
            ...slot,
          },
  };
  return headLines(whole, now).join('\n');
};

test('a daemon at work, with its two ends', () => {
  expect(head({})).toBe(
    [
      'daemon  syncing on web-1, process 4711, since 2026-03-01T10:00:00.000Z, seen 0.3 s ago',
      'Notion  reachable, last answer 4.0 s ago',
      'slot    pgnotion is read, 0.0 s, 128 bytes behind, 16 MB of WAL retained',
    ].join('\n'),
  );
});

test.each([
  [
    { state: 'starting' },
    /^daemon {2}starting, or not able to sync: see its log; it runs on web-1, process 4711/,
  ],
  [
    { state: 'silent', silent_seconds: 95, last_seen: before(95) },
    /^daemon {2}no sign of life for 95 s: it is frozen or cut off; it runs on web-1, process 4711, last seen 2026-03-01T11:58:25/,
  ],
  [
    { state: 'stopped', silent_seconds: 7_300, last_seen: before(7_300) },
    /^daemon {2}not running; the last one was on web-1, process 4711, seen 2 h ago \(2026-03-01T09:58:20/,
  ],
  [
    { state: 'stopped', host: null, process: null, since: null, last_seen: null, silent_seconds: null },
    /^daemon {2}not running, and none has run yet$/m,
  ],
  [
    { standbys: ['12 on web-2', '13 on web 3'] },
    /seen 0\.3 s ago; standing by: on web-2, process 12; on web 3, process 13$/m,
  ],
] as const)('the daemon: %j', (daemon, says) => {
  expect(head({ daemon })).toMatch(says);
});

test.each([
  [
    { state: 'refused', since: before(60), code: 'unauthorized', remedy: 'set NOTION_API_KEY to another' },
    /^Notion {2}refuses every request since 2026-03-01T11:59:00\.000Z \(unauthorized\)\. Set NOTION_API_KEY to another$/m,
  ],
  [{ state: 'silent', since: before(60) }, /^Notion {2}does not answer, since .+; last answer 4\.0 s ago$/m],
  [{ state: 'limited', since: before(60) }, /^Notion {2}asks to wait \(rate limit\), since 2026/m],
  [{ state: 'unknown', last_answer: null }, /^Notion {2}was not asked yet$/m],
] as const)('Notion: %j', (notion, says) => {
  expect(head({ notion })).toMatch(says);
});

test.each([
  [null, /^slot {4}not made yet$/m],
  [{ exists: false }, /^slot {4}pgnotion does not exist: /m],
  [
    {
      active: false,
      lag_seconds: 259_200,
      lag_bytes: 3 * 1_024 ** 3,
      wal_status: 'lost',
      retained_bytes: null,
    },
    /^slot {4}pgnotion is not read by anybody, 3 d, 3\.0 GB behind; it has lost WAL/m,
  ],
  [{ lag_seconds: null }, /^slot {4}pgnotion is read, 128 bytes behind/m],
] as const)('the slot: %j', (slot, says) => {
  expect(head({ slot })).toMatch(says);
});

test('ages and sizes are as exact as somebody who looks wants them', () => {
  expect([0.04, 9.96, 42.4, 119, 120, 7_199, 7_200, 172_800].map(ageText)).toEqual([
    '0.0 s',
    '10.0 s',
    '42 s',
    '119 s',
    '2 min',
    '119 min',
    '2 h',
    '2 d',
  ]);
  expect([0, 1_023, 1_024, 10_240, 1.5 * 1_024 ** 3, 1_024 ** 5].map(bytesText)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.0 kB',
    '10 kB',
    '1.5 GB',
    '1024 TB',
  ]);
});
