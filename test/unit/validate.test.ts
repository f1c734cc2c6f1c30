import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/model/change.ts';
import { checkConstraintText } from '../../src/model/check-constraint-text.ts';
import type { ColumnShape, Decoded, PropertyType } from '../../src/model/codecs/codec.ts';
import { decodeField } from '../../src/model/fields.ts';
import type { ResolvedField } from '../../src/model/mapping.ts';
import { lookupsOver } from '../../src/model/page.ts';
import { keptIn, validate } from '../../src/model/validate.ts';
import { resolvedField } from '../support/fields.ts';

const SHAPE: ColumnShape = {
  type: 'text',
  category: 'text',
  array: false,
  nullable: false,
  labels: [],
  maxLength: null,
  precision: null,
  scale: null,
};
const number = (type: string, more: Partial<ColumnShape> = {}): Partial<ColumnShape> => ({
  type,
  category: 'number',
  ...more,
});
const PRICE = number('numeric', { precision: 10, scale: 2 });
const STATE: Partial<ColumnShape> = { type: 'state', category: 'enum', labels: ['open', 'in,side', 'done'] };

const field = (
  type: PropertyType,
  shape: Partial<ColumnShape>,
  more: Partial<ResolvedField> = {},
): ResolvedField => resolvedField('P', type, { shape: { ...SHAPE, ...shape }, ...more });

const NOTHING = lookupsOver({ pairs: [], users: new Map() });

const judge = (one: ResolvedField, value: Json, current?: string | null): Decoded =>
  validate(one, value, decodeField(one, value, NOTHING, current ?? null), current);

const wrongIn = (decoded: Decoded): string | undefined =>
  decoded.kind === 'refused' ? decoded.fault.told?.wrong : undefined;

describe('what a column does not take is said in words of Notion', () => {
  test.each<[string, ResolvedField, Json, string]>([
    ['an empty number', field('number', PRICE), null, 'must not be empty'],
    ['an empty choice', field('select', STATE), null, 'must not be empty'],
    ['an empty date', field('date', { type: 'date', category: 'date' }), null, 'must not be empty'],
    ['a third decimal place', field('number', PRICE), 1.005, 'must have at most 2 decimal places'],
    ['a number too large', field('number', PRICE), 100000000, 'must be from -99999999.99 to 99999999.99'],
    [
      'a fraction for numeric(4,0)',
      field('number', number('numeric', { precision: 4, scale: 0 })),
      1.5,
      'must be a whole number',
    ],
    [
      'digits for numeric(2,2)',
      field('number', number('numeric', { precision: 2, scale: 2 })),
      1,
      'must be from -0.99 to 0.99',
    ],
    ['a fraction for an integer', field('number', number('int4')), 1.5, 'must be a whole number'],
    ['a large integer', field('number', number('int2')), 40000, 'must be from -32768 to 32767'],
    ['a text for a number', field('rich_text', number('int4')), 'many', 'must be a whole number'],
    ['a text for a decimal', field('rich_text', PRICE), 'many', 'must be a number'],
    [
      'a text that is too long',
      field('rich_text', { type: 'varchar', maxLength: 3 }),
      'four',
      'must have at most 3 characters, and has 4',
    ],
    [
      'a title that is too long',
      field('title', { type: 'bpchar', maxLength: 2 }),
      '𝒳𝒳𝒳',
      'must have at most 2 characters, and has 3',
    ],
    ['an unknown label', field('select', STATE), 'lost', 'must be one of open, in\u201aside, done'],
    [
      'an unknown label beside mapped ones',
      field('select', STATE, { values: { open: 'Open', done: 'Done' } }),
      'Lost',
      'must be one of Open, in\u201aside, Done',
    ],
    ['a label with a blank', field('select', STATE), 'open ', 'must be one of open, in\u201aside, done'],
    ['a text for an enum', field('rich_text', STATE), 'lost', 'must be one of open, in\u201aside, done'],
    [
      'no UUID',
      field('rich_text', { type: 'uuid', category: 'uuid' }),
      'x',
      'must be a UUID: 32 hexadecimal digits with dashes',
    ],
    [
      'no boolean',
      field('rich_text', { type: 'bool', category: 'boolean' }),
      'maybe',
      'must be true or false',
    ],
    [
      'no date',
      field('rich_text', { type: 'date', category: 'date' }),
      '1/2/26',
      'must be a date such as 2026-01-31',
    ],
    ['no JSON', field('rich_text', { type: 'jsonb', category: 'json' }), '{', 'must be valid JSON'],
    [
      'an unknown label in a list',
      field('multi_select', { ...STATE, array: true }),
      ['open', 'lost'],
      'must be one of open, in\u201aside, done',
    ],
    [
      'a date with an end',
      field('date', { type: 'date', category: 'date' }),
      { start: '2026-01-01', end: '2026-01-02' },
      '"2026-01-01 to 2026-01-02" has an end, and the date column holds one date',
    ],
  ])('%s', (_title, one, value, wrong) => {
    expect(wrongIn(judge(one, value))).toBe(wrong);
  });
});

test.each<[string, ResolvedField, Json, string | null]>([
  ['a number', field('number', PRICE), 12.5, '12.5'],
  ['trailing zeros', field('rich_text', PRICE), '1.500', '1.500'],
  ['the longest text', field('rich_text', { type: 'varchar', maxLength: 3 }), 'abc', 'abc'],
  ['an emptied text where NULL is not allowed', field('rich_text', {}), null, ''],
  ['nothing where NULL is allowed', field('number', { ...PRICE, nullable: true }), null, null],
  ['a label with a comma', field('select', STATE), 'in\u201aside', 'in,side'],
])('%s passes', (_title, one, value, text) => {
  expect(judge(one, value)).toEqual({ kind: 'value', text });
});

test('what a reverse transform makes is judged, since a cast would round or cut it in silence', () => {
  const times = (factor: number) => (text: string | null) => text && String(Number(text) * factor);
  const price = field('number', PRICE, { transform: times(1000), reverseTransform: times(1 / 1000) });
  expect(wrongIn(judge(price, 5))).toBe('must have at most 2 decimal places');
  expect(judge(price, 50)).toEqual({ kind: 'value', text: '0.05' });
  const none = field(
    'rich_text',
    { nullable: false },
    { transform: (text) => text, reverseTransform: () => null },
  );
  expect(wrongIn(judge(none, 'x'))).toBe('must not be empty');
});

test('what the row holds already is not judged: an older rule may have let it in', () => {
  const code = field('rich_text', { type: 'varchar', maxLength: 3 });
  expect(judge(code, 'older', 'older')).toEqual({ kind: 'value', text: 'older' });
});

describe('what PostgreSQL kept', () => {
  test.each<[string, ResolvedField, string | null | undefined, string | undefined]>([
    ['a number, with all of its digits', field('number', PRICE), '12.50', '12.50'],
    ['a text, in quotes', field('rich_text', {}), 'Brine', '"Brine"'],
    ['a label, by its name in Notion', field('select', STATE, { values: { open: 'Open' } }), 'open', 'Open'],
    ['a tick', field('checkbox', { type: 'bool', category: 'boolean' }), 'f', 'unticked'],
    ['NULL', field('number', { ...PRICE, nullable: true }), null, 'nothing'],
    ['no id', field('relation', {}), '42', undefined],
    ['no row', field('number', PRICE), undefined, undefined],
    ['a date', field('date', { type: 'date', category: 'date' }), '2026-01-31', '2026-01-31'],
  ])('%s', (_title, one, current, kept) => {
    expect(keptIn(one, current).kept).toBe(kept);
  });
});

describe('a CHECK in words', () => {
  const names = {
    column: 'price',
    propertyOf: (column: string) => (column === 'cost' ? 'Cost' : null),
    labelOf: (label: string) => label.toUpperCase(),
  };
  test.each<[string, string | null]>([
    ['CHECK ((price >= (0)::numeric))', 'must be at least 0'],
    ['CHECK ((price > 0)) NOT VALID', 'must be more than 0'],
    ["CHECK ((price > '-1'::integer))", 'must be more than -1'],
    [
      'CHECK (((price >= (0)::numeric) AND (price <= (5)::numeric)))',
      'must be at least 0 and must be at most 5',
    ],
    ["CHECK ((price <> ''::text))", 'must not be empty'],
    ["CHECK (((price)::text <> ''::text))", 'must not be empty'],
    ['CHECK ((price >= cost))', 'must be at least Cost'],
    ['CHECK ((cost <= price))', 'must be at least Cost'],
    ['CHECK ((price >= hidden))', null],
    ['CHECK ((char_length(price) = 3))', 'must have exactly 3 characters'],
    ['CHECK ((length((price)::text) <= 20))', 'must have at most 20 characters'],
    ['CHECK ((length(btrim(price)) > 0))', 'must not be empty'],
    ["CHECK ((price = ANY (ARRAY['a'::text, 'b'::text])))", 'must be one of A, B'],
    [
      "CHECK (((price)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[])))",
      "must be one of A, IT'S",
    ],
    ["CHECK ((VALUE ~ '^[A-Z]{3}$'::text))", 'must match the pattern ^[A-Z]{3}$'],
    ["CHECK (((VALUE)::numeric >= '0'::numeric))", 'must be at least 0'],
    ['CHECK (((price > 0) OR (cost > 0)))', null],
    ['CHECK (is_price(price))', null],
    ['CHECK ((lower(price) = price))', null],
    [`CHECK ((price = ANY (ARRAY['Std::Vec'::text, 'plain'::text])))`, 'must be one of STD::VEC, PLAIN'],
    [`CHECK ((price <> 'a::text'::text))`, 'must not be A::TEXT'],
    ['', null],
  ])('%s', (definition, words) => {
    expect(checkConstraintText(definition, names)).toBe(words);
  });
});
