import pg from 'pg';
import { expect, test } from 'vitest';
import { knownError } from '../../src/model/connection-lost.ts';

const answer = (code: string, more: object = {}): Error =>
  Object.assign(new pg.DatabaseError('as the server says', 1, 'error'), { code, severity: 'ERROR', ...more });

test.each<[string, Error, string | undefined]>([
  ['a server that takes no writes', answer('25006'), 'postgres_read_only'],
  ['a statement that took too long', answer('57014'), 'postgres_canceled'],
  ['a session that the server ended', answer('57P01', { severity: 'FATAL' }), 'postgres_lost'],
  [
    'a trigger that raises the same code speaks of its own row',
    answer('25006', { routine: 'exec_stmt_raise' }),
    undefined,
  ],
  ['anything else is not foreseen', answer('42P01'), undefined],
])('%s', (_, error, code) => {
  expect(knownError(error)?.code).toBe(code);
  if (code !== undefined) expect(knownError(error)).toMatchObject({ retryable: true });
});
