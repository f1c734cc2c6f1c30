import { expect, test } from 'vitest';
import { tableName } from '../../src/model/ids.ts';
import { beside, type Finding, signatureOf } from '../../src/model/verify.ts';
import { verifyHtml } from '../../src/model/verify-html.ts';
import { type VerifyReport, verifyText } from '../../src/model/verify-report.ts';

const finding: Finding = {
  kind: 'cell',
  key: '7' as Finding['key'],
  page: null,
  field: 'Note <b>',
  row: '<script>alert(1)</script>',
  value: 'a "quoted" & more',
  note: "the row lacks the page's value",
};

const report: VerifyReport = {
  run: '12',
  startedAt: '2026-03-01T12:00:00.000Z',
  finishedAt: '2026-03-01T12:00:05.000Z',
  seconds: 5,
  result: 'differences',
  daemon: false,
  scope: { all: false, where: 'stock < 5', sample: null },
  tables: [
    {
      table: tableName('things'),
      rows: 1_200,
      pages: 1_199,
      compared: 1_199,
      differences: { cell: 1, missing_page: 1 },
      inFlight: { outbox: 3 },
      lastSynced: '2026-03-01T11:59:00.000Z',
      lastPolled: null,
      lastSwept: null,
    },
  ],
  skipped: [{ table: tableName('others'), reason: 'the table is gone', remedy: 'make it again' }],
  omitted: [
    { table: tableName('things'), field: 'Gone', reason: 'its column is gone', remedy: 'add it again' },
  ],
  differences: 2,
  findings: [{ ...finding, table: tableName('things') }],
};

/** Of a comparison that found nothing, and left nothing out. */
const SAME = { result: 'same', differences: 0, findings: [], skipped: [], omitted: [] } as const;

test('the page loads nothing from elsewhere, runs nothing, and shows values as text', () => {
  const html = verifyHtml(report);
  expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(html).not.toMatch(/<script|\bsrc=|\bhref=|url\(|@import|\bon\w+=/i);
  expect(html).toContain("default-src 'none'");
  expect(html).toContain('2 differences between PostgreSQL and Notion');
  expect(html).toContain('stock &lt; 5');
  expect(html).toContain('1,200');
  const same = verifyHtml({ ...report, ...SAME });
  expect(same).toContain(
    'PostgreSQL and Notion hold the same: 1,200 rows were compared. 3 of them are on the way, or wait for a person.',
  );
  expect(same).not.toContain('Not compared');
  expect(html).toContain('its column is gone');
});

test('the text names each kind, what is under way, what was not compared, and what to do', () => {
  const text = verifyText(report, (_, rows) => rows.map((row) => row.join(' ')).join('\n'));
  expect(text).toContain('things: 1 cells differ');
  expect(text).toContain('things: 1 rows without a page');
  expect(text).toContain('things, no difference: 3 changes on their way to Notion');
  expect(text).toContain('others was not compared: the table is gone');
  expect(text).toContain('"Gone" of things was not compared: its column is gone');
  expect(text).toContain('2 differences in what was compared');
  const same = verifyText({ ...report, ...SAME }, () => '');
  expect(same).toContain('both sides are the same, but for 3 that are under way or wait for a person');
  expect(text).toContain('and 1 more');
  expect(text).toContain('--heal postgres --dry-run');
});

test('what is known of other fields hides no finding, and what is known of the whole record hides all', () => {
  const known = (fields: readonly string[] | null) => [{ what: 'failures', fields }] as const;
  expect(beside([finding], known(['Price']))).toEqual([finding]);
  expect(beside([finding], known(['Note <b>']))).toEqual([]);
  expect(beside([finding], known(null))).toEqual([]);
  expect(beside([{ ...finding, field: null }], known(['Price']))).toHaveLength(1);
});

test('a look has the same signature only if values and record are the same', () => {
  const of = (one: Finding, moved: string): string => signatureOf([one], moved);
  expect(of(finding, 'a')).toBe(of({ ...finding }, 'a'));
  expect(of(finding, 'a')).not.toBe(of(finding, 'b'));
  expect(of(finding, 'a')).not.toBe(of({ ...finding, row: 'other' }, 'a'));
});
