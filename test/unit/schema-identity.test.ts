import { describe, expect, test } from 'vitest';
import type { NotionProperty } from '../../src/model/codecs/codec.ts';
import { codecs } from '../../src/model/codecs/registry.ts';
import type { ResolvedField } from '../../src/model/mapping.ts';
import { differences } from '../../src/model/schema/differences.ts';
import { identify } from '../../src/model/schema/identify.ts';
import { type KnownSchema, knownByIds, type WantedProperty } from '../../src/model/schema/known.ts';
import { withOptions } from '../../src/model/schema/options.ts';
import { propertyId, propertyPath } from '../../src/model/schema/property-id.ts';
import { inRequests } from '../../src/notion/schema.ts';
import { resolvedField } from '../support/fields.ts';
import { column } from './codecs/support.ts';

const entry = (id: string, type: string, body: object = {}): NotionProperty => ({ id, type, [type]: body });
const wants = (field: ResolvedField): WantedProperty => ({
  property: field.property,
  type: field.type,
  schemaJson: field.codec.schema(field.shape, field),
  field,
});
const reading = (property: string, name: string, type: 'number' | 'rich_text' = 'number') =>
  wants(resolvedField(property, type, { source: { kind: 'column', column: name } }));
const price = reading('Price', 'price');
const cost = reading('Cost', 'cost');
/** What is known after a first contact with these properties. */
const contacted = (wanted: readonly WantedProperty[], actual: Record<string, NotionProperty>): KnownSchema =>
  identify(wanted, {}, actual).known;
const SCHEMA = { Price: entry('p', 'number'), Cost: entry('c', 'number') };

describe('a property', () => {
  test('invariant 15: keeps its id when it is renamed, and when two swap their names', () => {
    const known = contacted([price, cost], SCHEMA);
    const swapped = identify([price, cost], known, {
      Cost: entry('p', 'number'),
      Price: entry('c', 'number'),
    });
    expect(swapped).toMatchObject({ ids: { Price: 'p', Cost: 'c' }, voided: [], missing: [], moved: {} });
    expect(swapped.deviations.map(({ kind }) => kind)).toEqual(['property_renamed', 'property_renamed']);
  });

  test('invariant 15: keeps its id when another one takes its name', () => {
    const known = contacted([price], { Price: entry('p', 'number') });
    const now = identify([price], known, { Old: entry('p', 'number'), Price: entry('x', 'number') });
    expect(now).toMatchObject({ ids: { Price: 'p' }, voided: [], missing: [] });
  });

  test('invariant 15: is the same one under another name of the configuration, and so is its base', () => {
    const known = contacted([price, cost], SCHEMA);
    const followed = [reading('Unit price', 'price'), cost];
    const renamed = { 'Unit price': entry('p', 'number'), Cost: entry('c', 'number') };
    const expected = { ids: { 'Unit price': 'p', Cost: 'c' }, moved: { 'Unit price': 'Price' }, voided: [] };
    expect(identify(followed, known, renamed)).toMatchObject({ ...expected, deviations: [] });
    // Only the configuration has changed: no second property is made.
    expect(identify(followed, known, SCHEMA)).toMatchObject({ ...expected, missing: [] });
    const swapped = [reading('Cost', 'price'), reading('Price', 'cost')];
    const inNotion = { Cost: entry('p', 'number'), Price: entry('c', 'number') };
    expect(identify(swapped, identify([price, cost], known, inNotion).known, inNotion)).toMatchObject({
      ids: { Cost: 'p', Price: 'c' },
      moved: { Cost: 'Price', Price: 'Cost' },
      deviations: [],
    });
  });

  test('is another one if the configuration names another one that is there', () => {
    const known = contacted([price], { Price: entry('p', 'number') });
    const net = reading('Net', 'price');
    const now = identify([net], known, { Price: entry('p', 'number'), Net: entry('n', 'number') });
    expect(now).toMatchObject({ ids: { Net: 'n' }, moved: {}, voided: ['Net'] });
  });

  test('invariant 15: that was made anew, typed back or pointed back has a void base', () => {
    const known = contacted([price], { Price: entry('p', 'number') });
    const gone = identify([price], known, {});
    expect(gone).toMatchObject({ ids: {}, voided: [], lacking: [], faults: [] });
    expect(gone.missing.map(({ property }) => property)).toEqual(['Price']);
    expect(gone.deviations.map(({ kind }) => kind)).toEqual(['property_missing']);
    expect(identify([price], gone.known, { Price: entry('q', 'number') })).toMatchObject({
      ids: { Price: 'q' },
      voided: ['Price'],
      deviations: [],
    });
    expect(identify([price], gone.known, { Price: entry('p', 'number') }).voided).toEqual(['Price']);
    const retyped = identify([price], known, { Price: entry('p', 'select') });
    expect(retyped).toMatchObject({ ids: {}, missing: [], faults: [], voided: [] });
    expect(retyped.known.Price).toMatchObject({ interruption: 'retyped', type: 'number' });
    expect(identify([price], retyped.known, { Price: entry('p', 'number') }).voided).toEqual(['Price']);
  });

  test('invariant 16: that a field gained since the first contact has not, or not so, is told as its alone', () => {
    const known = contacted([price], { Price: entry('p', 'number') });
    const told = (wanted: readonly WantedProperty[], actual: Record<string, NotionProperty>) => {
      const { ids, deviations, voided } = identify(wanted, known, { Price: entry('p', 'number'), ...actual });
      return [Object.keys(ids), voided, deviations.map(({ property, kind }) => `${property} ${kind}`)];
    };
    expect(told([price, cost], {})).toEqual([['Price'], [], ['Cost property_missing']]);
    expect(told([price, cost], { Cost: entry('c', 'rich_text') })).toEqual([
      ['Price'],
      [],
      ['Cost property_retyped'],
    ]);
    expect(told([price, cost], { Cost: entry('c', 'number') })).toEqual([['Price', 'Cost'], ['Cost'], []]);
    const text = reading('title', 'subtitle', 'rich_text');
    const title = { Name: entry('title', 'title') };
    expect(told([price, text], title)).toEqual([['Price'], [], ['title property_missing']]);
    // Nothing is known yet: the table as a whole waits for `apply`.
    expect(identify([price, cost], {}, { Price: entry('p', 'number') })).toMatchObject({
      lacking: ['Cost'],
      deviations: [],
    });
  });

  test('that an older version has noted by its encoded id alone is no new one', () => {
    const known = knownByIds({ Price: '%7CCly' });
    const now = identify([price], known, { Renamed: entry('|Cly', 'number') });
    expect(now).toMatchObject({ ids: { Price: '|Cly' }, voided: [], missing: [] });
  });

  test('whose id is the name of another one is called by its name in requests', () => {
    const title = wants(resolvedField('Name', 'title'));
    const text = reading('title', 'subtitle', 'rich_text');
    const both = { Name: entry('title', 'title'), title: entry('t', 'rich_text') };
    expect(identify([title, text], {}, both)).toMatchObject({
      ids: { Name: 'title', title: 't' },
      keys: { Name: 'Name' },
      faults: [],
    });
    const alone = identify([title, text], {}, { Name: entry('title', 'title') });
    expect(alone.missing).toEqual([]);
    expect(alone.faults[0]?.message).toMatch(/it is the id of the property "Name"/);
  });

  test('is not made under a name that another field’s property has', () => {
    const known = contacted([price, cost], SCHEMA);
    const now = identify([price, cost], known, { Price: entry('c', 'number') });
    expect(now).toMatchObject({ ids: { Cost: 'c' }, missing: [] });
    expect(now.deviations.map(({ property, kind }) => `${property} ${kind}`)).toEqual([
      'Price property_missing',
      'Cost property_renamed',
    ]);
  });
});

describe('an option', () => {
  const stage = resolvedField('Stage', 'select', {
    shape: { ...column('stage'), category: 'enum', labels: ['open', 'done'] },
    values: { open: 'Open', done: 'Done' },
  });
  const options = (...all: readonly (readonly [string, string])[]) => ({
    Stage: entry('s', 'select', { options: all.map(([id, name]) => ({ id, name })) }),
  });
  const known = contacted([wants(stage)], options(['1', 'Open'], ['2', 'Done']));
  const read = (schema: KnownSchema, id: string, name: string) =>
    withOptions(stage, schema.Stage?.options ?? {}).codec.read({
      id: 's',
      type: 'select',
      select: { id, name },
    });

  test('invariant 15: keeps its label when it is renamed, to another label’s name too, and is written by its id', () => {
    const now = identify([wants(stage)], known, options(['1', 'Done'], ['2', 'Open']));
    expect(read(now.known, '1', 'Done')).toEqual({ kind: 'value', value: 'Open' });
    expect(read(now.known, '2', 'Open')).toEqual({ kind: 'value', value: 'Done' });
    const { codec } = withOptions(stage, now.known.Stage?.options ?? {});
    expect(codec.write('Open')).toEqual({ select: { id: '1' } });
    expect(codec.write('Other')).toEqual({ select: { name: 'Other' } });
    expect(codec.write(null)).toEqual({ select: null });
    expect(now).toMatchObject({ missingOptions: [], voided: [] });
    expect(now.deviations).toMatchObject([
      { kind: 'option_renamed', remedy: expect.stringContaining('"open": "Done"') },
    ]);
    // The configuration follows.
    const followed = { ...stage, values: { open: 'Done', done: 'Open' } };
    expect(identify([wants(followed)], now.known, options(['1', 'Done'], ['2', 'Open'])).deviations).toEqual(
      [],
    );
  });

  test('that is deleted and made anew under the same name has the same label', () => {
    const now = identify([wants(stage)], known, options(['9', 'Open'], ['2', 'Done']));
    expect(read(now.known, '9', 'Open')).toEqual({ kind: 'value', value: 'Open' });
    expect(withOptions(stage, now.known.Stage?.options ?? {}).codec.write('Open')).toEqual({
      select: { id: '9' },
    });
  });

  test('is added beside all that exist, and not at all where one request cannot name them all', () => {
    const many = Array.from({ length: 99 }, (_, at) => [`o${at}`, `Theirs ${at}`] as const);
    const one = identify([wants(stage)], known, options(...many, ['1', 'Open']));
    expect(one.missingOptions).toEqual([{ property: 'Stage', names: ['Done'], schemaJson: null }]);
    expect(one.deviations).toMatchObject([{ kind: 'option_missing' }]);
    const fits = identify([wants(stage)], known, options(...many.slice(0, 98), ['1', 'Open']));
    expect(fits.missingOptions[0]?.schemaJson).toMatchObject({ select: { options: { length: 100 } } });
  });

  test('takes no more than a hundred into one request, of all properties together', () => {
    const labels = (count: number) => ({
      select: { options: Array.from({ length: count }, (_, at) => ({ name: `${at}` })) },
    });
    const requests = inRequests({ A: labels(60), B: labels(60), C: labels(40), D: { number: {} } });
    expect(requests.map((request) => Object.keys(request))).toEqual([['A', 'C', 'D'], ['B']]);
  });
});

describe('what a page shows of the schema', () => {
  const known = contacted([price], { Price: entry('p', 'number') });
  const shown = (id: string, name: string, type = 'number') => ({ [id]: { id, name, type, [type]: null } });
  test.each([
    ['nothing new', shown('p', 'Price'), []],
    ['a rename', shown('p', 'Unit price'), ['renamed']],
    ['another type', shown('p', 'Price', 'select'), ['retyped']],
    ['a loss', shown('q', 'Price'), ['lost']],
  ] as const)('%s', (_, properties, kinds) => {
    expect(differences(known, properties).map(({ kind }) => kind)).toEqual(kinds);
  });

  test('what was out of order, and is back under its id or its name', () => {
    const missing = identify([price], known, {}).known;
    expect(differences(missing, shown('x', 'Other'))).toEqual([]);
    expect(differences(missing, shown('x', 'Price'))).toMatchObject([{ kind: 'back' }]);
    expect(differences(missing, shown('p', 'Price'))).toMatchObject([{ kind: 'back' }]);
    const retyped = identify([price], known, { Price: entry('p', 'select') }).known;
    expect(differences(retyped, shown('p', 'Price', 'select'))).toEqual([]);
    expect(differences(retyped, shown('p', 'Price'))).toMatchObject([{ kind: 'back' }]);
  });
});

test('a property id is decoded once, and encoded in paths', () => {
  expect(['%7CCly', '|Cly', 'title', '50%', 'a%3Ab'].map(propertyId)).toEqual([
    '|Cly',
    '|Cly',
    'title',
    '50%',
    'a:b',
  ]);
  expect(['|Cly', 'title'].map(propertyPath)).toEqual(['%7CCly', 'title']);
  expect(
    codecs.email.encode(`${'a'.repeat(89)}@example.com`, column('text'), { property: 'Mail' }, NOTHING),
  ).toMatchObject({ kind: 'refused', fault: { message: expect.stringContaining('100 characters') } });
});

const NOTHING = {
  pageOf: () => undefined,
  keyOf: () => undefined,
  userOf: () => undefined,
  emailOf: () => undefined,
  isAway: () => false,
};
