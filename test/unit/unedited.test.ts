import { expect, test } from 'vitest';
import { isUnedited } from '../../src/model/unedited.ts';

const at = (minute: number): Date => new Date(minute * 60_000);
const OVERLAP = 3 * 60_000;
const unedited = (editedAt: number, agreedAt: number | null, polledTo: number | null): boolean =>
  isUnedited(
    {
      editedAt: at(editedAt),
      agreedAt: agreedAt === null ? null : at(agreedAt),
      polledTo: polledTo === null ? null : at(polledTo),
    },
    OVERLAP,
  );

test('a page is known to be unedited once its minute is over and polls have passed it by, whatever queries lag', () => {
  expect(unedited(10, 10, 14)).toBe(true);
  expect(unedited(10, 12, 14)).toBe(true);
  expect(unedited(10, 10, 13.9)).toBe(false);
});

test('invariant 4: an edit that no poll has listed is one all the same', () => {
  expect(unedited(11, 10, 1_000)).toBe(false);
  expect(unedited(10, null, 1_000)).toBe(false);
  expect(unedited(10, 10, null)).toBe(false);
});
