import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  dataSourceId,
  formatLsn,
  keyParts,
  lsn,
  pageId,
  parseLsn,
  parseQualified,
  qualifiedName,
  rowKey,
  splitQualified,
} from '../../src/model/ids.ts';

test('a key of one column is its text, whatever that looks like', () => {
  for (const text of ['', '7', '["a","b"]', 'a/b', 'null', '{}']) {
    expect(rowKey([text])).toBe(text);
    expect(keyParts(rowKey([text]), 1)).toEqual([text]);
  }
});

test('a key of several columns comes apart into the same texts in the same order', () => {
  expect(rowKey(['a', '1,"2'])).toBe('["a","1,\\"2"]');
  const parts = fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      expect(keyParts(rowKey(one), one.length)).toEqual(one);
      if (rowKey(one) === rowKey(other)) expect(one).toEqual(other);
    }),
  );
});

test.each([pageId, dataSourceId])('an id has one spelling, whichever Notion or a person gave', (id) => {
  const plain = '0123456789abcdef0123456789abcdef';
  const dashed = '01234567-89ab-cdef-0123-456789abcdef';
  for (const text of [plain, dashed, plain.toUpperCase(), dashed.toUpperCase()])
    expect(id(text)).toBe(dashed);
});

test.each(['', '0123', `${'0'.repeat(31)}g`, '0'.repeat(33), ` ${'0'.repeat(32)}`, "'; drop table x --"])(
  'no Notion id: %j',
  (text) => {
    expect(() => pageId(text)).toThrow(TypeError);
  },
);

test('an LSN goes through its text unchanged, over the whole range', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      expect(parseLsn(formatLsn(lsn(value)))).toBe(value);
    }),
  );
});

test.each([
  ['0/0', 0n],
  ['0/1A', 26n],
  ['00000000/0000001A', 26n],
  ['16/b374d848', 0x16b374d848n],
  ['FFFFFFFF/FFFFFFFF', 2n ** 64n - 1n],
])('both spellings of an LSN are read: %s', (text, value) => {
  expect(parseLsn(text)).toBe(value);
});

test.each(['', '0', '/', '0/', 'g/0', '0/123456789', '0/0 ', '-1/0', '0/0/0'])('no LSN: %j', (text) => {
  expect(() => parseLsn(text)).toThrow(TypeError);
});

test('LSNs are written as PostgreSQL writes them, without leading zeros', () => {
  expect(formatLsn(parseLsn('00000016/0B374D84'))).toBe('16/B374D84');
  expect(parseLsn('0/FFFFFFFF') < parseLsn('1/0')).toBe(true);
});

test('a qualified name is schema, dot, table', () => {
  expect(qualifiedName('public', 'we"ird Table')).toBe('public.we"ird Table');
  expect(qualifiedName('my.schema', '"quoted"')).toBe('"my.schema"."""quoted"""'.replaceAll('\\', ''));
});

test('any two names come apart as they were joined, and no other pair is written so', () => {
  const names = fc.string({ minLength: 1, unit: fc.constantFrom('.', '"', 'a', 'B', ' ', '%', 'é', '\\') });
  fc.assert(
    fc.property(names, names, (schema, table) => {
      const name = qualifiedName(schema, table);
      expect(splitQualified(name)).toEqual([schema, table]);
      expect(parseQualified(name)).toBe(name);
    }),
  );
});

test.each([
  ['public.suppliers', ['public', 'suppliers']],
  ['"public"."suppliers"', ['public', 'suppliers']],
  ['public."Doc. Lines"', ['public', 'Doc. Lines']],
  ['"my.schema".My Table', ['my.schema', 'My Table']],
  ['"a""b"."c.d"', ['a"b', 'c.d']],
])('%s is read as SQL reads it', (text, parts) => {
  const name = parseQualified(text);
  expect(name === null ? null : splitQualified(name)).toEqual(parts);
});

test.each(['', 'suppliers', 'a.b.c', '.b', 'a.', '""."b"', '"a.b', '"a"b.c', 'a."b"c'])(
  'no schema and table: %j',
  (text) => {
    expect(parseQualified(text)).toBeNull();
  },
);
