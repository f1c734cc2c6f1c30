import { expect, test } from 'vitest';
import { foundBase, isAsSent } from '../../src/model/found-base.ts';
import { lookupsOver } from '../../src/model/page.ts';
import { resolvedField } from '../support/fields.ts';

const field = (property: string, type: 'title' | 'number') =>
  resolvedField(property, type, { source: { kind: 'column', column: property.toLowerCase() } });
const fields = [field('Name', 'title'), field('Note', 'title'), field('Price', 'number')];
const lookups = lookupsOver({ pairs: [], users: new Map() });
const sent = { Name: 'made', Note: 'as sent', Price: 1 };

test('what was sent is the base of a page that is as it was made', () => {
  const row = { Name: 'made', Note: 'as sent', Price: '1' };
  const sides = { sent, shown: { ...sent }, row, lookups };
  expect(foundBase(fields, sides)).toEqual({ baseRow: row, basePage: sent, isEdited: false });
});

test('invariant 4: what the page shows instead is an edit, and what the row holds instead has changed', () => {
  const row = { Name: 'made', Note: 'changed', Price: '1' };
  const shown = { Name: 'typed', Note: 'as sent', Price: 1 };
  expect(foundBase(fields, { sent, shown, row, lookups })).toEqual({
    baseRow: { Name: 'made', Price: '1' },
    basePage: sent,
    isEdited: true,
  });
});

test('what was not sent, or is not shown, has no base, and neither has a row that is gone', () => {
  const sides = { sent: { Name: 'made', Price: 1 }, shown: { Name: 'made', Note: 'x' }, row: null, lookups };
  expect(foundBase(fields, sides)).toEqual({ baseRow: {}, basePage: { Name: 'made' }, isEdited: false });
});

test('a page is as it was sent as long as nobody has written in what was sent', () => {
  expect(isAsSent(fields, sent, { ...sent })).toBe(true);
  expect(isAsSent(fields, { Name: 'made' }, { Name: 'made', Note: 'of a formula' })).toBe(true);
  expect(isAsSent(fields, sent, { Name: 'made' })).toBe(true);
  expect(isAsSent(fields, sent, { ...sent, Price: null })).toBe(false);
});

test('invariant 15: a field that was not sent begins empty on both sides, so that neither value passes for the other’s', () => {
  const row = { Name: 'made', Note: 'of the row', Price: '1' };
  const sides = { sent: { Name: 'made', Price: 1 }, shown: { ...sent, Note: 'typed' }, row, lookups };
  expect(foundBase(fields, sides)).toEqual({
    baseRow: { Name: 'made', Note: null, Price: '1' },
    basePage: { Name: 'made', Price: 1 },
    isEdited: false,
  });
});
