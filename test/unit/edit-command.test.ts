import { expect, test } from 'vitest';
import {
  columnsOf,
  commandMark,
  decisionOf,
  type EditMark,
  isMarked,
  LOOK_MARK,
  markOf,
  NO_MARK,
  valuesMark,
} from '../../src/model/edit-command.ts';

const MARKS: readonly EditMark[] = [
  NO_MARK,
  valuesMark('one'),
  valuesMark('two'),
  ...(['look', 'hold', 'approve', 'reject'] as const).map(commandMark),
];

test.each([
  [NO_MARK, null],
  [valuesMark('approve'), null],
  [LOOK_MARK, 'retry'],
  [commandMark('hold'), null],
  [commandMark('approve'), 'approved'],
  [commandMark('reject'), 'rejected'],
] as const)('%j asks for %s, and for nothing while it is set aside', (mark, asked) => {
  expect(decisionOf({ mark, parked: false })).toBe(asked);
  expect(decisionOf({ mark, parked: true })).toBeNull();
});

test('a page that does not wait is asked nothing, and has no mark', () => {
  expect([decisionOf(null), decisionOf(undefined)]).toEqual([null, null]);
  for (const mark of MARKS) expect(isMarked(undefined, mark)).toBe(false);
});

test('every mark is the same as itself and no other, also when it was stored', () => {
  for (const one of MARKS)
    for (const other of MARKS) expect(isMarked({ mark: markOf(columnsOf(one)) }, other)).toBe(one === other);
});
