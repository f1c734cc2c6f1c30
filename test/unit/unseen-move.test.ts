import { describe, expect, test } from 'vitest';
import { tableName } from '../../src/model/ids.ts';
import type { ResolvedField } from '../../src/model/mapping.ts';
import type { KnownProperty, KnownSchema } from '../../src/model/schema/known.ts';
import { unseenMove } from '../../src/model/unseen-move.ts';

const [orders, parts] = [tableName('orders'), tableName('parts')];
const types = {
  ID: 'rich_text',
  Name: 'title',
  Amount: 'number',
  Notes: 'rich_text',
  Stage: 'status',
  Maker: 'relation',
  Urgent: 'checkbox',
};
const fields = Object.entries(types).map(([property, type]) => ({
  property,
  type,
  options: {},
})) as unknown as ResolvedField[];
const table = { name: orders, fields, idProperty: 'ID' };
const schemaOf = (has: Readonly<Record<string, string>>): KnownSchema =>
  Object.fromEntries(
    Object.entries(has).map(([name, type]) => [
      name,
      { id: name, name, type, interruption: null } as KnownProperty,
    ]),
  );
const mine: KnownSchema = {
  ...schemaOf(types),
  Stage: {
    ...(schemaOf(types).Stage as KnownProperty),
    defaultOption: 'o',
    options: { o: { label: 'Open', name: 'To do' } },
  },
};
const base = { ID: '1', Name: 'one', Amount: 5, Notes: 'a note', Stage: 'Open', Maker: ['m'], Urgent: false };
const judged = (image: object, there: Readonly<Record<string, string>> = {}, shown: object = image) =>
  unseenMove(
    table,
    base,
    { image: { ...base, ...image }, shown: { ...base, ...shown } },
    new Map([
      [orders, mine],
      [parts, schemaOf(there)],
    ]),
  );
const none = { kind: 'none' };

describe('invariant 15: a page that may have been moved to another database and back', () => {
  test('the record id that goes with other values is evidence, alone it is not', () => {
    expect(judged({ ID: '', Notes: '' })).toEqual({ kind: 'certain', lost: ['ID', 'Notes'] });
    expect(judged({ ID: '', Notes: '', Amount: 6 })).toEqual({ kind: 'certain', lost: ['ID', 'Notes'] });
    expect(judged({ ID: '' })).toEqual(none);
    expect(judged({ ID: '2', Notes: '' })).toEqual(none);
  });

  test('a relation whose target is in the trash hides no move: what Notion shows of it is gone as well', () => {
    const there = { ID: 'rich_text', Name: 'title' };
    const lost = { Notes: '', Amount: null };
    expect(judged(lost, there, { ...lost, Maker: [], Stage: 'Later' })).toMatchObject({ kind: 'likely' });
    // The relation is still there, and so the page has been nowhere else.
    expect(judged(lost, there, { ...lost, Stage: 'Later' })).toEqual(none);
  });

  test('so is the loss of all that another table’s database cannot hold', () => {
    const there = { ID: 'rich_text', Name: 'title' };
    const lost = { Amount: null, Notes: '', Maker: [] };
    expect(judged(lost, there)).toEqual({
      kind: 'likely',
      lost: ['Amount', 'Notes', 'Maker'],
      through: parts,
    });
    // Typed again since.
    expect(judged({ ...lost, Amount: 7 }, there)).toMatchObject({ kind: 'likely', lost: ['Notes', 'Maker'] });
    // Still there, or there as well.
    expect(judged({ Notes: '', Maker: [] }, there)).toEqual(none);
    expect(judged(lost, { ...there, Amount: 'rich_text' })).toMatchObject({ kind: 'likely' });
    expect(judged({ Notes: '', Maker: [] }, { ...there, Amount: 'number' })).toMatchObject({
      kind: 'likely',
    });
    expect(judged({ Maker: [] }, { ...there, Amount: 'number', Notes: 'rich_text' })).toEqual(none);
  });

  test('a status shows its default, and a checkbox is not ticked', () => {
    const image = { ...base, ID: '', Stage: 'Open', Urgent: false };
    const ticked = { ...base, Stage: 'Done', Urgent: true };
    const schemas = new Map([[orders, mine]]);
    expect(unseenMove(table, ticked, { image, shown: image }, schemas)).toEqual({
      kind: 'certain',
      lost: ['ID', 'Stage', 'Urgent'],
    });
    // Another choice is a person's.
    expect(
      unseenMove(
        table,
        ticked,
        {
          image: { ...image, Stage: 'Later', Urgent: true },
          shown: { ...image, Stage: 'Later', Urgent: true },
        },
        schemas,
      ),
    ).toEqual(none);
    expect(unseenMove(table, base, { image, shown: image }, schemas)).toEqual(none);
  });

  test('what the base never held, or the page does not show, is lost to nobody', () => {
    const image = { ID: '', Name: 'one' };
    expect(
      unseenMove(
        table,
        { ID: '1', Name: 'one', Notes: '' },
        { image: { ...image, Notes: '' }, shown: { ...image, Notes: '' } },
        new Map(),
      ),
    ).toEqual(none);
    expect(unseenMove(table, base, { image, shown: image }, new Map())).toEqual(none);
  });

  test('what was written without a look may have been lost before, and is no loss by now', () => {
    const there = { ID: 'rich_text', Name: 'title' };
    const move = (image: object, written: readonly string[]) =>
      unseenMove(
        table,
        base,
        { image: { ...base, ...image }, shown: { ...base, ...image }, written },
        new Map([
          [orders, mine],
          [parts, schemaOf(there)],
        ]),
      );
    const lost = { Notes: '', Maker: [] };
    expect(move({ ...lost, Amount: 6 }, ['Amount'])).toMatchObject({
      kind: 'likely',
      lost: ['Notes', 'Maker'],
    });
    expect(move({ Maker: [], Amount: 6, Notes: 'new' }, ['Amount', 'Notes'])).toMatchObject({
      lost: ['Maker'],
    });
    expect(move({ Amount: 6, Notes: 'new' }, ['Amount', 'Notes'])).toEqual(none);
    // One that is whole tells that the page was not there.
    expect(move({ Maker: [], Amount: 6 }, ['Amount'])).toEqual(none);
    expect(move({ ID: '', Amount: 6 }, ['Amount'])).toEqual(none);
  });
});
