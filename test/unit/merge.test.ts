import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Direction } from '../../src/model/mapping.ts';
import {
  baseAfterWrite,
  changedInRow,
  changedOnPage,
  type FieldState,
  type FieldVerdict,
  mergeField,
  pageChanged,
  rowChanged,
  type Winner,
} from '../../src/model/merge.ts';
import { resolvedField } from '../support/fields.ts';

type Case = {
  readonly direction: Direction;
  readonly row: boolean;
  readonly page: boolean;
  readonly agree: boolean;
  readonly restore: boolean;
  readonly winner: Winner;
};

const FLAGS = [false, true];
const CASES: readonly Case[] = (['both', 'to-notion', 'to-postgres'] as const).flatMap((direction) =>
  FLAGS.flatMap((row) =>
    FLAGS.flatMap((page) =>
      FLAGS.flatMap((agree) =>
        FLAGS.flatMap((restore) =>
          (['postgres', 'notion'] as const).map((winner) => ({
            direction,
            row,
            page,
            agree,
            restore,
            winner,
          })),
        ),
      ),
    ),
  ),
);

/** A state with these properties: the bases are chosen after the values. */
function stateOf({ direction, row, page, agree, restore }: Omit<Case, 'winner'>): FieldState {
  const value = row ? 2 : 1;
  const shown = agree ? value : 7;
  return {
    field: resolvedField('Rating', 'number', { direction }),
    baseRow: '1',
    basePage: page ? shown + 100 : shown,
    row: String(value),
    page: shown,
    encoded: { kind: 'value', value },
    encodedBase: () => ({ kind: 'value', value: 1 }),
    meansRow: () => false,
    restore,
    decided: false,
  };
}

test.each([[{ row: true, restore: false }], [{ row: false, restore: true }]])(
  'a field that waits for a person is written on neither side: %j',
  (how) => {
    const state = stateOf({ direction: 'both', page: true, agree: false, ...how });
    expect(mergeField(state, () => 'hold')).toEqual({ kind: 'held' });
  },
);

const nobody = (): Winner => expect.fail('nobody need be asked who wins');

/**
 * The whole table, a letter a case: r row changed, R restore asked, p page changed, = both hold the same.
 * `kind!` is a conflict.
 */
const TABLE: Readonly<Record<Direction, Readonly<Record<string, string>>>> = {
  both: {
    '': 'rest',
    '=': 'rest',
    r: 'to-page',
    'r=': 'agree',
    p: 'to-row',
    'p=': 'agree',
    rp: 'winner',
    'rp=': 'agree',
    R: 'to-page',
    'R=': 'agree',
    rR: 'to-page',
    'rR=': 'agree',
    pR: 'winner',
    'pR=': 'agree',
    rpR: 'winner',
    'rpR=': 'agree',
  },
  'to-notion': {
    '': 'rest',
    '=': 'rest',
    r: 'to-page',
    'r=': 'agree',
    p: 'to-page',
    'p=': 'agree',
    rp: 'to-page',
    'rp=': 'agree',
    R: 'to-page',
    'R=': 'agree',
    rR: 'to-page',
    'rR=': 'agree',
    pR: 'to-page',
    'pR=': 'agree',
    rpR: 'to-page',
    'rpR=': 'agree',
  },
  'to-postgres': {
    '': 'rest',
    '=': 'rest',
    r: 'rest',
    'r=': 'agree',
    p: 'to-row',
    'p=': 'agree',
    rp: 'to-row',
    'rp=': 'agree',
    R: 'rest',
    'R=': 'agree',
    rR: 'rest',
    'rR=': 'agree',
    pR: 'to-row',
    'pR=': 'agree',
    rpR: 'to-row',
    'rpR=': 'agree',
  },
};

const letters = (one: Case): string =>
  `${one.row ? 'r' : ''}${one.page ? 'p' : ''}${one.restore ? 'R' : ''}${one.agree ? '=' : ''}`;

const spelled = (verdict: FieldVerdict): string =>
  'conflict' in verdict && verdict.conflict ? `${verdict.kind}!` : verdict.kind;

describe('mergeField', () => {
  test.each(CASES)(
    'invariant 6: $direction, row $row, page $page, agree $agree, restore $restore, $winner wins',
    (one) => {
      const state = stateOf(one);
      expect([rowChanged(state), pageChanged(state)]).toEqual([one.row, one.page]);
      const wanted = TABLE[one.direction][letters(one)];
      const asked = wanted === 'winner';
      const verdict = mergeField(state, asked ? () => one.winner : nobody);
      expect(spelled(verdict)).toBe(asked ? (one.winner === 'postgres' ? 'to-page!' : 'to-row!') : wanted);
    },
  );

  test.each([
    ['both', 'to-page'],
    ['to-notion', 'to-page'],
    ['to-postgres', 'to-row'],
  ] as const)('without a base, %s gives %s, and no conflict', (direction, kind) => {
    const known = stateOf({ direction, row: true, page: true, agree: false, restore: false });
    const state = { ...known, baseRow: undefined, basePage: undefined };
    expect(mergeField(state, nobody)).toEqual({ kind, conflict: false });
  });

  test('without a base, sides that hold the same agree', () => {
    const known = stateOf({ direction: 'both', row: true, page: true, agree: true, restore: false });
    expect(mergeField({ ...known, baseRow: undefined, basePage: undefined }, nobody)).toEqual({
      kind: 'agree',
    });
  });

  test('invariant 6: a page whose base nobody knows never goes to the row, though the row is as it was', () => {
    const known = stateOf({ direction: 'both', row: false, page: true, agree: false, restore: false });
    const verdict = mergeField({ ...known, basePage: undefined, page: null }, () => 'notion');
    expect(verdict).toEqual({ kind: 'to-page', conflict: false });
  });

  test('invariant 15: a field that its page did not show when the row was made of it takes what the page shows later', () => {
    const known = stateOf({ direction: 'both', row: false, page: true, agree: false, restore: false });
    const made = { ...known, baseRow: null, row: null, basePage: undefined };
    const empty = { ...made, encoded: { kind: 'value', value: null } } as const;
    expect(mergeField(empty, nobody)).toEqual({ kind: 'to-row', conflict: false });
    expect(mergeField({ ...empty, page: null }, nobody)).toEqual({ kind: 'agree' });
    const list = { ...made, row: '{}', encoded: { kind: 'value', value: [] } } as const;
    expect(mergeField({ ...list, page: ['typed'] }, nobody)).toEqual({ kind: 'to-row', conflict: false });
    // A row that a default has filled meanwhile, or that was changed, is the record.
    expect(mergeField({ ...made, baseRow: '1', row: '1' }, nobody)).toMatchObject({ kind: 'to-page' });
    expect(mergeField({ ...made, row: '1' }, nobody)).toMatchObject({ kind: 'to-page' });
  });

  test.each([
    ['number', 7, 'agree'],
    ['number', null, 'agree'],
    ['formula', 7, 'to-row'],
    ['formula', null, 'agree'],
  ] as const)(
    'invariant 15: with a void base, a %s from Notion that shows %j gives %s',
    (type, page, kind) => {
      const field = resolvedField('Rating', type, { direction: 'to-postgres' });
      const known = stateOf({
        direction: 'to-postgres',
        row: false,
        page: true,
        agree: false,
        restore: false,
      });
      const state = { ...known, field, basePage: undefined, page };
      expect(mergeField(state, nobody)).toMatchObject({ kind });
    },
  );

  test('a relation that could be written in part only stays the row’s to finish', () => {
    const known = stateOf({ direction: 'both', row: false, page: false, agree: false, restore: false });
    const encoded = { kind: 'unresolved', value: [], missing: [] } as const;
    expect(mergeField({ ...known, baseRow: undefined, encoded }, nobody)).toEqual({
      kind: 'to-page',
      conflict: false,
    });
  });

  test('NULL in the row is a value: from and to it count as changes', () => {
    const rest = { baseRow: null, row: null };
    expect(rowChanged(rest)).toBe(false);
    expect(rowChanged({ baseRow: null, row: '' })).toBe(true);
    expect(rowChanged({ baseRow: '', row: null })).toBe(true);
    expect(rowChanged({ baseRow: undefined, row: null })).toBe(true);
  });

  test('a value that the property refuses never agrees', () => {
    const known = stateOf({ direction: 'both', row: true, page: true, agree: true, restore: false });
    const encoded = { kind: 'refused', fault: { path: 'Rating', message: '', remedy: '' } } as const;
    expect(mergeField({ ...known, encoded }, () => 'postgres')).toEqual({ kind: 'to-page', conflict: true });
  });
});

const anyText = fc.constantFrom('1', '2', '3', null);
const anyPage = fc.constantFrom(1, 2, 3, null);
const anyState: fc.Arbitrary<FieldState> = fc
  .record({
    direction: fc.constantFrom<Direction>('both', 'to-notion', 'to-postgres'),
    expression: fc.boolean(),
    row: anyText,
    page: anyPage,
    baseRow: fc.option(anyText, { nil: undefined }),
    basePage: fc.option(anyPage, { nil: undefined }),
    restore: fc.boolean(),
    unresolved: fc.boolean(),
  })
  .map(({ direction, expression, unresolved, ...rest }) => {
    const value = rest.row === null ? null : Number(rest.row);
    return {
      ...rest,
      field: resolvedField('Rating', 'number', {
        direction,
        ...(expression ? { source: { kind: 'expression', sql: '1' } } : {}),
      }),
      encoded: unresolved ? { kind: 'unresolved', value, missing: [] } : { kind: 'value', value },
      encodedBase: () => null,
      meansRow: () => false,
      decided: false,
    };
  });

test('invariant 6: nothing goes to the page unless the row changed, was asked for, or alone may say what it holds', () => {
  fc.assert(
    fc.property(anyState, fc.constantFrom<Winner>('postgres', 'notion'), (state, winner) => {
      fc.pre(mergeField(state, () => winner).kind === 'to-page');
      expect(state.field.direction).not.toBe('to-postgres');
      const only = state.field.direction === 'to-notion' || state.field.source.kind === 'expression';
      const noBase = state.basePage === undefined;
      expect(rowChanged(state) || state.restore || noBase || (only && pageChanged(state))).toBe(true);
    }),
  );
});

test('invariant 6: nothing goes to the row unless a person changed the page', () => {
  fc.assert(
    fc.property(anyState, fc.constantFrom<Winner>('postgres', 'notion'), (state, winner) => {
      fc.pre(mergeField(state, () => winner).kind === 'to-row');
      expect(state.field).toMatchObject({ source: { kind: 'column' } });
      expect(state.field.direction).not.toBe('to-notion');
      expect(pageChanged(state)).toBe(true);
      // Without a base of the page, only into a row that is empty since it was made of a page that did not show the field.
      if (state.field.direction === 'both' && state.basePage === undefined)
        expect([state.baseRow, state.row, state.restore]).toEqual([null, null, false]);
    }),
  );
});

test('a conflict is told only where both sides changed since a base, and the field travels both ways', () => {
  fc.assert(
    fc.property(anyState, fc.constantFrom<Winner>('postgres', 'notion'), (state, winner) => {
      const verdict = mergeField(state, () => winner);
      fc.pre('conflict' in verdict && verdict.conflict);
      expect(state.field.direction).toBe('both');
      expect(state.basePage).not.toBe(undefined);
      expect((rowChanged(state) || state.restore) && pageChanged(state)).toBe(true);
      expect(verdict.kind).toBe(winner === 'postgres' ? 'to-page' : 'to-row');
    }),
  );
});

test('invariant 15: a field that the page image lacks was not shown, which is no change', () => {
  const fields = [resolvedField('Name', 'title'), resolvedField('Rating', 'number')];
  expect(changedOnPage(fields, { Name: 'Ore', Rating: 1 }, { Name: 'Ore' })).toEqual([]);
  expect(changedOnPage(fields, { Name: 'Ore' }, { Name: 'Iron' })).toEqual([fields[0]]);
  expect(changedOnPage(fields, {}, { Rating: null })).toEqual([fields[1]]);
});

test('only fields whose page value differs from the base count as changed, in whatever order members stand', () => {
  const fields = [resolvedField('A'), resolvedField('B'), resolvedField('C'), resolvedField('D')];
  const base = { A: { x: 1, y: [1] }, B: 'b', C: null };
  const page = { A: { y: [1], x: 1 }, B: 'B', D: null };
  expect(changedOnPage(fields, base, page).map((field) => field.property)).toEqual(['B', 'D']);
});

test('the row has news of changed fields and of those asked for, not of fields that never go to Notion', () => {
  const fields = [
    resolvedField('Same'),
    resolvedField('Changed'),
    resolvedField('Asked'),
    resolvedField('Inward', 'number', { direction: 'to-postgres' }),
    resolvedField('New'),
  ];
  const base = { Same: 'x', Changed: 'x', Asked: 'x', Inward: '1' };
  const row = { Same: 'x', Changed: null, Asked: 'x', Inward: '2', New: null };
  const news = changedInRow(fields, base, row, ['Asked', 'Inward', 'Unknown']);
  expect(news.map((field) => field.property)).toEqual(['Changed', 'Asked', 'New']);
});

describe('the base after a write', () => {
  const fields = [resolvedField('Rating', 'number'), resolvedField('Seen', 'date')];
  const date = (start: string) => ({ start, end: null });
  const sent = { Rating: 1, Seen: date('2026-01-02T03:04:05.678Z') };
  const kept = { Rating: 1, Seen: date('2026-01-02T03:04:00.000Z') };

  test('is what the answer holds, even where Notion made of it what no codec foresees', () => {
    const image = { ...kept, Rating: 7 };
    expect(baseAfterWrite(fields, sent, image, new Set())).toEqual(image);
  });

  test('is what the page holds later, where Notion can have made that of what was sent', () => {
    expect(baseAfterWrite(fields, sent, kept, new Set(['Rating', 'Seen']))).toEqual(kept);
  });

  test('invariant 4: leaves out what somebody has typed since', () => {
    const image = { Rating: 7, Seen: date('2027-01-01T00:00:00.000Z') };
    expect(baseAfterWrite(fields, sent, image, new Set(['Rating']))).toEqual({ ...image, Rating: 1 });
    expect(baseAfterWrite(fields, { Rating: 1 }, image, new Set(['Rating', 'Seen']))).toEqual({
      ...image,
      Rating: 1,
    });
  });
});
