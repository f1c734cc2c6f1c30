import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { judgeConflicts } from '../support/history/conflicts.ts';
import { differencesOf } from '../support/history/convergence.ts';
import { judgeDoubledRows } from '../support/history/doubles.ts';
import { judgeEchoes } from '../support/history/echoes.ts';
import type { History, Landing, PageVersion, RowVersion, Texts, Wait } from '../support/history/history.ts';
import { judgeLiveness } from '../support/history/liveness.ts';
import { judgeLostUpdates } from '../support/history/lost-updates.ts';
import { judgeMonotonic } from '../support/history/monotonic.ts';
import { judgeDegraded, judgeOverwrites } from '../support/history/overwrites.ts';
import { judgeReadYourWrites } from '../support/history/read-your-writes.ts';
import { judgeRemovedRows } from '../support/history/removals.ts';
import { judgeSetAside } from '../support/history/set-aside.ts';
import { judgeSets } from '../support/history/sets.ts';
import { MUTATIONS, mutated } from '../support/mutation.ts';

// Histories by hand: the checker of the chaos runs has to see what breaks a rule, and nothing else.

/** One row of `parents`, a version for each of these values; null deletes it. */
const row = (
  values: readonly (Texts | null)[],
  more: Partial<RowVersion> & { readonly from?: number } = {},
): RowVersion[] =>
  values.map((each, at) => ({
    table: 'parents',
    line: more.line ?? 'a',
    key: '1',
    n: (more.from ?? 1) + at,
    at: ((more.from ?? 1) + at) * 100,
    by: 'application',
    transaction: String((more.from ?? 1) + at),
    cascaded: false,
    hidden: false,
    exact: {},
    ...more,
    values: each,
  }));

const named = (...names: readonly string[]): Texts[] => names.map((Name) => ({ Name }));

type Shown = readonly [by: PageVersion['by'], values: Texts, landing?: Landing];

/** One page, a version for each of these. */
const page = (shown: readonly Shown[], id = 'p'): PageVersion[] =>
  shown.map(([by, values, landing], index) => ({
    index,
    page: id,
    table: 'parents',
    by,
    at: index * 100,
    isNew: index === 0,
    inTrash: false,
    before: shown[index - 1]?.[1] ?? {},
    values,
    exact: {},
    landing: landing ?? null,
  }));

const shows = (...names: readonly string[]): Shown[] => names.map((Name) => ['pgnotion', { Name }]);

const history = (parts: Partial<History>): History => ({
  rows: [],
  pages: [],
  waits: [],
  operations: [],
  conflicts: [],
  lines: new Map([['p', new Set(['a'])]]),
  taken: new Set(),
  ...parts,
});

describe('monotonic', () => {
  const faults = (rows: RowVersion[], pages: PageVersion[]): readonly string[] =>
    judgeMonotonic(history({ rows, pages })).faults;

  test('versions in their order, some of them left out', () => {
    expect(faults(row(named('s1', 's2', 's3')), page(shows('s1', 's3')))).toEqual([]);
  });

  test('an older version after a newer one', () => {
    expect(faults(row(named('s1', 's2')), page(shows('s2', 's1')))).toEqual([
      'monotonic: Name of page p became s1 in commit 1, which is older than what it had shown before',
    ]);
  });

  test('a value that came back in the row is a new version', () => {
    expect(faults(row(named('s1', 's2', 's1')), page(shows('s2', 's1')))).toEqual([]);
  });

  test('a value that no row ever held', () => {
    expect(faults(row(named('s1')), page(shows('s1', 's7')))).toEqual([
      'monotonic: Name of page p became s7 in commit 1, which no row ever held',
    ]);
  });

  test('what a person typed is their own, also where it is old', () => {
    const pages = page([...shows('s2'), ['person', { Name: 's1' }], ...shows('s3')]);
    expect(faults(row(named('s1', 's2', 's3')), pages)).toEqual([]);
  });

  test('what a person typed is not replaced by what was before, once it is in the row', () => {
    const came = (at: number): Landing => ({ came: at, overtaken: false });
    const rows = row(named('s1', 's2', 'h3'));
    const pages = (at: number): PageVersion[] =>
      page([...shows('s1'), ['person', { Name: 'h3' }], ['pgnotion', { Name: 's2' }, came(at)]]);
    expect(faults(rows, pages(301))).toHaveLength(1);
    // The write left before: the person typed after the last look at the page, which is the documented rest.
    expect(faults(rows, pages(299))).toEqual([]);
  });

  test('a write that took effect after the one that came later is nobody’s decision', () => {
    const late: Shown = ['pgnotion', { Name: 's1' }, { came: 50, overtaken: true }];
    const judged = judgeMonotonic(
      history({ rows: row(named('s1', 's2')), pages: page([...shows('s2'), late]) }),
    );
    expect(judged).toEqual({ faults: [], shown: 1, overtaken: 1 });
  });

  test('an element of a set that had been taken out does not come back', () => {
    const tags = (...items: readonly string[]): Texts => ({ Tags: JSON.stringify(items) });
    const rows = row([tags('s1'), tags('s2'), tags('s2', 's3')]);
    expect(
      faults(
        rows,
        page([
          ['pgnotion', tags('s1')],
          ['pgnotion', tags('s2', 'h1')],
        ]),
      ),
    ).toHaveLength(1);
    expect(
      faults(
        rows,
        page([
          ['pgnotion', tags('s2')],
          ['pgnotion', tags('s2', 's3')],
        ]),
      ),
    ).toEqual([]);
    expect(
      faults(
        rows,
        page([
          ['pgnotion', tags('s2')],
          ['pgnotion', tags('s1', 's2')],
        ]),
      ),
    ).toHaveLength(1);
  });

  test('what comes more than once belongs to the rows that the page was the record’s of', () => {
    const mood = (...names: readonly string[]): Texts[] => names.map((Mood) => ({ Mood }));
    const other = row(mood('new', 'done', 'new'), { line: 'b', from: 10 });
    const rows = [...row(mood('new', 'done')), ...other];
    const pages = page([
      ['pgnotion', { Mood: 'done' }],
      ['pgnotion', { Mood: 'new' }],
    ]);
    expect(faults(rows, pages)).toHaveLength(1);
    expect(
      faults(
        rows,
        pages.map((each) => ({ ...each, page: 'unknown' })),
      ),
    ).toEqual([]);
  });

  test('what the schema did to a page is nobody’s version', () => {
    const pages = page([...shows('s2'), ['schema', {}], ['schema', { Name: 's1' }], ...shows('s2')]);
    expect(faults(row(named('s1', 's2')), pages)).toEqual([]);
  });
});

describe('read your writes', () => {
  const wait: Wait = { table: 'parents', key: '1', property: 'Name', value: 's2', answer: true, index: 2 };
  const judge = (parts: Partial<History>) => judgeReadYourWrites(history({ waits: [wait], ...parts }));

  test('the version or a newer one was there', () => {
    const rows = row(named('s1', 's2', 's3'));
    for (const name of ['s2', 's3'])
      expect(judge({ rows, pages: page(shows('s1', name)) })).toEqual({ faults: [], kept: 1, refused: 0 });
  });

  test('an older one was there at that moment', () => {
    const rows = row(named('s1', 's2'));
    expect(judge({ rows, pages: page(shows('s1', 's1', 's2')) }).faults).toEqual([
      'read your writes: wait_for told that Name of parents/1 is s2, and the page showed s1',
    ]);
  });

  test.each<[string, string, boolean]>([
    ['stays beside the row’s', '["h9","s2"]', true],
    ['does not stand for them', '["h9"]', false],
    ['hides none that the row had before', '["h9","s1","s2"]', false],
  ])('an element that a person put into a set %s', (_, shown, kept) => {
    const sets = ['["s1"]', '["s2"]'].map((Tags) => ({ Tags }));
    const pages = page([
      ['pgnotion', { Tags: '["s1"]' }],
      ['pgnotion', { Tags: shown }],
    ]);
    const waits = [{ ...wait, property: 'Tags', value: '["s2"]' }];
    expect(judge({ rows: row(sets), pages, waits }).faults).toHaveLength(kept ? 0 : 1);
  });

  test('there was no page', () => {
    expect(judge({ rows: row(named('s1', 's2')) }).faults).toHaveLength(1);
  });

  test('an answer that was no promises nothing', () => {
    const waits = [{ ...wait, answer: false }];
    expect(judge({ rows: row(named('s1', 's2')), waits })).toEqual({ faults: [], kept: 0, refused: 1 });
  });

  test('a person typed over it', () => {
    const pages = page([...shows('s2'), ['person', { Name: 'h3' }]]);
    expect(judge({ rows: row(named('s1', 's2')), pages }).faults).toEqual([]);
  });

  test.each<[string, Partial<History>]>([
    ['the row is gone', { rows: row([...named('s1', 's2'), null]) }],
    [
      'the row is filtered out',
      { rows: [...row(named('s1')), ...row(named('s2'), { from: 2, hidden: true })] },
    ],
    ['its property is gone', { pages: page([...shows('s1'), ['schema', {}]]) }],
    ['a person took the page away', { taken: new Set(['p']) }],
  ])('nothing can be told where %s', (_, parts) => {
    const rows = row(named('s1', 's2'));
    expect(judge({ rows, pages: page(shows('s1')), ...parts })).toEqual({ faults: [], kept: 0, refused: 0 });
  });
});

describe('lost updates', () => {
  const rows = [
    ...row(named('s1', 's2')),
    ...row(named('h1'), { from: 3, by: 'pgnotion', transaction: '9' }),
  ];
  const operation = {
    direction: 'to-postgres',
    kind: 'update',
    page: 'p',
    transaction: '9',
    before: { Name: 's2' },
  } as const;
  const faults = (parts: Partial<History>) => judgeLostUpdates(history(parts)).faults;

  test('what pgnotion replaced in a row is in its operation', () => {
    expect(faults({ rows, operations: [operation] })).toEqual([]);
  });

  test('and what is in none is lost', () => {
    expect(faults({ rows })).toHaveLength(1);
    expect(faults({ rows, operations: [{ ...operation, transaction: '8' }] })).toHaveLength(1);
    expect(faults({ rows, operations: [{ ...operation, before: { Name: 's1' } }] })).toEqual([
      'lost update: Name of parents/1 was s2, and its operation has s1 instead',
    ]);
  });

  test('a deletion needs an operation that says so', () => {
    const gone = [...row(named('s1')), ...row([null], { from: 2, by: 'pgnotion', transaction: '9' })];
    expect(faults({ rows: gone, operations: [operation] })).toHaveLength(1);
    expect(faults({ rows: gone, operations: [{ ...operation, kind: 'delete' }] })).toEqual([]);
  });

  test('a value is not replaced by one that a page shows in the same way', () => {
    const seen = (exact: string): Partial<RowVersion> => ({ exact: { Seen: exact } });
    const both = (by: RowVersion['by']) => [
      ...row([{ Seen: '12:00' }], seen('12:00:30')),
      ...row([{ Seen: '12:00' }], { from: 2, by, ...seen('12:00:00') }),
    ];
    expect(faults({ rows: both('pgnotion') })).toHaveLength(1);
    expect(faults({ rows: both('application') })).toEqual([]);
  });

  test('what the application replaces is its own affair', () => {
    expect(faults({ rows: row([...named('s1', 's2'), null]) })).toEqual([]);
  });

  const overwrites = (pages: PageVersion[], before: Texts[], looked: number) =>
    judgeOverwrites(pages, {
      written: before.map((each) => ({ page: 'p', at: 0, before: each })),
      leftBefore: (_, at) => at,
      lookedBefore: () => looked,
    });

  test('what a person typed and pgnotion replaced is in an operation', () => {
    const pages = page([...shows('s1'), ['person', { Name: 'h1' }], ...shows('s2')]);
    expect(overwrites(pages, named('h1'), 150).faults).toEqual([]);
    expect(overwrites(pages, named('s1'), 150).faults).toHaveLength(1);
    // Typed after the last look.
    expect(overwrites(pages, [], 50)).toEqual({ faults: [], overwritten: 1, raced: 1 });
  });
});

describe('echoes', () => {
  const edited = (names: readonly string[], by: RowVersion['by']) => [
    ...row(named('s1', 's2')),
    ...row(named(...names), { from: 3, by }),
  ];

  test('what a row gets from pgnotion was typed in Notion', () => {
    const pages = page([...shows('s1'), ['person', { Name: 'h1' }]]);
    expect(judgeEchoes(history({ rows: edited(['h1'], 'pgnotion'), pages }))).toEqual([]);
    expect(judgeEchoes(history({ rows: edited(['s1'], 'application'), pages }))).toEqual([]);
    expect(judgeEchoes(history({ rows: edited(['s1'], 'pgnotion'), pages }))).toEqual([
      'echo: Name of parents/1 got s1 from pgnotion, which nobody typed in Notion',
    ]);
  });

  test('a row that came back from its page gets from it what it came back without', () => {
    const lived = (made: RowVersion['by']): RowVersion[] => [
      ...row([{ Name: 's1', Amount: '2.50' }, null]),
      ...row([{ Name: 's1', Amount: null }], { from: 3, line: 'b', by: made }),
      ...row([{ Name: 's1', Amount: '2.50' }], { from: 4, line: 'b', by: 'pgnotion' }),
    ];
    const pages = page([['pgnotion', { Name: 's1', Amount: '2.50' }]]);
    expect(judgeEchoes(history({ rows: lived('pgnotion'), pages }))).toEqual([]);
    expect(judgeEchoes(history({ rows: lived('application'), pages }))).toHaveLength(1);
  });

  test('a conflict is about what somebody edited', () => {
    const conflicts = [{ page: 'p', property: 'Name' }];
    expect(judgeEchoes(history({ conflicts, pages: page(shows('s1', 's2')) }))).toHaveLength(1);
    const pages = page([...shows('s1'), ['person', { Name: 'h1' }]]);
    expect(judgeEchoes(history({ conflicts, pages }))).toEqual([]);
  });
});

describe('removals', () => {
  const rows = (by: RowVersion['by'], more: Partial<RowVersion> = {}) => [
    ...row(named('s1')),
    ...row([null], { from: 2, by, ...more }),
  ];
  const removed = (pages: PageVersion[], parts: Partial<History> = {}) =>
    judgeRemovedRows(history({ rows: rows('pgnotion'), pages, ...parts }));
  const ends = (more: Partial<PageVersion>) =>
    page([...shows('s1'), ['person', { Name: 's1' }]]).map((each, at) =>
      at === 0 ? each : { ...each, ...more },
    );

  test('a row goes with its page, and not because Notion does not show that', () => {
    expect(removed(ends({ inTrash: true }))).toEqual([]);
    expect(removed(page(shows('s1')))).toEqual([
      'removal: parents/1 was deleted by pgnotion, and nobody moved its page to the trash',
    ]);
    expect(removed(ends({ inTrash: true, isErased: true }))).toHaveLength(1);
  });

  test('what the application deletes is its own affair, and so is what its foreign key deletes', () => {
    expect(removed(page(shows('s1')), { rows: rows('application') })).toEqual([]);
    expect(removed(page(shows('s1')), { rows: rows('pgnotion', { cascaded: true }) })).toEqual([]);
  });
});

describe('doubles', () => {
  const made = (line: string, from: number, by: RowVersion['by'] = 'pgnotion') =>
    row(named('h1'), { line, key: line, from, by });
  const typed = (id: string): PageVersion[] => page([['person', { Name: 'h1' }]], id);

  test('a page makes one row', () => {
    expect(judgeDoubledRows(history({ rows: made('a', 2), pages: typed('p') }))).toEqual([]);
    const rows = [...made('a', 2), ...made('b', 3)];
    expect(judgeDoubledRows(history({ rows, pages: typed('p') }))).toEqual([
      'double: parents/b is one more row named h1, which one page showed when pgnotion made it',
    ]);
    expect(judgeDoubledRows(history({ rows, pages: [...typed('p'), ...typed('q')] }))).toEqual([]);
  });

  test('the page that the second row gets afterwards is not what made it', () => {
    const later = typed('q').map((each) => ({ ...each, by: 'pgnotion' as const, at: 400 }));
    const rows = [...made('a', 2), ...made('b', 3)];
    expect(judgeDoubledRows(history({ rows, pages: [...typed('p'), ...later] }))).toHaveLength(1);
  });

  test('a row that comes back, and rows of the application, are none', () => {
    const back = [...made('a', 2), ...row([null], { line: 'a', key: 'a', from: 3 }), ...made('b', 4)];
    expect(judgeDoubledRows(history({ rows: back, pages: typed('p') }))).toEqual([]);
    const theirs = [...made('a', 2), ...made('b', 3, 'application')];
    expect(judgeDoubledRows(history({ rows: theirs, pages: typed('p') }))).toEqual([]);
  });
});

describe('conflicts', () => {
  const rows = [...row(named('s1', 's2')), ...row(named('h1'), { from: 3, by: 'pgnotion' })];
  const unseen = page([...shows('s1'), ['person', { Name: 'h1' }]]);

  test('what no page had shown is not replaced without a conflict', () => {
    expect(judgeConflicts(history({ rows, pages: unseen }))).toEqual([
      'conflict: Name of parents/1 was s2, which no page had shown, and pgnotion replaced it without a conflict',
    ]);
    const conflicts = [{ page: 'p', property: 'Name' }];
    expect(judgeConflicts(history({ rows, pages: unseen, conflicts }))).toEqual([]);
  });

  test('what a page had shown is replaced by an edit of it', () => {
    const pages = page([...shows('s1', 's2'), ['person', { Name: 'h1' }]]);
    expect(judgeConflicts(history({ rows, pages }))).toEqual([]);
    const own = [...row(named('s1')), ...row(named('h1', 'h2'), { from: 2, by: 'pgnotion' })];
    expect(judgeConflicts(history({ rows: own, pages: unseen }))).toEqual([]);
  });
});

describe('sets', () => {
  const tags = (...items: readonly string[]): Texts => ({ Tags: JSON.stringify(items) });

  test('a row keeps what no page had shown', () => {
    const merged = (...items: readonly string[]) => [
      ...row([tags('s1'), tags('s1', 's2')]),
      ...row([tags(...items)], { from: 3, by: 'pgnotion' }),
    ];
    const pages = page([
      ['pgnotion', tags('s1')],
      ['person', tags('h1')],
    ]);
    expect(judgeSets(history({ rows: merged('s2', 'h1'), pages }))).toEqual([]);
    expect(judgeSets(history({ rows: merged('h1'), pages }))).toEqual([
      'sets: Tags of parents/1 lost s2 to pgnotion, which no page had shown',
    ]);
  });

  test('a page keeps what a person put there, unless they did after the last look', () => {
    const rows = row([tags('s1'), tags('s2')]);
    const pages = page([
      ['pgnotion', tags('s1')],
      ['person', tags('s1', 'h1')],
      ['pgnotion', tags('s2')],
    ]);
    const operation = (before: Texts) =>
      ({ direction: 'to-notion', kind: 'update', page: 'p', transaction: '1', before }) as const;
    const seen = [operation(tags('s1', 'h1'))];
    expect(judgeSets(history({ rows, pages, operations: seen }))).toEqual([
      'sets: Tags of page p lost h1 to pgnotion, which a person had put there and no row ever had',
    ]);
    expect(judgeSets(history({ rows, pages, operations: [operation(tags('s1'))] }))).toEqual([]);
    expect(judgeSets(history({ rows, pages, operations: seen, taken: new Set(['p']) }))).toEqual([]);
    const taken = [...rows, ...row([tags('s2', 'h1')], { from: 3, by: 'pgnotion' })];
    expect(judgeSets(history({ rows: taken, pages, operations: seen }))).toEqual([]);
    // A copy of another page that becomes a row's own gets its values, once; a page that a row was made of does not.
    const copied = page([
      ['person', tags('s1')],
      ['person', tags('s1', 'h1')],
      ['pgnotion', tags('s1', 'h1')],
      ['pgnotion', tags('s2')],
      ['person', tags('s2', 'h2')],
      ['pgnotion', tags('s2')],
    ]);
    const both = [operation(tags('s1', 'h1')), operation(tags('s2', 'h2'))];
    const lost = (...atoms: readonly string[]) =>
      atoms.map(
        (atom) =>
          `sets: Tags of page p lost ${atom} to pgnotion, which a person had put there and no row ever had`,
      );
    expect(judgeSets(history({ rows, pages: copied, operations: both }))).toEqual(lost('h2'));
    const made = { ...operation({}), direction: 'to-postgres', kind: 'create' } as const;
    expect(judgeSets(history({ rows, pages: copied, operations: [...both, made] }))).toEqual(
      lost('h1', 'h2'),
    );
  });
});

test('what passes by itself is not set aside', () => {
  const aside = (code: string) => judgeSetAside([{ what: 'outbox parents/1', code }]);
  for (const code of ['validation_error', 'sql_23514', 'sql_APP01', 'page_in_trash', 'notion_option_missing'])
    expect(aside(code)).toEqual([]);
  for (const code of ['service_unavailable', 'notion_timeout', 'sql_40001', 'sql_57P01', 'conflict_error'])
    expect(aside(code)).toEqual([`stuck: outbox parents/1 is set aside for ${code}, which passes by itself`]);
});

describe('degraded values', () => {
  const exactly = (pages: readonly PageVersion[], ...exact: readonly string[]): PageVersion[] =>
    pages.map((each, at) => ({ ...each, exact: { Amount: exact[at] ?? '' } }));
  const amount: Texts = { Amount: '1.12' };
  const typed: readonly Shown[] = [
    ['pgnotion', { Amount: '2.00' }],
    ['person', amount],
  ];

  test('what a person typed is not replaced by what the column made of it', () => {
    const rounded = exactly(page([...typed, ['pgnotion', amount]]), '2', '1.123', '1.12');
    expect(judgeDegraded(rounded, new Set())).toHaveLength(1);
    expect(judgeDegraded(rounded, new Set(['p']))).toEqual([]);
    const other = exactly(page([...typed, ['pgnotion', { Amount: '3.00' }]]), '2', '1.123', '3');
    expect(judgeDegraded(other, new Set())).toEqual([]);
  });

  test('a property whose life was interrupted is written anew', () => {
    const pages = page([...typed, ['schema', {}], ['schema', amount], ['pgnotion', amount]]);
    expect(judgeDegraded(exactly(pages, '2', '1.123', '', '1.123', '1.12'), new Set())).toEqual([]);
  });
});

describe('convergence', () => {
  const compare = (one: Texts, other: Texts) =>
    differencesOf(one, other, new Set(['Parent']), (id) => (id === 'p9' ? '9' : null));

  test('the same in every field that is in sync', () => {
    expect(compare({ Name: 's1', Note: null }, { Name: 's1' })).toEqual([]);
    expect(compare({ Name: 's1', Note: null }, { Name: 's1', Note: 'h1' })).toEqual([
      { property: 'Note', row: null, page: 'h1' },
    ]);
  });

  test('a relation leads to the record that the row refers to', () => {
    expect(compare({ Parent: '9' }, { Parent: '["p9"]' })).toEqual([]);
    expect(compare({ Parent: null }, { Parent: null })).toEqual([]);
    expect(compare({ Parent: '9' }, { Parent: '["p9","p8"]' })).toHaveLength(1);
    expect(compare({ Parent: '8' }, { Parent: '["p9"]' })).toHaveLength(1);
    expect(compare({ Parent: '9' }, { Parent: null })).toHaveLength(1);
  });
});

describe('liveness', () => {
  const sample = (polls: number, waiting: readonly string[], missing: readonly string[] = []) => ({
    polls,
    waiting,
    missing,
  });

  test('nothing waits and nothing is missing in time', () => {
    expect(judgeLiveness([sample(3, ['outbox']), sample(6, [], ['page']), sample(9, [])], 150)).toEqual([]);
  });

  test('what is back to normal too late is not', () => {
    expect(judgeLiveness([sample(150, ['outbox'], ['page']), sample(153, [])], 150)).toEqual([
      'liveness: after 150 polls without a fault waits: outbox',
      'liveness: after 150 polls without a fault is missing: page',
    ]);
    expect(judgeLiveness([], 150)).toHaveLength(1);
  });
});

test.each(MUTATIONS)('the product has the place of the mutation $name', async (mutation) => {
  const text = await readFile(resolve(import.meta.dirname, '../../src', mutation.file), 'utf8');
  expect(mutated(mutation, text)).toContain(mutation.to);
});
