import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PageImage, RowImage } from '../../src/model/change.ts';
import type { ColumnShape, PropertyType } from '../../src/model/codecs/codec.ts';
import { codecs } from '../../src/model/codecs/registry.ts';
import { fieldState } from '../../src/model/field-state.ts';
import { decodeField, encodeField } from '../../src/model/fields.ts';
import type { ConflictRule } from '../../src/model/mapping.ts';
import { type FieldVerdict, mergeField } from '../../src/model/merge.ts';
import { setChange, withChange, withoutChange } from '../../src/model/sets.ts';
import { resolvedField } from '../support/fields.ts';
import { arrayOf, column, lookups } from './codecs/support.ts';

const rules = { keyOf: String, ordered: false };
const sets = fc
  .uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'e', 'f'))
  .map((items) => items.toSorted());

test('invariant 6: two changes of a set give the same whichever is carried out first, and lose no element', () => {
  fc.assert(
    fc.property(sets, sets, sets, (base, ours, theirs) => {
      const [our, their] = [setChange(base, ours, rules), setChange(base, theirs, rules)];
      const merged = withChange(theirs, our, rules) as string[];
      expect(merged).toEqual(withChange(ours, their, rules));
      const wanted = ['a', 'b', 'c', 'd', 'e', 'f'].filter((item) =>
        base.includes(item)
          ? ours.includes(item) && theirs.includes(item)
          : ours.includes(item) || theirs.includes(item),
      );
      expect(merged).toEqual(wanted);
      expect(withoutChange(theirs, their, rules)).toEqual(base);
    }),
  );
});

const field = (
  type: PropertyType,
  shape: ColumnShape = arrayOf(column('text')),
  conflict: ConflictRule = 'lww',
) => resolvedField('Tags', type, { shape, conflict });

function verdict(
  one: ReturnType<typeof field>,
  values: {
    readonly base: readonly [string | null | undefined, unknown];
    readonly row: string;
    readonly page: unknown;
  },
  { decided = false, restore = false } = {},
): FieldVerdict {
  const image = (value: unknown) => (value === undefined ? {} : { Tags: value }) as PageImage & RowImage;
  const base = { row: image(values.base[0]), page: image(values.base[1]) };
  const sides = { base, row: { Tags: values.row }, page: image(values.page), lookups };
  return mergeField(fieldState(sides, one, { restore, decided }), () => 'hold');
}

const CHANGED = { base: ['{b,a}', ['a', 'b']], row: '{b,a,d}', page: ['a', 'b', 'c'] } as const;

test('invariant 6: an element that each side added is on both afterwards, and nobody is asked', () => {
  for (const rule of ['lww', 'manual'] as const) {
    const tags = field('multi_select', undefined, rule);
    const merged = verdict(tags, CHANGED);
    expect(merged).toMatchObject({ kind: 'merge', sets: { toPage: ['a', 'b', 'c', 'd'] } });
    if (merged.kind !== 'merge') return;
    // The row keeps its order, and what the page added comes last.
    expect(decodeField(tags, merged.sets.toRow, lookups, CHANGED.row)).toEqual({
      kind: 'value',
      text: '{"b","a","d","c"}',
    });
    expect(decodeField(tags, merged.sets.baseOfRow, lookups, CHANGED.base[0])).toEqual({
      kind: 'value',
      text: '{"b","a","c"}',
    });
  }
});

test('one side takes an element away and the other adds one; both take the same away', () => {
  const tags = field('multi_select');
  const base = ['{a,b}', ['a', 'b']] as const;
  expect(verdict(tags, { base, row: '{b}', page: ['a', 'b', 'c'] })).toMatchObject({
    kind: 'merge',
    sets: { toPage: ['b', 'c'], toRow: ['b', 'c'] },
  });
  expect(verdict(tags, { base, row: '{b}', page: ['b'] })).toEqual({ kind: 'agree' });
  expect(verdict(tags, { base, row: '{b,x}', page: ['b', 'y'] })).toMatchObject({
    kind: 'merge',
    sets: { toPage: ['b', 'x', 'y'] },
  });
});

test('invariant 6: of a set that only one side has a base of, neither side loses what it alone put there', () => {
  const tags = field('multi_select');
  const made = { base: [null, undefined], row: '{a}', page: ['b'] } as const;
  const both = { kind: 'merge', sets: { toPage: ['a', 'b'], toRow: ['a', 'b'] } } as const;
  expect(verdict(tags, made)).toMatchObject(both);
  // A default that the row was made with, where its page did not show the field.
  expect(verdict(tags, { ...made, base: ['{a}', undefined] })).toMatchObject(both);
  // The page was made of a row that has changed since, and a person has written in it.
  expect(verdict(tags, { ...made, base: [undefined, ['old']], page: ['old', 'b'] })).toMatchObject(both);
  expect(verdict(tags, { ...made, base: [undefined, ['old']], page: ['old'] })).toMatchObject({
    kind: 'to-page',
  });
});

test('a set without any base, one that the page shows nothing of, or one that a side is named for is the row’s', () => {
  const made = { base: [null, undefined], row: '{a}', page: ['b'] } as const;
  const toPage = { kind: 'to-page', conflict: false };
  expect(verdict(field('multi_select'), { ...made, base: [undefined, undefined] })).toEqual(toPage);
  expect(verdict(field('multi_select'), { ...made, page: [] })).toEqual(toPage);
  expect(verdict(field('multi_select'), made, { restore: true })).toEqual(toPage);
  expect(verdict(field('multi_select'), made, { decided: true })).toEqual(toPage);
  expect(verdict(field('multi_select', undefined, 'postgres'), made)).toEqual(toPage);
  // A first meeting that waits for a person is not merged in passing.
  expect(verdict(field('multi_select'), { ...made, base: [undefined, null] })).toEqual({ kind: 'held' });
});

test('a field whose own rule names a side, a decided one and a single value are no sets to merge', () => {
  for (const rule of ['postgres', 'notion'] as const)
    expect(verdict(field('multi_select', undefined, rule), CHANGED)).toEqual({ kind: 'held' });
  expect(verdict(field('multi_select'), CHANGED, { decided: true })).toEqual({ kind: 'held' });
  const single = field('files', column('text'));
  const files = (...urls: string[]) => urls.map((url) => ({ name: 'f', url }));
  expect(
    verdict(single, {
      base: ['https://a.example/f', files('https://a.example/f')],
      row: 'https://b.example/f',
      page: files('https://c.example/f'),
    }),
  ).toEqual({ kind: 'held' });
});

test('links of a files property are merged in their order, and an upload stays where it is', () => {
  const files = field('files');
  const link = (name: string) => ({ name, url: `https://x.example/${name}` });
  const merged = verdict(files, {
    base: ['{https://x.example/a}', [link('a')]],
    row: '{https://x.example/a,https://x.example/d}',
    page: [link('a'), { name: 'photo.png' }, link('c')],
  });
  expect(merged).toMatchObject({
    kind: 'merge',
    sets: { toPage: [link('a'), { name: 'photo.png' }, link('c'), link('d')] },
  });
  if (merged.kind !== 'merge') return;
  expect(decodeField(files, merged.sets.toRow, lookups, null)).toEqual({
    kind: 'value',
    text: '{"https://x.example/a","https://x.example/d","https://x.example/c"}',
  });
});

test('every type of several elements has rules to merge by', () => {
  const several = Object.values(codecs).filter(({ elements }) => elements !== undefined);
  expect(several.map(({ type }) => type).toSorted()).toEqual(['files', 'multi_select', 'people', 'relation']);
  expect(encodeField(field('multi_select'), '{a}', lookups)).toEqual({ kind: 'value', value: ['a'] });
});
