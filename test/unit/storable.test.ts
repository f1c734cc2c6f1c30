import fc from 'fast-check';
import { expect, test } from 'vitest';
import { storable } from '../../src/model/storable.ts';

test('what PostgreSQL cannot hold is replaced, wherever it stands', () => {
  expect(storable({ 'a\0': ['b\0c', { d: '\uD800x', e: 1, f: null }], g: '\uDC00' })).toEqual({
    'a\uFFFD': ['b\uFFFDc', { d: '\uFFFDx', e: 1, f: null }],
    g: '\uFFFD',
  });
});

test('all else stays the very same object', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
      const text = JSON.stringify(value);
      fc.pre(!text.includes('\\u0000'));
      expect(storable(value)).toBe(value);
    }),
  );
});

test('what comes out is stored and read back as it is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const out = storable(value);
      expect(JSON.stringify(out)).not.toMatch(/\\u0000|\\ud[89a-f]/i);
      expect(storable(out)).toBe(out);
    }),
  );
});
