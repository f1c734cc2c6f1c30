import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { envLine, missingLines } from '../../src/config/env-file.ts';

test('a value comes back as it was, whatever it has but all three quotes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom(`'`, '"', '`'), (given, quote) => {
      // A carriage return is a line's end to Node.
      const value = given.replaceAll('\r', '').replaceAll('\0', '').replaceAll(quote, '#');
      fc.pre(value !== '' || given === '');
      expect(parseEnv(`A=1\n${envLine('NAME', value)}\nB=2\n`)).toEqual({ A: '1', NAME: value, B: '2' });
    }),
  );
});

test.each([
  ['postgres://u:p@h:5432/app?sslmode=require', 'X=postgres://u:p@h:5432/app?sslmode=require'],
  ['postgres://u:p#q@h/app', "X='postgres://u:p#q@h/app'"],
  ["it's", 'X="it\'s"'],
  ['a "b" \'c\'', 'X=`a "b" \'c\'`'],
  ['two words', "X='two words'"],
  ['$HOME', "X='$HOME'"],
])('%j is written as %s', (value, line) => {
  expect(envLine('X', value)).toBe(line);
});

test('a value that has no spelling is refused', () => {
  expect(() => envLine('X', '#\'"`')).toThrow(expect.objectContaining({ code: 'env_value_unwritable' }));
});

test('only what is missing is added, after a file that may not end its last line', () => {
  expect(missingLines('A=1\n# B=2', { A: '9', B: '3' })).toBe('\nB=3\n');
  expect(missingLines('A=\n', { A: '9' })).toBe('A=9\n');
  expect(missingLines('A=1\n', { A: '9' })).toBe('');
  expect(missingLines('', {})).toBe('');
});
