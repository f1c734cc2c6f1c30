import { expect, test } from 'vitest';
import { formatTable } from '../../src/cli/table.ts';

test('columns are as wide as their widest cell; numbers stand to the right, texts to the left', () => {
  const rows = [
    ['suppliers', 12, 'ok'],
    ['rfqs', 1234, 'paused'],
  ];
  expect(formatTable(['table', 'n', 'state'], rows)).toBe(
    ['table         n  state', 'suppliers    12  ok', 'rfqs       1234  paused'].join('\n'),
  );
});

test('a column that has a text among its numbers is a text column', () => {
  expect(
    formatTable(
      ['a', 'b'],
      [
        [1, 'x'],
        ['-', 'y'],
      ],
    ),
  ).toBe(['a  b', '1  x', '-  y'].join('\n'));
});

test('headings alone are laid out too, and no line ends in blanks', () => {
  expect(formatTable(['name', 'state'], [])).toBe('name  state');
  expect(formatTable(['a', 'b'], [['long', '']])).toBe('a     b\nlong');
});

test('a short row leaves its last columns empty', () => {
  expect(formatTable(['a', 'b'], [['x'], ['y', 'z']])).toBe('a  b\nx\ny  z');
});
