import { describe, expect, test } from 'vitest';
import { driftSection } from '../../src/cli/drift.ts';
import { driftChecks } from '../../src/model/doctor/drift.ts';
import {
  DRIFT_KINDS,
  driftOf,
  driftsOfFaults,
  driftsOfFields,
  merged,
  reasonOf,
  SUSPENDING,
} from '../../src/model/drift.ts';
import { type QualifiedName, qualifiedName } from '../../src/model/ids.ts';
import type { NamedNow } from '../../src/model/known-columns.ts';
import type { DriftEntry } from '../../src/state/drift.ts';
import { resolvedField, resolvedTable } from '../support/fields.ts';

const table = resolvedTable('goods', [
  resolvedField('Name', 'title'),
  resolvedField('Note'),
  resolvedField('Notes', 'rich_text', { source: { kind: 'column', column: 'note' } }),
]);
const fault = (path: string, message = 'it is wrong') => ({ path, message, remedy: 'mend it' });
const told = (paths: readonly string[]) =>
  driftsOfFields(
    paths.map((path) => fault(path)),
    table,
  ).map(({ kind, field, pauses }) => [kind, field, pauses].join(' '));

describe('what the catalog says', () => {
  test('is about each field that reads the column, or the field that the path names', () => {
    expect(told(['public.goods.note'])).toEqual(['column_missing Note field', 'column_missing Notes field']);
    expect(told(['tables.goods.fields.Notes'])).toEqual(['column_unfit Notes field']);
    expect(told(['tables.goods.fields.Note.direction'])).toEqual(['column_unfit Note field']);
    expect(told(['public.goods Note'])).toEqual(['expression_broken Note field']);
    expect(told(['public.goods', 'tables.goods.query'])).toEqual([
      'table_changed  table',
      'table_changed  table',
    ]);
  });

  test('pauses the table where the table cannot go on without the field', () => {
    const [drift] = driftsOfFaults([fault('public.goods.name')], table);
    expect(drift).toMatchObject({ kind: 'table_changed', field: 'Name', pauses: 'table' });
    expect(SUSPENDING).toContain(drift?.kind);
  });

  test('names the statement that gives a column back', () => {
    const [drift] = driftsOfFields([fault('public.goods.note')], table);
    expect(drift?.remedy).toContain('ALTER TABLE public.goods RENAME COLUMN … TO "note"');
    expect(drift?.remedy).toContain('`pgnotion start`');
  });
});

describe('remedies that go by what was known', () => {
  const NOW = { table: null, columns: {} };
  const missing = (now: Partial<NamedNow>, of: typeof table = table, column = 'note') =>
    driftsOfFields([fault(`public.goods.${column}`)], of, { ...NOW, ...now })[0];
  const gone = { note: { name: null, type: 'character varying(20)' } };

  test('a renamed column: its name in the configuration, or the statement that gives it back', () => {
    const drift = missing({ columns: { note: { name: 'My "note"', type: 'text' } } });
    expect(drift).toMatchObject({ kind: 'column_missing', remedyKind: 'config' });
    expect(drift?.remedy).toContain('ALTER TABLE "public"."goods" RENAME COLUMN "My ""note""" TO "note";');
  });

  test('a dropped column: the statement that adds it, of its type', () => {
    const drift = missing({ columns: gone });
    expect(drift).toMatchObject({ kind: 'column_missing', remedyKind: 'sql' });
    expect(drift?.remedy).toContain('ALTER TABLE "public"."goods" ADD COLUMN "note" character varying(20);');
    expect(drift?.remedy).toContain('take what their pages show');
  });

  test('promises nothing that the pages do not give back', () => {
    const oneWay = resolvedTable('goods', [resolvedField('Note', 'rich_text', { direction: 'to-notion' })]);
    expect(missing({ columns: gone }, oneWay)?.remedy).toContain(
      'together with its values, which pages show',
    );
    const key = missing({ columns: { id: { name: null, type: 'integer' } } }, table, 'id');
    expect(key?.remedy).toContain('ADD COLUMN "id" integer;');
    expect(key?.remedy).not.toContain('take what their pages show');
  });

  test('a table that is called otherwise, or stands in another schema', () => {
    const lost = { ...fault('public.goods'), drift: 'table_missing' as const };
    const remedyOf = (name: string | null) =>
      driftsOfFaults([lost], table, { ...NOW, table: name === null ? null : qualifiedName('Old', name) })[0]
        ?.remedy;
    expect(remedyOf('wares')).toContain(
      'ALTER TABLE "Old"."wares" SET SCHEMA "public"; ALTER TABLE "public"."wares" RENAME TO "goods";',
    );
    expect(remedyOf('goods')).toContain('ALTER TABLE "Old"."goods" SET SCHEMA "public";');
    expect(remedyOf('goods')).not.toContain('RENAME TO "');
    expect(remedyOf(null)).toContain('or make it again');
    const renamed = (name: string) =>
      driftsOfFaults([lost], table, { ...NOW, table: name as QualifiedName, isSchemaGone: true })[0]?.remedy;
    expect(renamed('shop.goods')).toContain('in SQL: ALTER SCHEMA "shop" RENAME TO "public"; or');
  });
});

test('what is said twice of the same is one entry, and a remedy that stands alone is kept to the letter', () => {
  const one = driftOf('rows_hidden', { field: '', detail: 'one', remedy: 'ALTER TABLE a;' });
  const other = driftOf('rows_hidden', { field: '', detail: 'other', remedy: 'ALTER TABLE b;' });
  expect(merged([one])).toEqual([one]);
  expect(merged([one, other])).toMatchObject([
    { detail: 'one; other', remedy: 'ALTER TABLE a; ALTER TABLE b' },
  ]);
  expect(reasonOf([one, other])).toBe('one. ALTER TABLE a; other. ALTER TABLE b');
});

const entry = (given: Partial<DriftEntry>): DriftEntry => ({
  table_name: 'goods',
  property: 'Note',
  kind: 'property_renamed',
  side: 'notion',
  pauses: 'nothing',
  detail: 'the property is called "Remark"',
  remedy: 'rename it back',
  remedy_kind: 'config',
  since: new Date(0),
  ...given,
});

test('status counts the entries and shows the first, those that pause most before the others', () => {
  expect(driftSection([])).toEqual([]);
  const fields = Array.from({ length: 12 }, (_, at) => entry({ property: `P${at}` }));
  const [, head, first, ...rest] = driftSection([
    ...fields,
    entry({ property: 'Gone', kind: 'column_missing', pauses: 'field' }),
    entry({ property: '', kind: 'rows_hidden', pauses: 'table' }),
  ]);
  expect(head).toBe(
    'drift: 14 entries (pause their table: 1, pause their field: 1); `pgnotion drift list` has all, and what settles each',
  );
  expect(first).toBe('goods, Gone: the property is called "Remark". Rename it back');
  expect(rest).toHaveLength(9);
});

test('doctor warns of each table that has entries', () => {
  expect(driftChecks([])).toMatchObject([{ id: 'drift', status: 'ok' }]);
  expect(driftChecks([entry({}), entry({ property: '', table_name: '', detail: 'x' })])).toMatchObject([
    { id: 'drift.goods', status: 'warning', fix: 'rename it back' },
    { id: 'drift', status: 'warning', seen: 'x' },
  ]);
});

test('every kind says whose it is, what it pauses and how it is settled', () => {
  for (const kind of DRIFT_KINDS)
    expect(driftOf(kind, { field: '', detail: '', remedy: '' })).toMatchObject({
      kind,
      side: expect.stringMatching(/^(notion|postgres)$/),
      pauses: expect.stringMatching(/^(nothing|field|table)$/),
      remedyKind: expect.stringMatching(/^(config|sql|click|command|nothing)$/),
    });
});
