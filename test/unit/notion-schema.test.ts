import { describe, expect, test } from 'vitest';
import type { ColumnShape, PropertyType } from '../../src/model/codecs/codec.ts';
import { codecs } from '../../src/model/codecs/registry.ts';
import { dataSourceId, qualifiedName, tableName } from '../../src/model/ids.ts';
import type { FieldMapping, ResolvedField, ResolvedTable } from '../../src/model/mapping.ts';
import { identify } from '../../src/model/schema/identify.ts';
import type { WantedProperty } from '../../src/model/schema/known.ts';
import type { NotionDataSource, SchemaProperty } from '../../src/notion/response-schemas.ts';
import { planDatabase, wantedProperties } from '../../src/notion/schema.ts';

const SOURCE = dataSourceId('0123abcd0123456789ab0123456789ab');
const OTHER = dataSourceId('1123abcd0123456789ab0123456789ab');
const PARTS = tableName('parts');
const SUPPLIERS = tableName('suppliers');

const shape: ColumnShape = {
  type: 'text',
  category: 'text',
  array: false,
  nullable: true,
  labels: [],
  maxLength: null,
  precision: null,
  scale: null,
};

function field(property: string, type: PropertyType, more: Partial<FieldMapping> = {}): ResolvedField {
  const source = { kind: 'column', column: property } as const;
  return {
    property,
    type,
    source,
    direction: 'both',
    ...more,
    codec: codecs[type],
    shape,
    required: false,
    conflict: 'lww',
  };
}

function table(fields: readonly ResolvedField[], more: Partial<ResolvedTable> = {}): ResolvedTable {
  return {
    name: PARTS,
    source: qualifiedName('public', 'parts'),
    query: null,
    where: null,
    onRowFiltered: 'trash',
    dependsOn: [],
    key: ['id'],
    direction: 'both',
    title: 'Parts',
    fields,
    idProperty: 'Supabase ID',
    lastSyncedProperty: 'Last Synced',
    statusProperty: null,
    onNotionTrash: 'review',
    onDuplicatePage: 'report',
    match: [],
    firstLink: 'postgres',
    writableColumns: [],
    replaced: [],
    checks: {},
    constraints: {},
    foreignKeys: [],
    onPostgresDelete: 'trash',
    conflict: 'lww',
    settleSeconds: null,
    columnTypes: {},
    keyTypes: ['uuid'],
    rank: 0,
    ...more,
  };
}

const entry = (id: string, type: string, body: object = {}): SchemaProperty => ({ id, type, [type]: body });

const source = (properties: Record<string, SchemaProperty>, inTrash = false): NotionDataSource => ({
  id: SOURCE,
  databaseId: 'd',
  title: 'Parts',
  properties,
  inTrash,
});

const option = (id: string, name: string) => ({ id, name, color: 'red', description: null });

/** At first contact: nothing is known yet. */
const checkDataSource = (
  actual: Readonly<Record<string, SchemaProperty>>,
  wanted: readonly WantedProperty[],
) => identify(wanted, {}, actual);

describe('a data source at first contact', () => {
  test('finds ids by name, what is missing, and what has another type', () => {
    const check = checkDataSource(
      { Name: entry('title', 'title'), Price: entry('p', 'rich_text'), Mine: entry('m', 'formula') },
      [
        { property: 'Name', type: 'title', schemaJson: { title: {} } },
        { property: 'Price', type: 'number', schemaJson: { number: {} } },
        { property: 'Stock', type: 'number', schemaJson: { number: {} } },
        { property: 'Sum', type: 'rollup', schemaJson: null },
      ],
    );
    expect(check.ids).toEqual({ Name: 'title' });
    expect(check.missing.map(({ property }) => property)).toEqual(['Stock']);
    expect(check.faults.map(({ path }) => path)).toEqual(['Price', 'Sum']);
    expect(check.faults[0]?.message).toContain('is a rich_text, the mapping says number');
    expect(check.faults.every(({ remedy }) => remedy.length > 10)).toBe(true);
  });

  test.each(['select', 'multi_select', 'status'] as const)(
    'adds options to a %s by sending those that exist with their ids',
    (type) => {
      const check = checkDataSource(
        { State: entry('s', type, { options: [option('1', 'Open'), option('2', 'Theirs')] }) },
        [
          {
            property: 'State',
            type,
            field: field('State', type),
            schemaJson: { [type]: { options: [{ name: 'Open' }, { name: 'Done' }] } },
          },
        ],
      );
      expect(check.missingOptions).toEqual([
        {
          property: 'State',
          names: ['Done'],
          schemaJson: {
            [type]: {
              options: [
                { id: '1', name: 'Open', color: 'red' },
                { id: '2', name: 'Theirs', color: 'red' },
                { name: 'Done' },
              ],
            },
          },
        },
      ]);
      expect(check.ids).toEqual({ State: 's' });
    },
  );

  test('an option that is spelled otherwise is this option, not a second one', () => {
    const state = field('State', 'select', { values: { done: 'Done' } });
    const check = checkDataSource({ State: entry('s', 'select', { options: [option('1', 'DONE')] }) }, [
      {
        property: 'State',
        type: 'select',
        field: state,
        schemaJson: { select: { options: [{ name: 'Done' }] } },
      },
    ]);
    expect(check).toMatchObject({ missingOptions: [], faults: [], deviations: [] });
    expect(check.known.State?.options).toEqual({ 1: { label: 'done', name: 'DONE' } });
  });

  test('a title under another name is a fault: there can be only one', () => {
    const check = checkDataSource({ Name: entry('title', 'title') }, [
      { property: 'Part', type: 'title', schemaJson: { title: {} } },
    ]);
    expect(check.missing).toEqual([]);
    expect(check.faults[0]?.remedy).toContain('"Part"');
  });

  test('a relation to another data source is a fault', () => {
    const relation = (target: string) => entry('r', 'relation', { data_source_id: target });
    const wanted = [
      { property: 'By', type: 'relation', schemaJson: { relation: {} }, relatedDataSource: OTHER },
    ] as const;
    expect(checkDataSource({ By: relation(OTHER.replaceAll('-', '')) }, wanted).faults).toEqual([]);
    expect(checkDataSource({ By: relation(SOURCE) }, wanted).faults).toHaveLength(1);
  });

  test("a property that only the prototype has is missing, not someone's", () => {
    const wanted = { property: 'constructor', type: 'number', schemaJson: { number: {} } } as const;
    expect(checkDataSource({}, [wanted]).missing).toEqual([wanted]);
  });
});

describe('planDatabase', () => {
  const parts = table([
    field('Part', 'title'),
    field('State', 'select', { choices: ['Open'] }),
    field('Supplier', 'relation', { relatedTable: SUPPLIERS }),
    field('Parent', 'relation', { relatedTable: PARTS }),
  ]);

  test('pgnotion adds its own two properties, unless they are fields', () => {
    const names = (one: ResolvedTable) =>
      wantedProperties(one, new Map()).map(({ property, type }) => `${property}:${type}`);
    expect(names(parts).slice(4)).toEqual(['Supabase ID:rich_text', 'Last Synced:date']);
    expect(names(table([field('Supabase ID', 'title')], { lastSyncedProperty: null }))).toEqual([
      'Supabase ID:title',
    ]);
  });

  test('creates everything in the order of the mapping, but the relations whose target is not there yet', () => {
    const plan = planDatabase(parts, null, new Map([[SUPPLIERS, OTHER]]));
    expect(Object.keys(plan.create ?? {})).toEqual([
      'Part',
      'State',
      'Supplier',
      'Supabase ID',
      'Last Synced',
    ]);
    expect(plan.create?.Supplier).toEqual({ relation: expect.objectContaining({ data_source_id: OTHER }) });
    expect(plan.update).toEqual({});
    expect(plan.waiting.map(({ property, waitsFor }) => [property, waitsFor])).toEqual([['Parent', PARTS]]);
    expect(plan.faults).toEqual([]);
  });

  test('a mapping without a title still gives the database one', () => {
    const plan = planDatabase(table([field('Price', 'number')]), null, new Map());
    expect(plan.create).toMatchObject({ Name: { title: {} } });
  });

  test('what the API cannot create is told before the database is made', () => {
    const plan = planDatabase(table([field('N', 'title'), field('Sum', 'rollup')]), null, new Map());
    expect(plan.faults.map(({ path }) => path)).toEqual(['Sum']);
  });

  test('of an existing one only what is missing is touched; what a person added is left alone', () => {
    const actual = source({
      Part: entry('title', 'title'),
      State: entry('s', 'select', { options: [option('1', 'Theirs')] }),
      'Supabase ID': entry('i', 'rich_text'),
      'Last Synced': entry('l', 'date'),
      'Their own': entry('t', 'number'),
    });
    const plan = planDatabase(parts, actual, new Map([[PARTS, SOURCE]]));
    expect(plan.create).toBeNull();
    expect(Object.keys(plan.update).sort()).toEqual(['Parent', 'State']);
    expect(plan.waiting.map(({ property }) => property)).toEqual(['Supplier']);
    const full = source({
      ...actual.properties,
      State: entry('s', 'select', { options: [option('1', 'Open')] }),
      Parent: entry('p', 'relation', { data_source_id: SOURCE }),
    });
    expect(planDatabase(parts, full, new Map([[PARTS, SOURCE]])).update).toEqual({});
  });

  test('a data source in the trash is a fault', () => {
    expect(planDatabase(parts, source({}, true), new Map()).faults[0]?.message).toContain('trash');
  });
});
