import { expect, test } from 'vitest';
import {
  ABSENT,
  aftermathOf,
  FIRST_LOOK_MS,
  NOT_VISIBLE,
  nextStep,
  type Seen,
  settledAgeMs,
} from '../../src/model/unanswered.ts';

const GRACE_MS = 60_000;
const FOUND: Seen<string> = { kind: 'found', thing: 'page' };
const SEND = { kind: 'send' };
const TAKE = { kind: 'take', thing: 'page' };
const look = (sentAgoMs: number) => ({ kind: 'look', sentAgoMs });
const wait = (ms: number) => ({ kind: 'wait', ms });

test.each<readonly [what: string, sentAgoMs: number | null, seen: Seen<string> | null, next: object]>([
  ['nothing was sent', null, null, SEND],
  ['something was sent just now', 0, null, look(0)],
  ['something was sent long ago', 10 * GRACE_MS, null, look(10 * GRACE_MS)],
  ['it is found at once', 0, FOUND, TAKE],
  ['it is found in the last moment', GRACE_MS, FOUND, TAKE],
  ['it is found after the grace', 10 * GRACE_MS, FOUND, TAKE],
  ['it is not found at once', 0, ABSENT, wait(FIRST_LOOK_MS)],
  ['it is not found half a grace later', GRACE_MS / 2, ABSENT, wait(GRACE_MS / 4)],
  ['it is not found shortly before the grace is over', GRACE_MS - 100, ABSENT, wait(101)],
  ['it is not found in the last moment', GRACE_MS, ABSENT, wait(1)],
  ['it is not found after the grace', GRACE_MS + 1, ABSENT, SEND],
  ['nothing can be found at once', 0, NOT_VISIBLE, wait(FIRST_LOOK_MS)],
  ['nothing can be found after the grace', 10 * GRACE_MS, NOT_VISIBLE, wait(60_000)],
])('invariant 3: %s', (_, sentAgoMs, seen, next) => {
  expect(nextStep(sentAgoMs, seen, GRACE_MS)).toEqual(next);
});

test('invariant 3: a request that left is repeated only after a look that came when its grace was over', () => {
  for (const seen of [null, FOUND, ABSENT, NOT_VISIBLE])
    for (const sentAgoMs of [0, 1, 2_999, 3_000, 59_999, GRACE_MS])
      expect(nextStep(sentAgoMs, seen, GRACE_MS).kind).not.toBe('send');
  for (const seen of [null, FOUND, NOT_VISIBLE])
    expect(nextStep(1_000 * GRACE_MS, seen, GRACE_MS).kind).not.toBe('send');
});

test('looks become rarer, and the last one comes as soon as it proves something', () => {
  const asked: number[] = [];
  for (let at = 1_000; ; ) {
    const step = nextStep(at, ABSENT, GRACE_MS);
    if (step.kind !== 'wait') break;
    asked.push(at);
    at += step.ms;
    if (step.ms < FIRST_LOOK_MS) expect(at).toBe(GRACE_MS + 1);
  }
  expect(asked.length).toBeLessThanOrEqual(10);
});

test('a grace that is shorter than the first wait is not outwaited', () => {
  expect(nextStep(100, ABSENT, 500)).toEqual(wait(401));
  expect(nextStep(501, ABSENT, 500)).toEqual(SEND);
});

test('an old look proves less: what left within the grace before it may have come since', () => {
  expect(settledAgeMs(70_000)).toBe(70_000);
  expect(settledAgeMs(70_000, 10_000)).toBe(80_000);
});

test.each([
  ['none', null, { kind: 'nothing' }],
  ['none', 'id', { kind: 'nothing' }],
  ['unknown', null, { kind: 'unanswered' }],
  ['saved', null, { kind: 'unanswered' }],
  ['saved', 'id', { kind: 'made', id: 'id' }],
  ['unknown', 'id', { kind: 'made', id: 'id' }],
] as const)('a failure of effect %s that names %s', (effect, committedId, aftermath) => {
  expect(aftermathOf({ effect, committedId })).toEqual(aftermath);
});
