import type { ColumnShape } from './codecs/codec.ts';

/** What a column takes, in words for somebody who knows no types: `a whole number`, `a list of dates`. */
export function typeText(column: ColumnShape): string {
  if (column.array) return `a list, each of its items ${typeText({ ...column, array: false })}`;
  switch (column.category) {
    case 'number':
      return column.type.startsWith('int') || (column.scale === 0 && column.precision !== null)
        ? 'a whole number'
        : 'a number';
    case 'boolean':
      return 'true or false';
    case 'date':
      return column.type === 'date'
        ? 'a date'
        : column.type.startsWith('time')
          ? 'a date with a time'
          : 'a date';
    case 'range':
      return 'a period with a start and an end';
    case 'enum':
      return `one of ${column.labels.join(', ')}`;
    case 'uuid':
      return 'an id of 32 hexadecimal digits';
    case 'json':
      return 'valid JSON';
    case 'text':
      return column.maxLength === null ? 'a text' : `a text of at most ${column.maxLength} characters`;
    case 'other':
      return 'a value of another kind';
    default:
      return column.category satisfies never;
  }
}
