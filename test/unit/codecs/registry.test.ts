import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../../src/model/change.ts';
import { codecs } from '../../../src/model/codecs/registry.ts';
import { sameJson } from '../../../src/model/json.ts';
import { arrayOf, column, enumOf, lookups, named, notNull, page, suppliers } from './support.ts';

const shapes = fc
  .tuple(
    fc.constantFrom(
      ...[
        'text',
        'uuid',
        'bool',
        'jsonb',
        'int2',
        'int4',
        'int8',
        'float4',
        'float8',
        'date',
        'timestamp',
      ].map((type) => column(type)),
      ...['timestamptz', 'daterange', 'tsrange', 'tstzrange', 'inet'].map((type) => column(type)),
      column('varchar', { maxLength: 3 }),
      column('numeric', { precision: 6, scale: 2 }),
      enumOf('a', 'b'),
    ),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([shape, isArray, nullable]) => {
    const whole = isArray ? arrayOf(shape) : shape;
    return nullable ? whole : notNull(whole);
  });

const moments = fc.constantFrom(
  '2026-01-02',
  '2026-01-02T03:04:00.000Z',
  '2026-01-01T00:00:00.000Z',
  '99999-12-31',
  'x',
);
const dates = fc.record({ start: moments, end: fc.option(moments) });
const values = fc.oneof(
  fc.jsonValue(),
  dates,
  fc.array(fc.integer({ min: 0, max: 300 }).map(page)),
  fc.array(fc.record({ name: fc.string(), url: fc.option(fc.webUrl(), { nil: undefined }) })),
  fc.double(),
) as fc.Arbitrary<Json>;
const texts = fc.option(
  fc.oneof(
    fc.string(),
    fc.constantFrom(
      '{a,b}',
      '{{a}}',
      '[2026-01-01,2026-01-03)',
      'empty',
      'infinity',
      't',
      '12.5',
      '2026-01-02 03:04:05+00',
    ),
  ),
);
const options = fc.constantFrom(
  named(),
  named({ relatedTable: suppliers }),
  named({ values: { a: 'A', b: 'b, c' }, relatedTable: suppliers }),
);

describe.each(Object.entries(codecs))('%s', (type, codec) => {
  test('goes by its own name', () => {
    expect(codec.type).toBe(type);
    expect(codec.writable ? Object.keys(codec.write(null) ?? {}) : [type]).toEqual([type]);
  });

  test('decode takes any value, column and present text', () => {
    fc.assert(
      fc.property(values, shapes, options, texts, (value, shape, settings, current) => {
        const outcome = codec.decode(value, shape, settings, { lookups, current });
        if (outcome.kind === 'value' && outcome.text === null) expect(shape.nullable).toBe(true);
        if (outcome.kind === 'refused') expect(outcome.fault.path).toBe('Field');
      }),
      { numRuns: 500 },
    );
  });

  test('encode takes any text, and what it gives is its own canonical value', () => {
    fc.assert(
      fc.property(texts, shapes, options, (text, shape, settings) => {
        codec.check(shape, settings);
        codec.schema(shape, settings);
        const outcome = codec.encode(text, shape, settings, lookups);
        if (outcome.kind !== 'value') return;
        expect(codec.same(outcome.value, outcome.value)).toBe(true);
        const stored = JSON.parse(JSON.stringify(outcome.value)) as Json;
        expect(sameJson(stored, outcome.value)).toBe(true);
        if (text !== null)
          expect(codec.decode(stored, shape, settings, { lookups, current: text })).toEqual({
            kind: 'value',
            text,
          });
      }),
      { numRuns: 500 },
    );
  });

  test('read, readItems, write and same take anything', () => {
    const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true });
    const contents = fc.oneof(
      anything,
      fc.array(anything),
      fc.record({
        type: fc.constantFrom('string', 'number', 'date', 'array', 'boolean'),
        number: anything,
        array: anything,
      }),
    );
    fc.assert(
      fc.property(contents, anything, values, values, (content, more, left, right) => {
        for (const property of [
          { id: 'x', type, [type]: content, has_more: more },
          { id: 'x', type: more },
          { type },
        ]) {
          const outcome = codec.read(property as never);
          if (outcome.kind === 'value') expect(JSON.stringify(outcome.value).isWellFormed()).toBe(true);
          codec.readItems([property, more] as never);
        }
        codec.write(left);
        codec.same(left, right);
      }),
      { numRuns: 500 },
    );
  });

  test('another type is a mismatch that names it', () => {
    expect(codec.read({ id: 'x', type: 'hologram', hologram: 1 })).toEqual({
      kind: 'mismatch',
      found: 'hologram',
    });
  });
});
