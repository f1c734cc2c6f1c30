import { expect, test } from 'vitest';
import { unseenBy } from '../../src/model/snapshot.ts';

test.each([
  ['nothing runs', '750:750:', [748, 749], []],
  ['one of them is still running', '748:751:748,750', [747, 748, 749, 750], [748, 750]],
  ['the newest has not ended', '750:750:', [749, 750, 751], [750, 751]],
  [
    'the counter has wrapped around once',
    '4294968046:4294968050:4294968047',
    [750, 751, 753, 754],
    [751, 754],
  ],
  [
    'the counter wraps around just now',
    '4294967290:4294967298:4294967295',
    [4294967295, 0, 1, 2],
    [4294967295, 2],
  ],
])('which transactions a snapshot hides: %s', (_, snapshot, xids, hidden) => {
  expect(unseenBy(snapshot, xids)).toEqual(hidden);
});
