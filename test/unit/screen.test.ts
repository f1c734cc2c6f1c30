import { expect, test } from 'vitest';
import { fitted } from '../../src/cli/screen.ts';

const SIZE = { columns: 20, rows: 10 };

test('what has room is left as it is', () => {
  expect(fitted('daemon  syncing\n\nitems  3', SIZE)).toBe('daemon  syncing\n\nitems  3');
});

test('a long line is broken between words, and goes on below its text, behind label and blanks', () => {
  expect(fitted('slot  is read, 16 MB of WAL retained', SIZE).split('\n')).toEqual([
    'slot  is read, 16 MB',
    '      of WAL',
    '      retained',
  ]);
  expect(fitted('  paused: paused by hand', SIZE).split('\n')).toEqual(['  paused: paused by', '  hand']);
  expect(fitted('abcdefghijklmnopqrstuvwxyz', SIZE).split('\n')).toEqual(['abcdefghijklmnopqrst', 'uvwxyz']);
});

test('signs that are two columns wide count as two', () => {
  expect(fitted('受注明細一覧表示用', { columns: 10, rows: 10 }).split('\n')).toEqual([
    '受注明細一',
    '覧表示用',
  ]);
});

test('more lines than there is room for are told', () => {
  expect(fitted('1\n2\n3\n4\n5', { columns: 40, rows: 3 })).toBe(
    '1\n2\n… 3 more lines, in a taller terminal',
  );
  expect(fitted('1\n2\n3', { columns: 10, rows: 2 }).split('\n')).toHaveLength(2);
});
