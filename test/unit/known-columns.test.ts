import { describe, expect, test } from 'vitest';
import { type KnownColumns, knownAfter, remadeFields } from '../../src/model/known-columns.ts';
import { resolvedField, resolvedTable } from '../support/fields.ts';

const FIELDS = [
  resolvedField('Name', 'title'),
  resolvedField('Note'),
  resolvedField('Price', 'number', { direction: 'to-notion' }),
  resolvedField('Label', 'rich_text', { source: { kind: 'expression', expression: 'upper(name)' } as never }),
];
const table = resolvedTable('goods', FIELDS);
const columns = (ids: Readonly<Record<string, string>>): KnownColumns =>
  Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, { id, type: 'text' }]));
const KNOWN = columns({ id: '10/1', name: '10/2', note: '10/3', price: '10/4' });
const remade = (present: KnownColumns, known = KNOWN) =>
  remadeFields(table, known, present).map(({ property }) => property);
const knownFrom = (present: KnownColumns, known = KNOWN, later: readonly string[] = []) =>
  knownAfter(table, known, present, new Set(later));

describe('the fields whose column is another one', () => {
  test('are none where nothing has changed, nothing is known, or a column is gone', () => {
    expect(remade(KNOWN)).toEqual([]);
    expect(remade(KNOWN, {})).toEqual([]);
    expect(remade(columns({ id: '10/1', name: '10/2' }))).toEqual([]);
  });

  test('are those of columns that were dropped and added, or have taken the name of another one', () => {
    expect(remade({ ...KNOWN, ...columns({ note: '10/9' }) })).toEqual(['Note']);
    expect(remade({ ...KNOWN, ...columns({ name: '10/3', note: '10/2' }) })).toEqual(['Name', 'Note']);
  });

  test('are not those that nothing comes back of from their pages, nor those of a table that was made anew', () => {
    expect(remade({ ...KNOWN, ...columns({ price: '10/9' }) })).toEqual([]);
    expect(remade(columns({ id: '11/1', name: '11/2', note: '11/3', price: '11/4' }))).toEqual([]);
  });

  test('are none of a joined table', () => {
    const joined = resolvedTable('goods', [resolvedField('Note', 'rich_text', { direction: 'to-notion' })], {
      query: 'select 1',
    });
    expect(knownAfter(joined, {}, columns({ id: '10/1', note: '10/3' }), new Set())).toEqual(
      columns({ id: '10/1' }),
    );
  });
});

describe('what is known afterwards', () => {
  test('is what is there, of the columns that are read; what is gone stays known', () => {
    expect(knownFrom({ ...KNOWN, ...columns({ other: '10/5' }) }, {})).toEqual(KNOWN);
    expect(knownFrom(columns({ id: '10/1', name: '10/2' }))).toEqual(KNOWN);
    expect(knownFrom({ ...KNOWN, ...columns({ note: '10/9' }) })).toEqual({
      ...KNOWN,
      ...columns({ note: '10/9' }),
    });
  });

  test('is, of a column that a table lacks at the first look, that it is gone', () => {
    const present = columns({ id: '10/1', name: '10/2', price: '10/4' });
    const known = knownFrom(present, {});
    expect(known).toEqual({ ...present, note: { id: '10/0', type: '' } });
    expect(remade({ ...present, ...columns({ note: '10/5' }) }, known)).toEqual(['Note']);
    expect(knownFrom({}, {})).toEqual({});
  });

  test('is as before for what is to be looked at later', () => {
    const present = { ...KNOWN, ...columns({ name: '10/8', note: '10/9' }) };
    expect(knownFrom(present, KNOWN, ['note'])).toEqual({ ...KNOWN, ...columns({ name: '10/8' }) });
  });

  test('is gone from a table that was made anew without it, so that it is another one once it is added', () => {
    const anew = columns({ id: '11/1', name: '11/2', price: '11/3' });
    const known = knownFrom(anew);
    expect(known).toEqual({ ...anew, ...columns({ note: '11/0' }) });
    expect(knownFrom(anew, known)).toEqual(known);
    expect(remade(anew, known)).toEqual([]);
    expect(remade({ ...anew, ...columns({ note: '11/4' }) }, known)).toEqual(['Note']);
  });
});
