import { describe, expect, test } from 'vitest';
import { type RowKey, tableName } from '../../src/model/ids.ts';
import type { ResolvedField } from '../../src/model/mapping.ts';
import { type PagePlan, type PageState, planPage, targetsOf } from '../../src/model/plan.ts';
import { resolvedField, resolvedTable } from '../support/fields.ts';
import { arrayOf, column, lookups, page } from './codecs/support.ts';

const suppliers = tableName('suppliers');
const supplier = resolvedField('Supplier', 'relation', { relatedTable: suppliers });
const several = resolvedField('Suppliers', 'relation', {
  relatedTable: suppliers,
  shape: arrayOf(column('text')),
});
const name = resolvedField('Name', 'title');
const rating = resolvedField('Rating', 'number');

const EMPTY: PagePlan = {
  writes: {},
  partial: new Set(),
  agreed: [],
  merged: new Map(),
  handedOver: [],
  conflicts: [],
  held: [],
  missing: [],
  faults: [],
};

const nobody = (): never => expect.fail('nobody need be asked who wins');

function plan(
  fields: readonly ResolvedField[],
  state: Partial<PageState> & Pick<PageState, 'row'>,
): PagePlan {
  return planPage({
    table: resolvedTable('products', fields),
    base: { row: {}, page: {} },
    page: null,
    seen: true,
    restore: [],
    lookups,
    decided: new Set(),
    withheld: new Set(),
    judge: nobody,
    ...state,
  });
}

describe('a page that is to be made', () => {
  test('takes every field that travels to Notion, NULLs too, and asks nobody who wins', () => {
    const inward = resolvedField('Formula', 'formula', { direction: 'to-postgres' });
    const fields = [name, rating, inward, supplier];
    const row = { Name: 'Ore', Rating: null, Formula: 'x', Supplier: 'k7' };
    expect(plan(fields, { row })).toEqual({
      ...EMPTY,
      writes: { Name: 'Ore', Rating: null, Supplier: [page(7)] },
    });
  });

  test('is written without the relation whose target has no page yet, which stays unfinished', () => {
    const row = { Name: 'Ore', Supplier: 'k999' };
    expect(plan([name, supplier], { row })).toEqual({
      ...EMPTY,
      writes: { Name: 'Ore', Supplier: [] },
      partial: new Set(['Supplier']),
      missing: [{ table: suppliers, key: 'k999' }],
    });
  });

  test('gets all that can be held; a value that cannot is told with its property', () => {
    const made = plan([name, rating], { row: { Name: 'Ore', Rating: 'NaN' } });
    expect(made.writes).toEqual({ Name: 'Ore' });
    expect(made.faults).toMatchObject([{ path: 'Rating' }]);
  });
});

describe('a page that exists', () => {
  const base = { row: { Name: 'Ore', Rating: '1' }, page: { Name: 'Ore', Rating: 1 } };

  test('invariant 6: is left alone where neither side changed', () => {
    expect(plan([name, rating], { base, row: base.row, page: base.page })).toEqual(EMPTY);
  });

  test('invariant 6: gets the changed field alone', () => {
    const made = plan([name, rating], { base, row: { ...base.row, Rating: '2' }, page: base.page });
    expect(made).toEqual({ ...EMPTY, writes: { Rating: 2 } });
  });

  test('is handed over where a person was last, and written where the row was', () => {
    const row = { Name: 'Row', Rating: '2' };
    const seen = { Name: 'Page', Rating: 3 };
    const lost = plan([name, rating], { base, row, page: seen, judge: () => 'notion' });
    expect(lost).toEqual({ ...EMPTY, handedOver: ['Name', 'Rating'], conflicts: ['Name', 'Rating'] });
    const won = plan([name, rating], { base, row, page: seen, judge: () => 'postgres' });
    expect(won).toEqual({ ...EMPTY, writes: { Name: 'Row', Rating: 2 }, conflicts: ['Name', 'Rating'] });
  });

  test('a field that waits for a person is left alone, and the others go on', () => {
    const row = { Name: 'Row', Rating: '2' };
    const made = plan([name, rating], {
      base,
      row,
      page: { Name: 'Page', Rating: 1 },
      judge: (field, rowChanged) => (field.property === 'Name' && rowChanged ? 'hold' : 'notion'),
    });
    expect(made).toEqual({ ...EMPTY, writes: { Rating: 2 }, held: ['Name'] });
  });

  test('one field’s conflict holds back no other', () => {
    const row = { Name: 'Row', Rating: '2' };
    const made = plan([name, rating], {
      base,
      row,
      page: { Name: 'Page', Rating: 1 },
      judge: () => 'notion',
    });
    expect(made).toEqual({ ...EMPTY, writes: { Rating: 2 }, handedOver: ['Name'], conflicts: ['Name'] });
  });

  test('moves the base alone where both hold the same now', () => {
    const row = { ...base.row, Rating: '2' };
    expect(plan([name, rating], { base, row, page: { ...base.page, Rating: 2 } })).toEqual({
      ...EMPTY,
      agreed: ['Rating'],
    });
  });

  test('gets what was asked for, though the row did not change it', () => {
    const seen = { ...base.page, Name: 'typed over' };
    const asked = { base, row: base.row, page: seen, restore: ['Name'] };
    expect(plan([name], { ...asked, judge: () => 'postgres' }).writes).toEqual({ Name: 'Ore' });
    const locked = resolvedField('Name', 'title', { direction: 'to-notion' });
    expect(plan([locked], asked)).toEqual({ ...EMPTY, writes: { Name: 'Ore' } });
  });

  test('invariant 15: what a page that was seen does not show is neither read nor written', () => {
    const shown = { page: { Name: 'Ore' }, seen: true, restore: ['Rating'] };
    expect(plan([name, rating], { base, row: { ...base.row, Rating: '2' }, ...shown })).toEqual(EMPTY);
  });

  test('what the base of a page does not tell was changed by nobody: it is written if the row changed', () => {
    const without = { Name: 'Ore' };
    const unseen = { base, page: without, seen: false };
    expect(plan([name, rating], { ...unseen, row: base.row })).toEqual(EMPTY);
    const made = plan([name, rating], { ...unseen, row: { ...base.row, Rating: '2' } });
    expect(made).toEqual({ ...EMPTY, writes: { Rating: 2 } });
  });

  test('a field that is new in the mapping is written, and no conflict', () => {
    const old = { row: { Name: 'Ore' }, page: { Name: 'Ore' } };
    const made = plan([name, rating], { base: old, row: base.row, page: { Name: 'Ore', Rating: null } });
    expect(made).toEqual({ ...EMPTY, writes: { Rating: 1 } });
  });

  test('a value that cannot be held is told, in a conflict too, and leaves the page as it is', () => {
    const row = { ...base.row, Rating: 'Infinity' };
    const seen = { ...base.page, Rating: 9 };
    const made = plan([name, rating], { base, row, page: seen, judge: () => 'postgres' });
    expect(made).toMatchObject({ writes: {}, conflicts: ['Rating'], faults: [{ path: 'Rating' }] });
  });
});

describe('relations whose targets have no page yet', () => {
  const row = { Suppliers: '{k1,k999}' };

  test('are written as far as they go', () => {
    const base = { row: { Suppliers: '{}' }, page: { Suppliers: [] } };
    expect(plan([several], { base, row, page: base.page })).toEqual({
      ...EMPTY,
      writes: { Suppliers: [page(1)] },
      partial: new Set(['Suppliers']),
      missing: [{ table: suppliers, key: 'k999' }],
    });
  });

  test('cost no request while the page already holds what there is', () => {
    // The base of the row stays behind as long as the relation is not whole.
    const base = { row: { Suppliers: '{}' }, page: { Suppliers: [page(1)] } };
    expect(plan([several], { base, row, page: base.page })).toEqual({
      ...EMPTY,
      partial: new Set(['Suppliers']),
      missing: [{ table: suppliers, key: 'k999' }],
    });
  });

  test('an emptied relation that the row overrules: until the target has a page, the page is as its base says', () => {
    const made = plan([supplier], {
      base: { row: { Supplier: 'k7' }, page: { Supplier: [page(7)] } },
      row: { Supplier: 'k999' },
      page: { Supplier: [] },
      judge: () => 'postgres',
    });
    expect(made).toEqual({
      ...EMPTY,
      agreed: ['Supplier'],
      partial: new Set(['Supplier']),
      conflicts: ['Supplier'],
      missing: [{ table: suppliers, key: 'k999' }],
    });
  });

  test('two records that point to each other: the first is made unfinished, the second whole, the first is finished', () => {
    const pages = new Map<string, ReturnType<typeof page>>();
    const own = { ...lookups, pageOf: (_: unknown, key: RowKey) => pages.get(key) };
    const peer = resolvedField('Supplier', 'relation', { relatedTable: tableName('products') });
    const first = plan([peer], { row: { Supplier: 'b' }, lookups: own });
    expect([first.writes, [...first.partial]]).toEqual([{ Supplier: [] }, ['Supplier']]);
    pages.set('a', page(1));
    const second = plan([peer], { row: { Supplier: 'a' }, lookups: own });
    expect(second).toEqual({ ...EMPTY, writes: { Supplier: [page(1)] } });
    pages.set('b', page(2));
    const again = plan([peer], {
      row: { Supplier: 'b' },
      base: { row: {}, page: { Supplier: [] } },
      page: { Supplier: [] },
      lookups: own,
    });
    expect(again).toEqual({ ...EMPTY, writes: { Supplier: [page(2)] } });
  });
});

test('the targets of a row are what its relations name, whether they have pages or not', () => {
  const none = { ...lookups, pageOf: () => undefined };
  const inward = resolvedField('Inward', 'relation', { relatedTable: suppliers, direction: 'to-postgres' });
  const fields = [name, supplier, several, inward];
  const row = { Name: 'k5', Supplier: 'k1', Suppliers: '{k2,k3}', Inward: 'k4' };
  expect(targetsOf(resolvedTable('products', fields), row, none)).toEqual(
    ['k1', 'k2', 'k3'].map((key) => ({ table: suppliers, key })),
  );
  expect(targetsOf(resolvedTable('products', fields), {}, none)).toEqual([]);
});
