import { describe, expect, test } from 'vitest';
import {
  type Choice,
  deletionRuling,
  editInterval,
  lastWriteWins,
  ruleOf,
  ruling,
} from '../../src/model/conflict.ts';
import type { ConflictRule, ConflictStrategy } from '../../src/model/mapping.ts';

const minute = new Date('2026-03-01T12:00:00.000Z');
const later = (ms: number): Date => new Date(minute.getTime() + ms);
const BOT = 'bot';

describe('the rule of a field', () => {
  const cases: readonly (readonly [
    ConflictRule | undefined,
    ConflictStrategy | null,
    ConflictStrategy,
    ConflictRule,
  ])[] = [
    [undefined, null, 'lww', 'lww'],
    [undefined, null, 'manual', 'manual'],
    [undefined, null, 'field_precedence', 'lww'],
    [undefined, 'lww', 'manual', 'lww'],
    [undefined, 'manual', 'lww', 'manual'],
    [undefined, 'field_precedence', 'manual', 'lww'],
    ['postgres', null, 'lww', 'postgres'],
    ['notion', 'field_precedence', 'lww', 'notion'],
    ['notion', 'manual', 'manual', 'notion'],
    ['manual', 'lww', 'field_precedence', 'manual'],
    ['lww', 'manual', 'manual', 'lww'],
  ];
  test.each(cases)('field %s, table %s, installation %s: %s', (own, table, installation, rule) => {
    expect(ruleOf(own === undefined ? {} : { conflict: own }, table, installation)).toBe(rule);
  });
});

describe('when an edit can have been made', () => {
  test.each([
    ['a person was last: in that minute', 'ada', later(-600_000), minute, later(60_000)],
    ['nobody is named: in that minute', null, later(-600_000), minute, later(60_000)],
    ['we were last: since the page was last at rest', BOT, later(-600_000), later(-600_000), later(60_000)],
    ['we were last, and nobody knows when it was at rest', BOT, null, new Date(0), later(60_000)],
    ['we were last, and it was at rest in that very minute', BOT, minute, minute, later(60_000)],
    ['a rest that is later than the edit says nothing', BOT, later(60_000), minute, later(60_000)],
  ] as const)('%s', (_, lastEditedBy, agreedAt, from, to) => {
    expect(editInterval({ lastEditedTime: minute, lastEditedBy }, BOT, agreedAt)).toEqual({ from, to });
  });
});

describe('the last write', () => {
  const edit = { from: minute, to: later(60_000) };
  test.each([
    ['a row that did not change loses', null, 'notion', false],
    ['a commit before the interval loses', later(-1), 'notion', false],
    ['at its first instant nobody knows, and PostgreSQL wins', later(0), 'postgres', true],
    ['at its last instant nobody knows, and PostgreSQL wins', later(59_999), 'postgres', true],
    ['a commit after it wins', later(60_000), 'postgres', false],
  ] as const)('%s', (_, row, winner, tie) => {
    expect(lastWriteWins(row, edit)).toEqual({ winner, tie });
  });
});

describe('the ruling over a field', () => {
  type Row = readonly [
    rule: ConflictRule,
    choice: Choice | null,
    rowChanged: boolean,
    commit: number | null,
    winner: string,
    strategy: string,
  ];
  const cases: readonly Row[] = [
    ['lww', null, true, -1, 'notion', 'lww'],
    ['lww', null, true, 0, 'postgres', 'lww-tie'],
    ['lww', null, true, 60_000, 'postgres', 'lww'],
    ['lww', null, false, null, 'notion', 'lww'],
    ['postgres', null, true, -1, 'postgres', 'postgres'],
    ['notion', null, true, 60_000, 'notion', 'notion'],
    ['manual', null, true, 60_000, 'hold', 'manual'],
    ['manual', null, true, -1, 'hold', 'manual'],
    ['manual', null, false, 60_000, 'notion', 'manual'],
    ['manual', 'postgres', true, -1, 'postgres', 'manual'],
    ['manual', 'notion', true, 60_000, 'notion', 'manual'],
    ['manual', 'value', true, 60_000, 'hold', 'manual'],
    ['lww', 'postgres', false, null, 'postgres', 'manual'],
    ['notion', 'postgres', true, null, 'postgres', 'manual'],
  ];
  test.each(cases)(
    '%s, chosen %s, row changed %s, at %s: %s by %s',
    (rule, choice, rowChanged, commit, winner, strategy) => {
      const clash = {
        choice,
        rowChanged,
        rowChangedAt: commit === null ? null : later(commit),
        edit: { from: minute, to: later(60_000) },
      };
      expect(ruling(rule, clash)).toEqual({ winner, strategy });
    },
  );

  test.each([
    ['lww', 'postgres', 'lww'],
    ['field_precedence', 'postgres', 'lww'],
    ['manual', 'hold', 'manual'],
  ] as const)('a deletion under %s: %s by %s', (rule, winner, strategy) => {
    const clash = { rowChangedAt: later(60_000), edit: { from: minute, to: later(60_000) } };
    expect(deletionRuling(rule, clash)).toEqual({ winner, strategy });
  });
});
