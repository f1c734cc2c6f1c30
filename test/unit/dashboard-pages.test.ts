import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { dashboardPages } from '../../src/admin/dashboard.ts';
import { addressOf, plainText, recordPath, shareText, timeText } from '../../src/admin/pages/parts.ts';
import type { Queries } from '../../src/admin/queries.ts';
import type { AdminVariables } from '../../src/admin/session.ts';
import { silentLog } from '../../src/runtime/log.ts';
import {
  HOSTILE,
  NOW,
  operation,
  sampleInbox,
  sampleOverview,
  sampleParts,
  sampleQueries,
  sampleRecord,
} from '../support/dashboard-sample.ts';

const RECORD = recordPath(sampleRecord.table_name, sampleRecord.key);
const PAGES = [
  '/',
  '/?span=day',
  '/inbox',
  RECORD,
  '/records?find=nothing',
  '/activity',
  '/runs',
  '/settings',
];

function dashboard(queries: Queries | null = sampleQueries(), readOnly = false) {
  const app = new Hono<AdminVariables>();
  app.use('*', (c, next) => {
    c.set('session', {
      csrf: 'the-csrf-token',
      readOnly,
      actor: 'admin (Ada)',
      by: 'cookie',
      ended: new AbortController().signal,
      isOver: () => false,
    });
    return next();
  });
  app.route('/', dashboardPages(sampleParts(queries), silentLog()));
  return app;
}

const textOf = async (path: string, app = dashboard()): Promise<string> => (await app.request(path)).text();

test.each(PAGES)('%s is a whole page with nothing inline, and escapes what people wrote', async (path) => {
  const page = await textOf(path);
  expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect(page).toContain('<main id="main"');
  expect(page.match(/<h1>/g)).toHaveLength(1);
  expect(page).not.toContain('<script>');
  expect(page).not.toMatch(/\son\w+=|\sstyle=|<style|javascript:/);
  expect(page).not.toContain('never to be shown');
  expect(page).not.toMatch(/undefined|\[object |NaN/);
});

test('values with marks of HTML are shown as they are', async () => {
  const escaped = '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&quot;&amp;amp;';
  for (const path of ['/inbox', '/activity', RECORD]) expect(await textOf(path)).toContain(escaped);
  const find = encodeURIComponent(HOSTILE);
  expect(await textOf(`/records?find=${find}&said=${find}&failed=${find}`)).not.toContain('<script>alert');
});

test('every form that changes something carries the token and the way back', async () => {
  for (const path of PAGES) {
    const forms = [...(await textOf(path)).matchAll(/<form[^>]*method="post"[^>]*>([\s\S]*?)<\/form>/g)];
    expect(forms.length).toBeGreaterThan(0);
    for (const [, inside = ''] of forms) {
      expect(inside).toContain('name="_csrf" value="the-csrf-token"');
      expect(inside).toContain('name="back"');
    }
  }
});

test('the way back keeps the filters and leaves out what was said', async () => {
  const page = await textOf('/activity?table=suppliers&said=Done');
  expect(page).toContain('name="back" value="/activity?table=suppliers"');
  expect(page).toContain('role="status">Done</p>');
  expect(await textOf('/?failed=No')).toContain('role="alert">No</p>');
});

test('a read-only dashboard has no action, and says why', async () => {
  const app = dashboard(sampleQueries(), true);
  for (const path of PAGES) {
    const page = await textOf(path, app);
    expect(page).not.toContain('action="/actions/');
    expect(page).toContain('--read-only');
  }
});

test('what is empty says what to do', async () => {
  const nothing = sampleQueries({
    overview: async () => ({
      ...sampleOverview,
      tables: [],
      waiting: { failures: 0, conflicts: 0, guarded: 0, drift: 0 },
    }),
    inbox: async () => ({ failures: [], conflicts: [], guarded: [], drift: [], more: [] }),
    operations: async () => ({ lines: [], next: null }),
    runs: async () => ({ lines: [], next: null }),
    progress: async () => null,
  });
  const app = dashboard(nothing);
  expect(await textOf('/', app)).toContain('<code>pgnotion apply</code>');
  expect(await textOf('/inbox', app)).toContain('Nothing waits for a person.');
  expect(await textOf('/inbox?kind=drift', app)).toContain('Nothing of this kind waits.');
  expect(await textOf('/activity', app)).toContain('Nothing has been changed yet.');
  expect(await textOf('/activity?status=failed', app)).toContain('No change matches these filters.');
  expect(await textOf('/runs', app)).toContain('Nothing has run yet.');
});

test('filters reach the query only as far as they make sense, and pages follow one another by key', async () => {
  const asked: object[] = [];
  const queries = sampleQueries({
    operations: async (filter) => {
      asked.push(filter);
      return { lines: [operation('9')], next: '9' };
    },
  });
  const query = "table=suppliers&status=done'&direction=to-notion&before=12&batch=&key=%00a";
  const page = await textOf(`/activity?${query}`, dashboard(queries));
  expect(asked).toEqual([{ table: 'suppliers', direction: 'to-notion', before: '12', key: 'a' }]);
  expect(page).toContain('href="/activity?table=suppliers&amp;key=a&amp;direction=to-notion&amp;before=9"');
});

test('masses of one kind are decided together, whatever their number', async () => {
  const page = await textOf('/inbox?kind=guarded');
  expect(page).toContain('40 pages would be deleted');
  expect(page).toContain('Approve all 40');
  expect(page).toContain('and 15 others');
  const cut = sampleQueries({ inbox: async () => ({ ...sampleInbox, more: ['guarded'] }) });
  const more = await textOf('/inbox?kind=guarded', dashboard(cut));
  expect(more).toContain('at least 40 pages');
  expect(more).not.toContain('Approve all 40');
});

test('the success criteria are told with their targets', async () => {
  const page = await textOf('/');
  expect(page).toContain('99.95 % of 2,000 changes');
  expect(page).toContain('at least 99.9 %');
  expect(page).toContain('both sides were not compared');
});

test('a record that is found alone is gone to, and one that is not there is told so', async () => {
  const found = { table_name: sampleRecord.table_name, key: sampleRecord.key, base_page: {} };
  const one = await dashboard(sampleQueries({ find: async () => [found] })).request('/records?find=x');
  expect([one.status, one.headers.get('location')]).toEqual([303, RECORD]);
  const none = await dashboard().request('/records/suppliers/none');
  expect(none.status).toBe(404);
  expect(await none.text()).toContain('No record is');
  expect((await dashboard().request('/records/unmapped/1')).status).toBe(404);
});

test.each(['a/b', '../x', '%2F', 'ü?#&"', '["1","2"]', '', '.', '..'])(
  'the key %j survives the address',
  async (key) => {
    const asked: string[] = [];
    const queries = sampleQueries({
      record: async (table, given) => {
        asked.push(`${table} ${given}`);
        return null;
      },
    });
    await dashboard(queries).request(new URL(recordPath('suppliers', key), 'http://localhost').href);
    expect(asked).toEqual([`suppliers ${key}`]);
  },
);

test('PostgreSQL that cannot be read, or fails, makes a page that says so', async () => {
  for (const queries of [null, sampleQueries({ overview: () => Promise.reject(new Error('gone')) })]) {
    const response = await dashboard(queries).request('/');
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain('gone');
  }
});

test('files are kept for ever under the hash of their content, and there are no others', async () => {
  const page = await textOf('/');
  const addresses = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(
    ([, address = '']) => address,
  );
  const files = readdirSync(join(import.meta.dirname, '../../src/admin/static'));
  expect(addresses.map((address) => address.split(/[/?]/)[2]).sort()).toEqual(
    [...files, 'uplot.css', 'uplot.js'].sort(),
  );
  const app = dashboard();
  for (const address of addresses) {
    const response = await app.request(address);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toContain('immutable');
    expect(response.headers.get('content-type')).toMatch(/^text\/(css|javascript)/);
    const etag = response.headers.get('etag') ?? '';
    expect((await app.request(address, { headers: { 'if-none-match': etag } })).status).toBe(304);
  }
  expect((await app.request('/assets/dashboard.js')).headers.get('cache-control')).toBe('no-cache');
  for (const name of ['dashboard.ts', '..%2Fdashboard.ts', 'constructor', '__proto__'])
    expect((await app.request(`/assets/${name}`)).status).toBe(404);
});

test('times are relative, with the exact one beside', async () => {
  const at = new Date(NOW.getTime() - 180_000);
  const shown = String(await timeText(at, { now: NOW }));
  expect(shown).toContain('datetime="2026-03-01T11:57:00.000Z"');
  expect(shown).toContain('title="2026-03-01 11:57:00.000 UTC"');
  expect(shown).toContain('>3 min ago</time>');
  expect(String(await timeText(null, { now: NOW }))).toContain('never');
});

test('small texts', () => {
  expect(shareText(0.99999)).toBe('99.99 %');
  expect(shareText(null)).toBe('–');
  expect(plainText(['a', 'b'])).toBe('a, b');
  expect(plainText({ start: '2026-01-01', end: null })).toBe('2026-01-01');
  expect(plainText({ start: '2026-01-01', end: '2026-01-02' })).toBe('2026-01-01 to 2026-01-02');
  expect(plainText([{ name: 'map.pdf' }])).toBe('map.pdf');
  expect(plainText({ a: [1] })).toBe('{"a":[1]}');
  expect(addressOf('/activity', { table: 'a b', key: null })).toBe('/activity?table=a+b');
});
