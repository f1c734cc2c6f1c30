import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allowedLabels } from '../../src/model/check-constraint-text.ts';
import type { ColumnShape } from '../../src/model/codecs/codec.ts';
import { codecs } from '../../src/model/codecs/registry.ts';
import { qualifiedName } from '../../src/model/ids.ts';
import { comment, configText, literal } from '../../src/model/suggestion/config-text.ts';
import type { ColumnFacts, SourceFacts } from '../../src/model/suggestion/facts.ts';
import { displayName, tableNames } from '../../src/model/suggestion/names.ts';
import { shownAs } from '../../src/model/suggestion/property-type.ts';
import { suggestMapping } from '../../src/model/suggestion/suggest-mapping.ts';
import { columnFacts, reference, sourceFacts } from '../support/source-facts.ts';
import { arrayOf, column, enumOf, notNull } from './codecs/support.ts';

const text = (name: string, more: Partial<ColumnFacts> = {}): ColumnFacts => columnFacts(name, more);
const of = (shape: ColumnShape, more: Partial<ColumnFacts> = {}): ColumnFacts =>
  columnFacts('value', { shape, type: shape.type, ...more });

/** What a column is shown as: `number lossy`, `rich_text locked`, or why not. */
function told(facts: ColumnFacts, check?: string): string {
  const shown = shownAs(facts, check === undefined ? [] : [{ columns: [facts.name], definition: check }]);
  if (shown.kind === 'left out') return `left out: ${shown.reason}`;
  const marks = [shown.type, shown.lossy && 'lossy', shown.locked !== null && 'locked', ...shown.choices];
  return marks.filter((mark) => mark !== false).join(' ');
}

describe('a column becomes the property that suits its type', () => {
  test.each<[string, ColumnFacts, string]>([
    ['an enum', of(enumOf('sad', 'glad')), 'select'],
    ['labels that differ by case alone', of(enumOf('Open', 'open')), 'rich_text'],
    ['an array of an enum', of(arrayOf(enumOf('sad', 'glad')), { dimensions: 1 }), 'multi_select'],
    ['an array of texts', of(arrayOf(column('text')), { dimensions: 1 }), 'multi_select'],
    ['an array of arrays', of(arrayOf(column('text')), { dimensions: 2 }), 'rich_text locked'],
    ['an array of numbers', of(arrayOf(column('int4')), { dimensions: 1 }), 'rich_text locked'],
    ['a boolean', of(column('bool')), 'checkbox'],
    ['an integer', of(column('int4')), 'number'],
    ['a bigint', of(column('int8')), 'number lossy'],
    ['a numeric without bounds', of(column('numeric')), 'number lossy'],
    ['a numeric that a double holds', of(column('numeric', { precision: 15, scale: 2 })), 'number'],
    ['a numeric that none holds', of(column('numeric', { precision: 16, scale: 2 })), 'number lossy'],
    ['a float', of(column('float8')), 'number'],
    ['a date', of(column('date')), 'date'],
    ['a time', of(column('timestamptz')), 'date'],
    ['days from to', of(column('daterange')), 'date'],
    ['numbers from to', of(column('int4range', { category: 'range' })), 'rich_text locked'],
    ['a uuid', of(column('uuid')), 'rich_text'],
    ['JSON', of(column('jsonb')), 'rich_text locked'],
    ['an address of a network', of(column('inet')), 'rich_text'],
    ['money, which the locale writes', of(column('money')), 'rich_text locked'],
  ])('%s', (_, facts, expected) => {
    expect(told(facts)).toBe(expected);
  });

  test.each([
    ['bytea', 'binary'],
    ['tsvector', 'search index'],
    ['xml', 'XML'],
    ['regclass', 'internal'],
    ['geometry', 'binary form'],
  ])('%s is left out with the reason', (type, reason) => {
    expect(told(of(column(type)))).toMatch(new RegExp(`^left out: .*${reason}`));
  });

  test('a composite, and a column that the role may not read, are left out', () => {
    expect(told(of(column('address'), { composite: true }))).toContain('(value).part');
    expect(told(text('secret', { readable: false }))).toContain('may not read it');
  });

  test.each([
    ['email', 'email'],
    ['billing_email', 'email'],
    ['E-Mail', 'email'],
    ['emailAddress', 'email'],
    ['email_template', 'rich_text'],
    ['website', 'url'],
    ['logoUrl', 'url'],
    ['curl', 'rich_text'],
    ['phone', 'phone_number'],
    ['phone_model', 'rich_text'],
  ])('text that is called %s becomes %s', (name, expected) => {
    expect(told(text(name))).toBe(expected);
  });

  test('a contact in an array, or in a number, is none', () => {
    expect(told(text('emails', { shape: arrayOf(column('text')), dimensions: 1 }))).toBe('multi_select');
    expect(told(text('phone', { shape: column('int8') }))).toBe('number lossy');
  });

  test('a time that PostgreSQL sets is only shown', () => {
    const shape = column('timestamptz');
    expect(told(text('createdAt', { shape, hasDefault: true }))).toBe('date locked');
    expect(told(text('updated_at', { shape }))).toBe('date');
    expect(told(text('due_at', { shape, hasDefault: true }))).toBe('date');
  });

  test.each<[string, string, string]>([
    ['a list', "CHECK ((value = ANY (ARRAY['new'::text, 'it''s'::text])))", "select new it's"],
    [
      'a list of varchar',
      "CHECK (((value)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
      'select a b',
    ],
    ["a domain's", "CHECK ((VALUE = ANY (ARRAY['A'::text, 'B'::text])))", 'select A B'],
    ['labels that differ by case alone', "CHECK ((value = ANY (ARRAY['a'::text, 'A'::text])))", 'rich_text'],
    [
      'more than a list',
      "CHECK (((value = ANY (ARRAY['a'::text])) AND (value <> ALL (ARRAY['b'::text]))))",
      'rich_text',
    ],
    ['a list of what is not in it', "CHECK ((value <> ALL (ARRAY['a'::text, 'b'::text])))", 'rich_text'],
    ['a pattern', "CHECK ((value ~ 'a|b'::text))", 'rich_text'],
    ['the pattern of an address', "CHECK ((value ~ '^[^@]+@[^@]+$'::text))", 'email'],
    ["a domain's pattern of an address", "CHECK (((VALUE)::text ~* '@'::text))", 'email'],
    ['the pattern of a URL', "CHECK ((value ~ '^https?://'::text))", 'url'],
    ['a pattern that must not be', "CHECK ((value !~ '@'::text))", 'rich_text'],
    [
      'a pattern beside something else',
      "CHECK (((value ~ '@'::text) OR (value = 'none'::text)))",
      'rich_text',
    ],
  ])('text with a CHECK that gives %s', (_, check, expected) => {
    expect(told(of(column('text')), check)).toBe(expected);
  });

  test('a label that holds what is taken away around labels is not read in part', () => {
    expect(allowedLabels("CHECK ((value = ANY (ARRAY['a'::text, '(c)'::text])))", 'value')).toBeNull();
    const likeCast = "CHECK ((value = ANY (ARRAY['a::b'::text, 'c'::text])))";
    expect(allowedLabels(likeCast, 'value')).toEqual(['a::b', 'c']);
  });

  test('whatever the column, its property takes it', () => {
    const shape = fc.record({
      type: fc.constantFrom('text', 'bool', 'int8', 'numeric', 'date', 'tstzrange', 'tier', 'json', 'hstore'),
      category: fc.constantFrom<ColumnShape['category']>(
        ...(['text', 'number', 'boolean', 'date', 'range', 'enum', 'uuid', 'json', 'other'] as const),
      ),
      array: fc.boolean(),
      nullable: fc.boolean(),
      labels: fc.array(fc.string({ maxLength: 70 }), { maxLength: 4 }),
      maxLength: fc.option(fc.nat()),
      precision: fc.option(fc.integer({ min: 1, max: 40 })),
      scale: fc.option(fc.integer({ min: -3, max: 20 })),
    });
    fc.assert(
      fc.property(shape, fc.string(), fc.nat(3), (given, name, dimensions) => {
        const shown = shownAs(columnFacts(name, { shape: given, dimensions }), []);
        if (shown.kind === 'left out') return;
        const faults = codecs[shown.type].check(given, { property: 'P', lossy: shown.lossy });
        expect(faults).toEqual([]);
      }),
    );
  });
});

/** `property < column type direction`, for each field. */
const fieldsOf = (...sources: readonly SourceFacts[]): string[] =>
  (suggestMapping(sources).tables[0]?.fields ?? []).map(
    ({ property, column: name, expression, type, direction, relatedTable }) =>
      [`${property} <`, name ?? expression, type, relatedTable, direction]
        .filter((part) => part !== null)
        .join(' '),
  );

describe('the title', () => {
  const unique = (...names: readonly string[]): Partial<SourceFacts> => ({
    uniqueKeys: names.map((name) => [name]),
  });
  const titled = (columns: readonly ColumnFacts[], more?: Partial<SourceFacts>): string =>
    fieldsOf(sourceFacts('things', columns, more)).find((line) => line.includes(' title')) ?? '';
  const filled = (name: string): ColumnFacts => text(name, { shape: notNull(column('text')) });

  test.each<[string, readonly ColumnFacts[], Partial<SourceFacts> | undefined, string]>([
    ['a name', [text('notes'), text('name')], undefined, 'Name < name title'],
    [
      'one that is filled before one that may be empty',
      [text('title'), filled('label')],
      undefined,
      'Label < label title',
    ],
    [
      'one that is unique before one that is not',
      [filled('name'), filled('title')],
      unique('title'),
      'Title < title title',
    ],
    ['a part of a name last', [filled('first_name'), filled('code')], undefined, 'Code < code title'],
    ['not the name of something else', [filled('table_name')], undefined, 'ID < id title to-notion'],
    ['unique text of any name', [filled('shelf')], unique('shelf'), 'Shelf < shelf title'],
    ['the key, without any', [text('notes')], undefined, 'ID < id title to-notion'],
    ['no array, no enum', [text('name', { shape: enumOf('a') })], undefined, 'ID < id title to-notion'],
  ])('is %s', (_, columns, more, expected) => {
    expect(titled(columns, more)).toBe(expected);
  });

  test('is an expression of a key of several columns', () => {
    const key = ['shop', 'No "1"'];
    expect(titled([filled('shop'), filled('No "1"')], { key })).toBe(
      `Name < concat_ws(' / ', "shop"::text, "No ""1"""::text) title to-notion`,
    );
  });
});

describe('keys and references', () => {
  const people = sourceFacts('people', [text('name')]);
  const owner = text('owner_id', { shape: column('uuid') });
  const toPeople = [reference(['owner_id'], people.source, ['id'])];
  const pet = sourceFacts('pets', [text('name'), owner], { foreignKeys: toPeople });

  test('a foreign key becomes a relation where both tables are chosen', () => {
    expect(fieldsOf(pet, people)).toContain('Owner < owner_id relation people');
  });

  test('else its plain value, and why', () => {
    const [table] = suggestMapping([pet]).tables;
    expect(table?.fields.at(-1)).toMatchObject({ type: 'rich_text', property: 'Owner ID' });
    expect(table?.fields.at(-1)?.remark).toContain(
      'refers to public.people, which is not among these tables',
    );
  });

  test('a table that cannot be synced is no target, and comes back with the reason', () => {
    const faults = [{ path: 'public.people', message: 'it is unlogged', remedy: 'ALTER TABLE …' }];
    const suggestion = suggestMapping([pet, { ...people, faults }]);
    expect(suggestion.unsuitable).toEqual([{ source: people.source, rows: null, faults }]);
    expect(suggestion.tables.map(({ name }) => name)).toEqual(['pets']);
    expect(fieldsOf(pet, { ...people, faults })).toContain('Owner ID < owner_id rich_text');
  });

  test('one of several columns does not tell the row', () => {
    const both = sourceFacts('stays', [text('name'), owner, text('at')], {
      foreignKeys: [reference(['owner_id', 'at'], people.source, ['id', 'name'])],
    });
    const { tables } = suggestMapping([both, people]);
    expect(tables[0]?.fields.map(({ type }) => type)).toEqual(['title', 'rich_text', 'rich_text']);
    expect(tables[0]?.fields[1]?.remark).toContain('does not tell the row by itself');
  });

  test('a made-up key is left to the id property, and other key columns are not edited', () => {
    const [table] = suggestMapping([people]).tables;
    expect(table?.leftOut).toEqual([
      { column: 'id', type: 'uuid', reason: 'the key, which the property Supabase ID shows' },
    ]);
    const code = text('code', { shape: notNull(column('text')) });
    expect(fieldsOf(sourceFacts('codes', [code, text('name')], { key: ['code'] }))).toEqual([
      'Name < name title',
      'Code < code rich_text to-notion',
    ]);
  });

  test('a key that refers to another table is a relation, and the page is called by it', () => {
    const same = sourceFacts('profiles', [owner, text('bio')], { key: ['owner_id'], foreignKeys: toPeople });
    expect(fieldsOf(same, people)).toEqual([
      'Name < "owner_id"::text title to-notion',
      'Owner < owner_id relation people to-notion',
      'Bio < bio rich_text',
    ]);
  });

  test('what PostgreSQL computes is only shown', () => {
    const computed = [
      text('name'),
      text('short', { computed: 'generated' }),
      text('number', { shape: column('int4'), computed: 'identity' }),
    ];
    expect(fieldsOf(sourceFacts('things', computed)).slice(1)).toEqual([
      'Short < short rich_text to-notion',
      'Number < number number to-notion',
    ]);
  });

  test('a column that nobody can fill in Notion is told', () => {
    const blob = text('blob', { shape: notNull(column('bytea')), type: 'bytea' });
    expect(suggestMapping([sourceFacts('things', [text('name'), blob])]).tables[0]?.remarks).toEqual([
      'a page that is made in Notion cannot become a row: nobody there can give blob, NOT NULL without a default',
    ]);
  });

  test('a table that may only be read goes to Notion only, and policies that do not apply are told', () => {
    const guarded = sourceFacts('things', [text('name')], {
      writeGrant: 'GRANT UPDATE …',
      rowSecurity: true,
      policies: ['own_rows'],
    });
    const [table] = suggestMapping([guarded]).tables;
    expect(table?.direction).toBe('to-notion');
    expect(table?.remarks.join('\n')).toMatch(/GRANT UPDATE[\s\S]*own_rows/);
  });
});

describe('names', () => {
  test.each([
    ['price_per_unit', 'Price Per Unit'],
    ['yearsInBusiness', 'Years in Business'],
    ['supplierID', 'Supplier ID'],
    ['logo_url', 'Logo URL'],
    ['E-Mail', 'E-Mail'],
    ['SHOUTED_NAME', 'Shouted Name'],
    ['имя_клиента', 'Имя Клиента'],
    ['a\nb', 'A B'],
    ['__proto__', 'Proto'],
    ['_', ''],
  ])('%j is shown as %j', (name, expected) => {
    expect(displayName(name)).toBe(expected);
  });

  test('tables differ in the variables that are named by them, and leave alone those of the report databases', () => {
    const tables = [
      ['public', 'orders'],
      ['shop', 'Orders'],
      ['public', 'conflicts'],
      ['public', 'заказы'],
      ['public', 'люди'],
      ['public', 'Straße'],
    ] as const;
    const named = tableNames(
      tables.map(([schema, relation]) => ({ schema, relation, source: qualifiedName(schema, relation) })),
    );
    expect(named).toEqual(['orders', 'shop_orders', 'public_conflicts', 'table', 'table_2', 'strasse']);
  });

  test('properties differ, whatever the columns are called', () => {
    const names = ['name', 'Name', 'NAME', 'Supabase ID', 'last_synced', 'title', '  ', '_'];
    const [table] = suggestMapping([
      sourceFacts(
        'things',
        names.map((name) => text(name)),
      ),
    ]).tables;
    const properties = (table?.fields ?? []).map(({ property }) => property.toLowerCase());
    expect(new Set([...properties, 'supabase id', 'last synced']).size).toBe(names.length + 2);
    expect(properties).not.toContain('');
    // The id of every title property.
    expect(table?.fields.map(({ property }) => property)).not.toContain('title');
  });
});

describe('the text of a configuration', () => {
  test('any text comes back out of its literal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(new Function(`return ${literal(value)}`)()).toBe(value);
      }),
    );
    expect(literal('\ud800')).toBe("'\\u{d800}'");
  });

  test('no text gets out of its comment', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(
          comment(value).filter((line) => !line.startsWith('// ') || /[\n\r\u2028\u2029]/.test(line)),
        ).toEqual([]);
      }),
    );
  });

  test('is the whole file', () => {
    const people = sourceFacts('people', [text('name', { comment: 'As they sign' }), text('tags')], {
      rows: 1200,
      comment: 'Everybody',
    });
    const faults = [{ path: 'public.log', message: 'it has no primary key', remedy: 'ALTER TABLE …;' }];
    const log = sourceFacts('log', [], { source: qualifiedName('public', 'log'), faults });
    const frame = { importFrom: 'pgnotion', database: 'app', slot: 'pgnotion_app' };
    expect(configText(suggestMapping([people, log]), frame)).toMatchInlineSnapshot(`
      "import { defineConfig } from 'pgnotion';

      // Suggested by pgnotion from the catalog of the database app. Change what you like:
      // docs/reference.md lists every option, and \`pgnotion apply\` checks them all.

      export default defineConfig({
        // Slots belong to the whole server, and another database of it has the slot \`pgnotion\`.
        slot: 'pgnotion_app',
        tables: {
          // about 1,200 rows
          people: {
            source: 'public.people',
            key: 'id',
            title: 'People',
            description: 'Everybody',
            fields: {
              // As they sign
              Name: { column: 'name', type: 'title' },
              Tags: { column: 'tags', type: 'rich_text' },
            },
            // Columns that are not mapped:
            // - id (uuid): the key, which the property Supabase ID shows
          },
        },
      });

      // Tables that cannot be synced as they are, and what changes that:
      // - public.log: it has no primary key
      //     ALTER TABLE …;
      "
    `);
  });
});
