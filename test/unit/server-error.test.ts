import { expect, test } from 'vitest';
import { messageOf } from '../../src/model/errors.ts';
import { serverErrorOf } from '../../src/model/server-error.ts';

/** An error as `pg` makes it of the server's answer. */
const answer = (code: string, message: string, more: Readonly<Record<string, string>> = {}): Error =>
  Object.assign(new Error(message), { code, severity: 'ERROR', ...more });

const WITH = {
  detail: 'Failing row contains (1, s3cret).',
  where: 'PL/pgSQL function audit(text) line 4 at SQL statement',
  internalQuery: "select 's3cret'",
};

test.each([
  ['23514', 'new row for relation "t" violates check constraint "t_check"'],
  ['23505', 'duplicate key value violates unique constraint "t_key"'],
  ['54000', 'index row size 2728 exceeds btree version 4 maximum 2704 for index "t_v"'],
  ['55P03', 'canceling statement due to lock timeout'],
])('invariant 14: the message of %s names objects alone and stays, without its detail', (code, message) => {
  expect(messageOf(answer(code, message, WITH))).toBe(message);
});

test.each([
  ['22P02', 'invalid input syntax for type integer: "s3cret"'],
  ['22P02', 'invalid input syntax for type integer: "a"s3cret"b"'],
  ['22P02', 'ungültige Eingabesyntax für Typ integer: »s3cret«'],
  ['22003', 'value "s3cret" is out of range for type integer'],
  ['22023', 'role "s3cret" is not here: 4711'],
  ['42601', 'syntax error at or near "s3cret"', 'PL/pgSQL function audit() line 4 at EXECUTE'],
  ['42703', 'column "s3cret" does not exist', 'PL/Python function "audit"'],
  ['0A000', 'cannot do this with "s3cret"'],
  ['XX000', 'unexpected s3cret'],
  ['38000', 'KeyError: s3cret'],
  ['HV000', 'remote said s3cret'],
  ['APP01', 's3cret'],
])('invariant 14: what %s quotes is left out of %s', (code, message, where = '') => {
  const text = messageOf(answer(code, message, { ...WITH, where }));
  expect(text).not.toMatch(/s3cret|4711/);
  expect(text.length).toBeGreaterThan(20);
});

test('a value that was sent is shown, for it stands in the page', () => {
  const error = answer('22P02', 'invalid input value for enum mood: "Grim"');
  expect(serverErrorOf(error, ['Grim'])?.text).toBe('invalid input value for enum mood: "Grim"');
  expect(serverErrorOf(error, ['Glum'])?.text).toBe('invalid input value for enum mood: "…"');
});

test('the names in a trigger’s own statements stay, and where it stands is told', () => {
  const error = answer('42703', 'column "ratng" of relation "log" does not exist', WITH);
  expect(messageOf(error)).toBe(
    'column "ratng" of relation "log" does not exist (in the function audit, line 4)',
  );
});

test('what an author raises for people to read stays, with its hint; a detail does not', () => {
  const raised = { ...WITH, routine: 'exec_stmt_raise', hint: 'ask finance' };
  expect(serverErrorOf(answer('APP01', 'the books are closed', raised))).toEqual({
    code: 'APP01',
    text: 'the books are closed',
    raised: true,
    fatal: false,
    stalePlan: false,
    hint: 'ask finance',
  });
  expect(serverErrorOf(answer('22P02', 'invalid "x"', { hint: 's3cret' }))).not.toHaveProperty('hint');
});

test.each([
  [Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })],
  [new Error('x')],
  [{ code: '23505', severity: 'ERROR' }],
  [null],
])('%o is no answer of PostgreSQL', (error) => {
  expect(serverErrorOf(error)).toBeNull();
});
