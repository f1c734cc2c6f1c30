import { describe, expect, test } from 'vitest';
import { formatTable, narrowTable } from '../../src/cli/table.ts';

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

describe('in a narrow terminal', () => {
  const table = {
    headings: ['table', 'records', 'failed'],
    importance: ['table', 'failed', 'records'],
    rows: [
      { cells: ['suppliers', 12, 3], remark: '' },
      { cells: ['order_lines_of_last_year', 1234, 0], remark: 'paused by hand' },
    ],
  };

  test('a remark stands below its row, and every column is there if it has room', () => {
    expect(narrowTable(table, 60)).toBe(
      [
        'table                     records  failed',
        'suppliers                      12       3',
        'order_lines_of_last_year     1234       0',
        '  paused by hand',
      ].join('\n'),
    );
  });

  test('the least important columns are left out, and long names are cut', () => {
    expect(narrowTable(table, 26)).toBe(
      ['table          failed', 'suppliers           3', 'order_lines_…       0', '  paused by hand'].join(
        '\n',
      ),
    );
    expect(narrowTable(table, 12)).toBe(['table', 'suppliers', 'order_lin…', '  paused by hand'].join('\n'));
  });

  test('headings alone are laid out too', () => {
    expect(narrowTable({ ...table, rows: [] }, 60)).toBe('table  records  failed');
  });
});
