import { describe, expect, test } from 'vitest';
import { CAUSES, type Cause } from '../../src/admin/alert-causes.ts';
import { conditionsOf, createPressure } from '../../src/admin/alert-conditions.ts';
import { afterTelling, dueTellings, paceOf, type Seen, type Told } from '../../src/admin/alert-rules.ts';
import { alertOf, resolvedOf, textOf } from '../../src/admin/alert-text.ts';
import { ALERT_DEFAULTS, type AlertLimits } from '../../src/model/alert-limits.ts';
import type { Observation } from '../../src/state/observation.ts';

const MINUTE = 60_000;
const QUIET: Observation = {
  slot: { exists: true, walStatus: 'reserved', lagSeconds: 1, lagBytes: 0, retainedBytes: 1_000 },
  outbox: { entries: 0, seconds: null },
  backlog: { entries: 0, seconds: null },
  failures: 0,
  openConflicts: 0,
  conflictsOfHour: 0,
  changesOfHour: 0,
  guarded: 0,
  drift: 0,
  drifting: [],
  verify: null,
  lastSuccess: null,
  requests: 0,
};
const SLOT = { exists: true, walStatus: 'reserved', lagSeconds: 0, lagBytes: 0, retainedBytes: 0 };

const RULES: readonly [Cause['kind'], Partial<Observation>, number, RegExp, keyof AlertLimits | null][] = [
  ['failures', { failures: 2 }, 0, /2 records could not be synced.*failures list/, 'failures'],
  ['conflict-rate', { conflictsOfHour: 3, changesOfHour: 200 }, 0, /1\.5 % of the changes/, 'conflictRate'],
  ['backlog-depth', { backlog: { entries: 10_000, seconds: 3 } }, 0, /10000 records wait/, 'backlogEntries'],
  ['backlog-age', { backlog: { entries: 1, seconds: 960 } }, 0, /waited for 16 minutes/, 'backlogMinutes'],
  ['rate-limited', {}, 5, /held up 5 requests/, 'limitedRequests'],
  ['slot-lost', { slot: { ...SLOT, walStatus: 'lost' } }, 0, /has lost WAL/, null],
  ['slot-lost', { slot: { ...SLOT, exists: false, walStatus: null } }, 0, /does not exist any more/, null],
  ['slot-lagging', { slot: { ...SLOT, lagSeconds: 301 } }, 0, /behind: 5 min/, 'slotLagMinutes'],
  ['slot-lagging', { slot: { ...SLOT, retainedBytes: 2 ** 31 } }, 0, /2048 MB/, 'slotRetainedMegabytes'],
  ['slot-lagging', { slot: { ...SLOT, walStatus: 'unreserved' } }, 0, /is behind/, null],
  ['drift', { drift: 2, drifting: ['items'] }, 0, /in 2 respects \(items\)/, 'drift'],
  [
    'verify-differences',
    { verify: { run: '7', differences: 1 } },
    0,
    /run 7\) found 1 difference/,
    'verifyDifferences',
  ],
];

/** Looks once a minute from `from` on; gives what was told, in order. */
function looks(told: Told, seen: Seen, from: number, minutes: number) {
  const pace = paceOf(ALERT_DEFAULTS);
  const said: string[] = [];
  let memory = told;
  for (let now = from; now < from + minutes * MINUTE; now += MINUTE) {
    const tellings = dueTellings(seen, memory, now, pace);
    said.push(...tellings.map(({ kind, key }) => `${kind} ${key}`));
    memory = afterTelling(memory, seen, new Map(tellings.map(({ key }) => [key, true])), now, pace);
  }
  return { said, told: memory };
}

describe('each rule fires once and resolves once', () => {
  test.each(RULES)('%s %j', (kind, part, limited, words, option) => {
    const conditions = conditionsOf({ ...QUIET, ...part }, limited, ALERT_DEFAULTS);
    expect(conditions.map((each) => each.kind)).toEqual([kind]);
    for (const each of conditions) expect(textOf(each)).toMatch(words);
    const first = looks({}, { causes: conditions, isComplete: true }, 0, 600);
    expect(first.said).toEqual([`raised ${kind}`]);
    const quiet = { causes: conditionsOf(QUIET, 0, ALERT_DEFAULTS), isComplete: true };
    const second = looks(first.told, quiet, 600 * MINUTE, 60);
    expect(second).toEqual({ said: [`resolved ${kind}`], told: {} });
    if (option === null) return;
    const off = { ...ALERT_DEFAULTS, [option]: typeof ALERT_DEFAULTS[option] === 'boolean' ? false : null };
    expect(conditionsOf({ ...QUIET, ...part }, limited, off)).toEqual([]);
  });

  test('nothing is said while all is well, or is what the limits allow', () => {
    expect(conditionsOf(QUIET, 4, ALERT_DEFAULTS)).toEqual([]);
    const at = {
      ...QUIET,
      conflictsOfHour: 1,
      changesOfHour: 100,
      backlog: { entries: 9_999, seconds: 899 },
    };
    expect(conditionsOf(at, 0, ALERT_DEFAULTS)).toEqual([]);
    expect(conditionsOf(null, 0, ALERT_DEFAULTS)).toEqual([]);
  });
});

describe('what is over', () => {
  const failures = { kind: 'failures', count: 1 } as const;
  const there = { causes: [failures], isComplete: true };
  const gone = { causes: [], isComplete: true };
  const unknown = { causes: [], isComplete: false };
  const pace = paceOf(ALERT_DEFAULTS);

  test('is not told of while nobody can look', () => {
    const { told } = looks({}, there, 0, 1);
    const blind = looks(told, unknown, MINUTE, 120);
    expect(blind.said).toEqual([]);
    expect(looks(blind.told, gone, 121 * MINUTE, 5).said).toEqual([]);
    expect(looks(blind.told, gone, 121 * MINUTE, 30).said).toEqual(['resolved failures']);
  });

  test('is sent again if it did not arrive, and not at all if nobody heard of the cause', () => {
    const { told } = looks({}, there, 0, 1);
    const lost = afterTelling(told, gone, new Map([['failures', false]]), 20 * MINUTE, pace);
    expect(dueTellings(gone, lost, 21 * MINUTE, pace)).toEqual([]);
    expect(dueTellings(gone, lost, 31 * MINUTE, pace)).toMatchObject([{ kind: 'resolved', isNew: false }]);
    // It is back before that: it was never over for whoever listens, and is raised once more for the record.
    expect(dueTellings(there, lost, 21 * MINUTE, pace)).toMatchObject([{ kind: 'raised', isNew: false }]);
    const unheard = afterTelling({}, there, new Map([['failures', false]]), 0, pace);
    expect(unheard.failures).toMatchObject({ arrived: false });
  });

  test('says how long it lasted, and of what', () => {
    const { told } = looks({}, there, 0, 1);
    const [one] = Object.values(told);
    if (one === undefined) throw new Error('nothing was told');
    const alert = resolvedOf({ ...one, key: 'failures' }, 'shop', new Date(600 * MINUTE));
    expect(alert).toMatchObject({ cause: 'failures', state: 'resolved', slot: 'shop' });
    expect(alert.text).toBe(
      'pgnotion (shop): Resolved after 10 h 0 min: 1 record could not be synced. Run `pgnotion failures list`',
    );
  });
});

test('details are escaped for Slack like the text', () => {
  const cause = { kind: 'table-suspended', table: 'a', reason: '<!channel> & more' } as const;
  const alert = alertOf(cause, 'shop', new Date(0));
  expect(JSON.stringify(alert)).not.toContain('<!channel>');
  expect(alert).toMatchObject({ state: 'raised', reason: '&lt;!channel&gt; &amp; more' });
});

test('requests that felt the limit are counted for ten minutes', () => {
  const { add, count } = createPressure();
  add({ status: 429, priority: 'poll', waitedMs: 0 }, 0);
  add({ status: 200, priority: 'live', waitedMs: 40_000 }, MINUTE);
  add({ status: 200, priority: 'poll', waitedMs: 40_000 }, MINUTE);
  add({ status: 200, priority: 'live', waitedMs: 10 }, MINUTE);
  expect(count(2 * MINUTE)).toBe(2);
  expect(count(10 * MINUTE)).toBe(1);
});

test('every kind of cause is listed', () => {
  expect(RULES.map(([kind]) => kind).filter((kind) => !CAUSES.some((each) => each === kind))).toEqual([]);
});
