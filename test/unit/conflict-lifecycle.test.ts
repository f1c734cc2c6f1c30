import { describe, expect, test } from 'vitest';
import type { ConflictType } from '../../src/model/clash.ts';
import type { Choice } from '../../src/model/conflict.ts';
import {
  type ConflictEvent,
  type LiveConflict,
  next,
  type Transition,
} from '../../src/model/conflict-lifecycle.ts';

// What every event makes of every conflict: open, decided by a person, decided by a rule.

const TYPES: readonly ConflictType[] = [
  'CONCURRENT_UPDATE',
  'DELETED_IN_POSTGRES',
  'DELETED_IN_NOTION',
  'DUPLICATED_PAGE',
  'ID_EDITED',
  'REFUSED_EDIT',
];
const OF_RECORDS: readonly ConflictType[] = ['DELETED_IN_POSTGRES', 'DELETED_IN_NOTION'];
const CHOICES: readonly (Choice | null)[] = [null, 'postgres', 'notion', 'value'];
const PEOPLE = [null, 'Ada'] as const;

const all: readonly LiveConflict[] = TYPES.flatMap((type) =>
  CHOICES.flatMap((choice) =>
    PEOPLE.flatMap((by) =>
      // Nobody's choice is a value, an open conflict has no person, and a whole record takes no value.
      (by === null && choice === 'value') ||
      (by !== null && choice === null) ||
      (choice === 'value' && OF_RECORDS.includes(type))
        ? []
        : [
            {
              id: '1',
              type,
              field: OF_RECORDS.includes(type) ? null : 'Name',
              choice,
              value: choice === 'value' ? '7' : null,
              by,
            },
          ],
    ),
  ),
);

const EVENTS: readonly ConflictEvent[] = [
  ...(['agreed', 'written', 'held', 'contested', 'untouched'] as const).map(
    (field) => ({ kind: 'delivered', field }) as const,
  ),
  { kind: 'applied', wrote: true },
  { kind: 'applied', wrote: false },
  { kind: 'held' },
  { kind: 'page at base' },
  { kind: 'row at base' },
  { kind: 'row back' },
  { kind: 'edit gone' },
  { kind: 'page back' },
  { kind: 'page deleted' },
  { kind: 'carried out' },
  { kind: 'refused', reason: 'why' },
];

const told = (transition: Transition): string =>
  [
    transition.to,
    'winner' in transition && transition.winner !== null ? `for ${transition.winner}` : '',
    'frees' in transition && transition.frees ? 'frees' : '',
  ]
    .filter((word) => word !== '')
    .join(' ');

const named = ({ type, choice, by }: LiveConflict): string =>
  `${type} ${choice === null ? 'open' : `${choice} by ${by ?? 'rule'}`}`;

test('the table is as it stands here, for each type, decision and event', () => {
  const table = Object.fromEntries(
    EVENTS.map((event) => [
      'field' in event
        ? `${event.kind}: ${event.field}`
        : 'wrote' in event
          ? `${event.kind}: ${event.wrote}`
          : event.kind,
      Object.fromEntries(
        all.flatMap((conflict) => {
          const what = told(next(conflict, event));
          return what === 'stays' ? [] : [[named(conflict), what]];
        }),
      ),
    ]),
  );
  expect(table).toMatchSnapshot();
});

describe('invariant 4: a person’s decision', () => {
  const decided = all.filter(({ by }) => by !== null);

  test('for PostgreSQL is over only when the page has it, or its object is gone', () => {
    for (const conflict of decided.filter(({ choice, field }) => choice === 'postgres' && field !== null)) {
      expect(next(conflict, { kind: 'page at base' })).toEqual({ to: 'stays' });
      expect(next(conflict, { kind: 'delivered', field: 'untouched' }).to === 'resolved').toBe(false);
      expect(next(conflict, { kind: 'delivered', field: 'written' }).to).toBe('resolved');
    }
  });

  test('for a value is carried out by the row alone', () => {
    for (const conflict of decided.filter(({ choice }) => choice === 'value')) {
      expect(next(conflict, { kind: 'page at base' })).toEqual({ to: 'stays' });
      for (const field of ['agreed', 'written'] as const)
        expect(next(conflict, { kind: 'delivered', field })).toEqual({ to: 'stays' });
      expect(next(conflict, { kind: 'applied', wrote: true }).to).toBe('resolved');
    }
  });

  test('that PostgreSQL refuses is asked for anew, with the reason', () => {
    for (const conflict of decided)
      expect(next(conflict, { kind: 'refused', reason: 'why' })).toEqual({ to: 'open', note: 'why' });
  });
});
