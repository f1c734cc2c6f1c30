import { describe, expect, test } from 'vitest';
import { judgeMatch, matchFaults, matchTypeFaults, matchValuesOf } from '../../src/model/adoption.ts';
import type { PageValue, SqlText } from '../../src/model/change.ts';
import { type FirstMeeting, firstLink } from '../../src/model/first-link.ts';
import { type PageId, type RowKey, rowKey } from '../../src/model/ids.ts';
import type { FirstLinkRule } from '../../src/model/mapping.ts';
import { heldPage, heldRow } from '../../src/model/match-failures.ts';
import { lookupsOver } from '../../src/model/page.ts';
import { resolvedField, resolvedTable } from '../support/fields.ts';
import { column } from './codecs/support.ts';

const page = (n: number): PageId => `00000000-0000-0000-0000-00000000000${n}` as PageId;
const row = (key: string, taken = false): { readonly key: RowKey; readonly taken: boolean } => ({
  key: rowKey([key]),
  taken,
});

describe('pages and rows that hold the same', () => {
  test.each([
    ['one of each', [page(1)], [row('7')], { kind: 'pair', page: page(1), key: '7' }],
    ['a page alone', [page(1)], [], { kind: 'new', page: page(1) }],
    ['two rows', [page(1)], [row('7'), row('8')], { kind: 'ambiguous' }],
    ['a row with a page', [page(1)], [row('7', true)], { kind: 'ambiguous' }],
    ['two pages and a row', [page(1), page(2)], [row('7')], { kind: 'duplicate' }],
    ['two pages and no row', [page(1), page(2)], [], { kind: 'duplicate' }],
  ] as const)('%s', (_, pages, rows, verdict) => {
    expect(judgeMatch({ pages, rows })).toMatchObject(verdict);
  });

  test('what a person is told names the pages, the rows and the commands', () => {
    const table = resolvedTable('people', [resolvedField('Email', 'email')], { match: ['email'] });
    const group = { pages: [page(1), page(2)], rows: [row('7'), row('8', true)] };
    const judged = { group, verdict: { kind: 'duplicate', group } as const, values: ['a@x'] };
    const { code, reason, remedy } = heldPage(table, judged, page(1));
    expect(code).toBe('duplicate_match');
    expect(reason).toBe(
      '2 pages show Email "a@x", this one (https://www.notion.so/00000000000000000000000000000001) and https://www.notion.so/00000000000000000000000000000002; it is held by the row 7, and by the row 8, which has another page',
    );
    expect(remedy).toContain('`pgnotion guarded pair people 7 00000000-0000-0000-0000-000000000001`');
    expect(remedy).toContain(
      '`pgnotion guarded reject people 00000000-0000-0000-0000-000000000001 --kind pairing`',
    );
    expect(heldRow(table, group.pages, rowKey(['7'])).remedy).toContain(
      '`pgnotion guarded reject people 7 --kind pairing`',
    );
  });
});

describe('what a page is matched by', () => {
  const table = resolvedTable(
    'people',
    [resolvedField('Email', 'email'), resolvedField('Rank', 'number'), resolvedField('City')],
    { match: ['rank', 'email'] },
  );

  test.each<[string, Record<string, PageValue>, readonly string[] | null]>([
    ['all columns, in their order', { Email: 'a@x', Rank: 3 }, ['3', 'a@x']],
    ['an empty property matches nothing', { Email: 'a@x', Rank: null }, null],
    ['nor does an empty text', { Email: '', Rank: 3 }, null],
    ['nor one that was not read', { Rank: 3 }, null],
    ['nor what no value of the column can be', { Email: 'a@x', Rank: 3.5 }, null],
  ])('%s', (_, image, values) => {
    expect(matchValuesOf(table, image)).toEqual(values);
  });

  test('columns that cannot be matched by are named with what to do', () => {
    const fields = [
      resolvedField('Owner', 'relation'),
      resolvedField('Size', 'rich_text', { transform: (value) => value }),
      resolvedField('Place', 'rich_text', { shape: column('json') }),
    ];
    const faulty = { ...resolvedTable('t', fields), match: ['owner', 'size', 'nothing', 'place'] };
    const mapped = { ...faulty, dependsOn: [] };
    expect(matchFaults('tables.t', mapped).map(({ message }) => message)).toEqual([
      'names the column owner, whose property Owner is of type relation',
      'names the column size, and what Size shows cannot be turned back into it',
      'names the column nothing, which no field of the table maps',
    ]);
    expect(matchTypeFaults(faulty).map(({ message }) => message)).toEqual([
      'names the column place of type json, whose values PostgreSQL cannot compare',
    ]);
  });
});

describe('the first link of a page and a row', () => {
  const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 1, 12, minute));
  const meet = (more: Partial<FirstMeeting>): ReturnType<typeof firstLink> =>
    firstLink({
      fields: [resolvedField('City')],
      rule: 'postgres',
      row: { City: 'row' },
      image: { City: 'page' },
      lookups: lookupsOver({ pairs: [], users: new Map() }),
      rowAt: null,
      edit: { from: at(1), to: at(2) },
      fresh: false,
      equal: new Set(),
      ...more,
    });
  const outcome = ({ toRow, review }: ReturnType<typeof firstLink>): string =>
    toRow.length > 0 ? 'row' : review.length > 0 ? 'review' : 'page';

  test.each<[FirstLinkRule, Date | null, string]>([
    ['postgres', null, 'page'],
    ['notion', at(9), 'row'],
    ['review', at(9), 'review'],
    ['newest', at(0), 'row'],
    ['newest', at(9), 'page'],
    ['newest', null, 'review'],
  ])('%s, with a row of %s: the value goes to the %s', (rule, rowAt, expected) => {
    const link = meet({ rule, rowAt });
    expect([outcome(link), link.differing]).toEqual([expected, ['City']]);
  });

  test.each<[SqlText, PageValue, string]>([
    [null, 'page', 'row'],
    ['', 'page', 'row'],
    ['row', '', 'page'],
    ['row', null, 'page'],
    ['same', 'same', 'page'],
  ])(
    'a row of %j and a page of %j do not differ, whatever the rule: the %s gets the value',
    (text, value, expected) => {
      for (const rule of ['postgres', 'notion', 'newest', 'review'] as const) {
        const link = meet({ rule, row: { City: text }, image: { City: value } });
        expect([outcome(link), link.differing]).toEqual([expected, []]);
      }
    },
  );

  test('what only PostgreSQL gets is not emptied, and what only Notion gets follows the row', () => {
    const only = (direction: 'to-notion' | 'to-postgres'): Partial<FirstMeeting> => ({
      fields: [resolvedField('City', 'rich_text', { direction })],
      rule: 'notion',
    });
    expect(meet({ ...only('to-postgres'), image: { City: '' } })).toMatchObject({
      baseRow: { City: 'row' },
      basePage: { City: '' },
    });
    expect(meet({ ...only('to-notion'), row: { City: null } }).toRow).toEqual([]);
  });

  test('what the pair was found by differs in its spelling alone', () => {
    expect(meet({ rule: 'review', equal: new Set(['City']) })).toMatchObject({ differing: [], review: [] });
  });
});
