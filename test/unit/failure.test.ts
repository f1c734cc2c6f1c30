import { expect, test } from 'vitest';
import { NotionFailure } from '../../src/notion/error-classification.ts';
import { failureOf, isOdd } from '../../src/to-notion/failure.ts';

const odd = new NotionFailure(
  {
    effect: 'none',
    retry: 'later',
    pausesAll: false,
    afterMs: null,
    code: 'validation_error',
    status: 400,
    message: 'Unsaved transactions: runQuery',
    remedy: 'mend it',
    committedId: null,
    requestId: null,
  },
  'updatePage',
);

test('invariant 16: a refusal without a reason is tried a few times with growing waits, then set aside with the count', () => {
  const outcomes = Array.from({ length: 7 }, (_, attempts) => failureOf(odd, { attempts }));
  const waits = outcomes.flatMap((each) => (each.kind === 'retry' ? [each.ms ?? 0] : []));
  expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000]);
  const last = outcomes[5];
  expect(last?.kind).toBe('parked');
  expect(last !== undefined && 'failure' in last ? last.failure.reason : '').toContain('refused 6 times');
  expect([isOdd(odd, { attempts: 4 }), isOdd(odd, { attempts: 5 })]).toEqual([true, false]);
});
