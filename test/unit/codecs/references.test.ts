import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fileName, files } from '../../../src/model/codecs/files.ts';
import { people } from '../../../src/model/codecs/people.ts';
import { relation } from '../../../src/model/codecs/relation.ts';
import {
  arrayOf,
  column,
  decode,
  encode,
  named,
  notNull,
  page,
  prop,
  refusal,
  round,
  suppliers,
  textIn,
  user,
  valueIn,
} from './support.ts';

const text = column('text');
const texts = arrayOf(text);
const many = (make: (number: number) => string, count: number) =>
  Array.from({ length: count }, (_, at) => make(at + 1));

describe('relation', () => {
  const to = named({ relatedTable: suppliers });

  test('keys become pages, sorted, each once', () => {
    expect(valueIn(encode(relation, 'k2', text, to))).toEqual([page(2)]);
    expect(valueIn(encode(relation, '{k2,k1,k2,NULL}', texts, to))).toEqual([page(1), page(2)]);
    expect(valueIn(encode(relation, null, text, to))).toEqual([]);
    expect(relation.write([page(1)])).toEqual({ relation: [{ id: page(1) }] });
    expect(relation.write([])).toEqual({ relation: [] });
  });

  test('a key without a page is unresolved, and the others go', () => {
    expect(encode(relation, '{k1,new}', texts, to)).toEqual({
      kind: 'unresolved',
      value: [page(1)],
      missing: [{ table: suppliers, key: 'new' }],
    });
  });

  test('pages become keys', () => {
    expect(textIn(decode(relation, [page(2)], text, to))).toBe('k2');
    expect(textIn(decode(relation, [], text, to, 'k1'))).toBeNull();
    expect(textIn(decode(relation, [page(1), page(3)], texts, to, '{k3,k2}'))).toBe('{"k3","k1"}');
    expect(textIn(decode(relation, [page(1)], texts, to, '{new,k2,NULL,k1}'))).toBe('{"new",NULL,"k1"}');
    expect(textIn(decode(relation, [], texts, to, null))).toBeNull();
    expect(textIn(decode(relation, [], notNull(texts), to, null))).toBe('{}');
  });

  test('a page that is no record yet is unresolved', () => {
    expect(decode(relation, [page(1), page(999)], texts, to)).toEqual({
      kind: 'unresolved',
      missing: [page(999)],
    });
  });

  test('refusals', () => {
    expect(refusal(decode(relation, [page(1), page(2)], text, to))).toMatch(/are 2 pages.*one record/);
    expect(refusal(decode(relation, [page(1), page(999)], text, to))).toMatch(/are 2 pages/);
    expect(refusal(decode(relation, [], notNull(text), to))).toMatch(/NOT NULL/);
    expect(
      refusal(encode(relation, `{${many((number) => `k${number}`, 101).join(',')}}`, texts, to)),
    ).toMatch(/more than 100/);
    expect(refusal(encode(relation, '{{k1}}', texts, to))).toMatch(/one-dimensional/);
    expect(refusal(encode(relation, 'k1', text))).toMatch(/names no table/);
    expect(refusal(decode(relation, [page(1)], text))).toMatch(/names no table/);
    expect(refusal(decode(relation, ['x'], text, to))).toMatch(/not a value/);
    expect(relation.check(text, named())).toHaveLength(1);
    expect(relation.check(column('int8'), to)).toEqual([]);
  });

  test('reading', () => {
    const ids = many(page, 25).map((id) => ({ id }));
    const read = (content: unknown, more = {}) => relation.read(prop('relation', content, more));
    expect(read([{ id: page(2).replaceAll('-', '').toUpperCase() }, { id: page(1) }])).toEqual({
      kind: 'value',
      value: [page(1), page(2)],
    });
    expect(read(ids.slice(0, 3), { has_more: true })).toEqual({ kind: 'truncated' });
    expect(read(ids)).toEqual({ kind: 'truncated' });
    expect(read(ids, { has_more: false })).toMatchObject({ kind: 'value' });
    expect(read(ids.slice(1))).toMatchObject({ kind: 'value' });
    expect(read([{ id: 'x' }])).toMatchObject({ kind: 'mismatch' });
    expect(relation.read(prop('people', []))).toEqual({ kind: 'mismatch', found: 'people' });
    const items = [page(2), page(1)].map((id) => ({
      object: 'property_item',
      type: 'relation',
      relation: { id },
    }));
    expect(relation.readItems(items)).toEqual([page(1), page(2)]);
    expect(relation.same([page(1), page(2)], [page(2), page(1)])).toBe(true);
    expect(relation.same([page(1)], [])).toBe(false);
  });

  test('the schema needs the data source', () => {
    expect(relation.schema(text, to)).toBeNull();
    expect(relation.schema(text, { ...to, relatedDataSource: 'd' })).toEqual({
      relation: { data_source_id: 'd', type: 'single_property', single_property: {} },
    });
  });

  test('every set of known keys comes back', () => {
    const keys = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 25 });
    fc.assert(
      fc.property(keys, (numbers) => {
        const current = `{${numbers.map((number) => `k${number}`).join(',')}}`;
        expect(round(relation, current, texts, to, current)).toBe(current);
        const sorted = numbers.toSorted((one, other) => one - other).map((number) => `"k${number}"`);
        expect(round(relation, current, notNull(texts), to)).toBe(`{${sorted.join(',')}}`);
      }),
    );
  });
});

describe('people', () => {
  test('addresses become users and come back', () => {
    expect(valueIn(encode(people, '{u2@example.com,u1@example.com}', texts))).toEqual([user(1), user(2)]);
    expect(round(people, 'u7@example.com', text)).toBe('u7@example.com');
    expect(textIn(decode(people, [user(1), user(2)], texts, named(), '{U2@Example.com,NULL}'))).toBe(
      '{"U2@Example.com",NULL,"u1@example.com"}',
    );
    expect(textIn(decode(people, [], text, named(), 'u1@example.com'))).toBeNull();
    expect(people.write([user(1)])).toEqual({ people: [{ id: user(1) }] });
    expect(valueIn(encode(people, '', text))).toEqual([]);
    expect(textIn(decode(people, [], text, named(), ''))).toBe('');
  });

  test('refusals', () => {
    expect(refusal(encode(people, 'nobody@example.com', text))).toMatch(/nobody@example.com.*invite/);
    expect(refusal(decode(people, [user(999)], text))).toMatch(/not known.*choose a member/);
    expect(refusal(decode(people, [user(1), user(2)], text))).toMatch(/are 2 references/);
    expect(refusal(decode(people, [], notNull(text)))).toMatch(/NOT NULL/);
    expect(refusal(decode(people, [user(1)], column('varchar', { maxLength: 3 })))).toMatch(/longer/);
    expect(
      refusal(encode(people, `{${many((number) => `u${number}@example.com`, 101).join(',')}}`, texts)),
    ).toMatch(/100/);
    expect(refusal(decode(people, null, text))).toMatch(/not a value/);
    expect(people.check(column('int4'), named())).toHaveLength(1);
    expect(people.check(texts, named())).toEqual([]);
  });

  test('reading', () => {
    const users = many(user, 25).map((id) => ({ object: 'user', id }));
    expect(people.read(prop('people', users))).toEqual({ kind: 'truncated' });
    expect(people.read(prop('people', users, { has_more: false }))).toEqual({ kind: 'truncated' });
    expect(people.read(prop('people', users.slice(0, 2).reverse()))).toEqual({
      kind: 'value',
      value: [user(1), user(2)],
    });
    expect(people.readItems([{ type: 'people', people: { object: 'user', id: user(1) } }])).toEqual([
      user(1),
    ]);
    expect(people.schema(text, named())).toEqual({ people: {} });
  });
});

describe('files', () => {
  const link = 'https://example.com/a/data%20sheet.pdf?x=1';

  test('addresses become external files and come back', () => {
    expect(valueIn(encode(files, link, text))).toEqual([{ name: 'data sheet.pdf', url: link }]);
    expect(round(files, link, text)).toBe(link);
    expect(round(files, `{"${link}","https://example.com/"}`, notNull(texts))).toBe(
      `{"${link}","https://example.com/"}`,
    );
    expect(files.write([{ name: 'a', url: link }, { name: 'hosted' }])).toEqual({
      files: [{ type: 'external', name: 'a', external: { url: link } }],
    });
    expect(textIn(decode(files, [], text, named(), link))).toBeNull();
    expect(textIn(decode(files, [], notNull(text)))).toBe('');
    expect(textIn(decode(files, [], notNull(texts)))).toBe('{}');
  });

  test.each([
    ['https://example.com', 'example.com'],
    ['https://example.com/a/', 'a'],
    ['https://example.com/%', '%'],
    ['https://example.com/%E4%BD%A0', '你'],
    [`https://example.com/${'a'.repeat(200)}`, 'a'.repeat(100)],
    [`https://example.com/a${'%F0%9F%98%80'.repeat(60)}`, `a${'😀'.repeat(49)}`],
  ])('%s is named %s', (address, name) => {
    expect(fileName(address)).toBe(name);
  });

  test('refusals', () => {
    expect(refusal(encode(files, 'a.pdf', text))).toMatch(/not a web address/);
    expect(refusal(encode(files, `https://example.com/${'a'.repeat(2000)}`, text))).toMatch(/2,000/);
    expect(refusal(encode(files, `{${many(() => link, 101).join(',')}}`, texts))).toMatch(/100/);
    expect(refusal(decode(files, [{ name: 'scan.pdf' }], notNull(text)))).toMatch(
      /"scan.pdf" was uploaded.*expires/,
    );
    expect(
      refusal(
        decode(
          files,
          [
            { name: 'a', url: link },
            { name: 'b', url: link },
          ],
          text,
        ),
      ),
    ).toMatch(/are 2 files/);
    expect(refusal(decode(files, ['x'], text))).toMatch(/not a value/);
    expect(files.check(column('int4'), named())).toHaveLength(1);
    expect(files.check(texts, named())).toEqual([]);
  });

  test('invariant 7: what was uploaded is neither taken into the row nor in the way of the links', () => {
    const page = [{ name: 'scan.pdf' }, { name: 'a', url: link }];
    expect(textIn(decode(files, page, texts))).toBe(`{"${link}"}`);
    expect(textIn(decode(files, page, text))).toBe(link);
    expect(textIn(decode(files, [{ name: 'scan.pdf' }], text))).toBeNull();
    expect(textIn(decode(files, [{ name: 'scan.pdf' }], texts))).toBe('{}');
    expect(files.same([{ name: 'x', url: link }], page)).toBe(true);
  });

  test('invariant 7: a write hands uploads back as Notion showed them, at their places', () => {
    const file = { url: 'https://s3.example/x?signature=1', expiry_time: '2026-05-01T00:00:00.000Z' };
    const upload = { name: 'scan.pdf', type: 'file', file };
    const linked = (name: string) => ({
      type: 'external',
      name,
      external: { url: `https://example.com/${name}` },
    });
    const extras = files.extras?.(prop('files', [linked('a'), upload]), texts);
    const write = (...names: string[]) =>
      files.write(
        names.map((name) => ({ name, url: `https://example.com/${name}` })),
        extras,
      );
    expect(write('a', 'b')).toEqual({ files: [linked('a'), upload, linked('b')] });
    expect(write()).toEqual({ files: [upload] });
    expect(files.extras?.(prop('files', [linked('a')]), texts)).toBeUndefined();
  });

  test('reading forgets addresses that expire', () => {
    const hosted = (signature: string) => ({
      name: 'a',
      type: 'file',
      file: { url: signature, expiry_time: 'soon' },
    });
    const read = (signature: string) =>
      files.read(
        prop('files', [hosted(signature), { name: 'b', type: 'external', external: { url: link } }]),
      );
    expect(read('1')).toEqual({ kind: 'value', value: [{ name: 'a' }, { name: 'b', url: link }] });
    expect(read('1')).toEqual(read('2'));
    expect(files.read(prop('files', [3]))).toMatchObject({ kind: 'mismatch' });
    expect(files.same([{ name: 'a', url: link }], [{ name: 'b', url: link }])).toBe(true);
    expect(files.schema(text, named())).toEqual({ files: {} });
  });
});
