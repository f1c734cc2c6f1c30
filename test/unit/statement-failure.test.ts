import { expect, test } from 'vitest';
import type { ServerError } from '../../src/model/server-error.ts';
import { type StatementFailure, statementFailure } from '../../src/model/statement-failure.ts';

const error = (code: string, more: Partial<ServerError> = {}): ServerError => ({
  code,
  text: 'it failed',
  raised: false,
  fatal: false,
  stalePlan: false,
  ...more,
});

const CASES: readonly (readonly [StatementFailure, readonly string[]])[] = [
  [
    'refused',
    [
      '22001',
      '22P02',
      '23505',
      '23514',
      '27000',
      '0A000',
      '21000',
      '2F003',
      '38000',
      '39004',
      '40002',
      '42501',
    ]
      .concat(['42703', '42P01', '44000', '54000', '55000', '55006', '58P01', 'APP01', 'F0000', 'HV000'])
      .concat(['P0001', 'P0004', 'PT402', 'XX000', 'XX001', '25001', '26000', '0Z002']),
  ],
  ['repeat', ['40001', '40P01']],
  ['blocked', ['55P03', '57014', '53100', '53200', '53400', '08006', '25006', '58030']],
];

test.each(CASES.flatMap(([failure, codes]) => codes.map((code) => [code, failure] as const)))(
  'invariant 16: %s in answer to a statement on a row: %s',
  (code, failure) => {
    expect(statementFailure(error(code))).toBe(failure);
  },
);

test('a session that ends says nothing of the edit', () => {
  for (const code of ['57P01', '57P02', '25P03', '08006', '53300', 'XX000'])
    expect(statementFailure(error(code, { fatal: true }))).toBe('lost');
});

test('a trigger may raise what the server says of itself: it speaks of its row', () => {
  for (const code of ['08006', '53100', '57P01', '25006', 'PGN01'])
    expect(statementFailure(error(code, { raised: true }))).toBe('refused');
  expect(statementFailure(error('40001', { raised: true }))).toBe('repeat');
  expect(statementFailure(error('55P03', { raised: true }))).toBe('blocked');
});

test('a plan that a change of the schema has outdated is made anew', () => {
  expect(statementFailure(error('0A000', { stalePlan: true }))).toBe('repeat');
});
