import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  chromiumPath,
  type DashboardStage,
  logIn,
  openDashboard,
  TOKEN,
} from '../support/dashboard-stage.ts';
import { eventually } from '../support/eventually.ts';
import { typed } from '../support/sides.ts';

// The dashboard as an operator uses it, in a browser. Where there is no Chromium, these are left out.

// What is evaluated in the page.
const FOCUSED = `({ text: document.activeElement.textContent.trim(), id: document.activeElement.id })`;
const CONTROLS = `document.querySelectorAll('a, button, input, select, summary, [tabindex]').length`;
const SIZES = `({
  width: document.documentElement.scrollWidth,
  small: [...document.querySelectorAll('button, input:not([type=hidden]), select, nav a')]
    .map((element) => element.getBoundingClientRect())
    .filter(({ width, height }) => width > 0 && Math.min(width, height) < 24).length,
})`;
// The tables of the charts are alike, and long.
const OPEN_ALL = `for (const details of document.querySelectorAll('details:not(.chart *)')) details.open = true;`;
const violations = (
  rules: object,
): string => `axe.run(document, ${JSON.stringify({ ...rules, resultTypes: ['violations'], preload: false })}).then(({ violations }) =>
  violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`;
/** What depends on the colours alone. */
const CONTRAST = { runOnly: ['color-contrast'] };

describe.skipIf(chromiumPath === null)('the dashboard in a browser', () => {
  let stage: DashboardStage;
  beforeAll(async () => {
    stage = await openDashboard();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  async function open(path: string, options?: Parameters<DashboardStage['open']>[1]): Promise<Page> {
    const { page, context, faults } = await stage.open(path, options);
    onTestFinished(async () => {
      await context.close();
      expect(faults).toEqual([]);
    });
    return page;
  }

  /** The cell of a table's row on the overview. */
  const cell = (page: Page, table: string, name: string) =>
    page.getByRole('row', { name: table }).locator(`td[data-name="${name}"]`);

  const columnOf = async (key: string, column: string): Promise<unknown> =>
    (
      await stage.there.sql<{ value: unknown }>(`select ${column} as value from goods where id = $1`, [key])
    )[0]?.value;

  test('a wrong token is refused with a reason, the right one leads to the page that was asked for', async () => {
    const context = await stage.browser.newContext();
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(stage.at('/activity?table=goods'));
    expect(new URL(page.url()).pathname).toBe('/login');
    await logIn(page, 'a guess');
    await page
      .getByRole('alert')
      .getByText(/token is wrong/i)
      .waitFor();
    await logIn(page, TOKEN);
    await page.getByRole('heading', { name: 'Activity' }).waitFor();
    expect(page.url()).toBe(stage.at('/activity?table=goods'));
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.goto(stage.at('/'));
    expect(new URL(page.url()).pathname).toBe('/login');
  });

  test('a change in PostgreSQL shows by itself, and focus, scroll and what is open stay', async () => {
    const page = await open('/');
    const records = cell(page, 'goods', 'Records');
    const before = Number(await records.textContent());
    await page.getByText('Changes as a table').click();
    const find = page.getByRole('searchbox');
    await find.fill('half typ');
    await page.evaluate(`globalThis.mark = 'the same document'`);
    await stage.goods('washer');
    await records.getByText(String(before + 1), { exact: true }).waitFor();
    expect(await page.evaluate('globalThis.mark')).toBe('the same document');
    expect(await find.inputValue()).toBe('half typ');
    expect(await page.evaluate('document.activeElement.id')).toBe('find');
    expect(await page.locator('#throughput details').getAttribute('open')).not.toBeNull();
    expect(await page.locator('.plot canvas').count()).toBe(3);
  });

  test('the sync is paused and resumed, and a conflict that comes of it is decided', async () => {
    const { key, page: notionPage } = await stage.goods('nut');
    const page = await open('/');
    await page.getByRole('button', { name: 'Pause goods' }).click();
    await page.getByRole('status').waitFor();
    await cell(page, 'goods', 'State').getByText('paused', { exact: true }).waitFor();
    stage.there.edit(notionPage, { Note: typed('rich_text', 'typed in Notion') });
    await stage.there.sql(`update goods set note = 'set in PostgreSQL' where id = $1`, [key]);
    await page.getByRole('button', { name: 'Resume goods' }).click();
    await cell(page, 'goods', 'State').getByText('syncing').waitFor();
    await page.goto(stage.at('/inbox'));
    const item = page.locator('li[data-key^="conflict "]').filter({ hasText: `goods ${key}` });
    await item.getByText('typed in Notion').waitFor();
    await item.getByText('set in PostgreSQL').waitFor();
    await item.getByText('as it was').waitFor();
    await item.getByRole('button', { name: 'Keep Notion' }).click();
    await page.getByRole('status').waitFor();
    await item.waitFor({ state: 'detached' });
    await eventually(async () => (await columnOf(key, 'note')) === 'typed in Notion');
    // What the decision replaced is given back from the line that tells of it.
    const done = page.locator('li[data-key^="action "]').first();
    await eventually(async () => {
      await page.goto(stage.at('/inbox'));
      return await done.getByRole('button', { name: 'Undo' }).isVisible();
    });
    await done.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('status').waitFor();
    expect(await columnOf(key, 'note')).toBe('set in PostgreSQL');
    await eventually(() => stage.there.shown(notionPage, 'Note') === 'set in PostgreSQL');
  });

  test('a failure tells its reason, and goes once it is retried', async () => {
    const { key, page: notionPage } = await stage.goods('screw');
    stage.there.edit(notionPage, { Stock: typed('number', -5) });
    const page = await open('/inbox?kind=failures');
    const item = page.locator('li[data-key^="failure "]').filter({ hasText: `goods ${key}` });
    await item.getByText('set aside').waitFor();
    expect(await item.textContent()).toContain('What to do:');
    await stage.there.sql('alter table goods drop constraint stock_is_counted');
    await item.getByRole('button', { name: 'Retry' }).click();
    await page.getByRole('status').waitFor();
    await item.waitFor({ state: 'detached' });
    await eventually(async () => (await columnOf(key, 'stock')) === -5);
  });

  test('a guarded change crosses once it is approved', async () => {
    await stage.there.sql('delete from crates where id <= 40');
    const page = await open('/inbox?table=crates');
    const item = page.getByRole('listitem').filter({ hasText: '40 pages would be deleted' });
    await item.getByText('One by one').click();
    await item.getByRole('link', { name: 'crates 1', exact: true }).waitFor();
    await item.getByRole('button', { name: 'Approve all 40' }).click();
    await page.getByRole('status').waitFor();
    await item.waitFor({ state: 'detached' });
    const source = await stage.there.source('crates');
    await eventually(() => stage.stack.sandbox.control.pages(source).length === 20);
  });

  test("a person's edit is undone from its row in the activity", async () => {
    const { key, page: notionPage } = await stage.goods('rivet');
    stage.there.edit(notionPage, { Name: typed('title', 'typed by mistake') });
    await eventually(async () => (await columnOf(key, 'name')) === 'typed by mistake');
    const page = await open(`/activity?table=goods&key=${key}&direction=to-postgres`);
    await page
      .getByRole('row')
      .filter({ hasText: 'typed by mistake' })
      .getByRole('button', { name: 'Undo' })
      .click();
    await page.getByRole('status').waitFor();
    expect(new URL(page.url()).searchParams.get('direction')).toBe('to-postgres');
    expect(await columnOf(key, 'name')).toBe('rivet');
    await eventually(() => stage.there.shown(notionPage, 'Name') === 'rivet');
  });

  test('a title with a script in it is text, wherever it stands, and no unmapped value is', async () => {
    const title = `<script>alert('x')</script><img src=x onerror=alert(1)>`;
    const { key, page: notionPage } = await stage.goods(title);
    stage.there.edit(notionPage, { Name: typed('title', `${title} again`) });
    await eventually(async () => (await columnOf(key, 'name')) === `${title} again`);
    const page = await open(
      `/records?find=${encodeURIComponent(notionPage)}`.replace('/records?find=', '/activity?key='),
    );
    await page.goto(stage.at(`/records?find=${notionPage}`));
    await page.getByRole('heading', { level: 1, name: `goods ${key}` }).waitFor();
    await page
      .getByRole('cell', { name: `${title} again` })
      .first()
      .waitFor();
    for (const path of [
      page.url(),
      stage.at(`/activity?key=${key}`),
      stage.at(`/records?find=${encodeURIComponent(title)}`),
    ]) {
      await page.goto(path);
      expect(await page.locator('main script, main img').count()).toBe(0);
      expect(await page.content()).not.toContain('never to be shown');
      await page.getByText(title).first().waitFor();
    }
  });

  test('everything is reached by keyboard alone', async () => {
    const page = await open('/');
    const focused = () => page.evaluate<{ readonly text: string; readonly id: string }>(FOCUSED);
    await page.keyboard.press('Tab');
    expect((await focused()).text).toBe('Skip to the content');
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
    expect(outline).toBe('solid');
    await page.keyboard.press('Enter');
    expect((await focused()).id).toBe('main');
    await page.goto(stage.at('/'));
    const seen: string[] = [];
    for (let step = 0; step < 20 && !seen.at(-1)?.startsWith('Inbox'); step += 1) {
      await page.keyboard.press('Tab');
      seen.push((await focused()).text);
    }
    expect(seen).toContain('Pause all tables');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Inbox' }).waitFor();
    // Round a whole page and out of it: nothing holds the focus.
    await page.goto(stage.at('/runs'));
    const rounds = await page.evaluate<number>(CONTROLS);
    const reached = new Set<string>();
    for (let step = 0; step <= rounds; step += 1) {
      await page.keyboard.press('Tab');
      reached.add((await focused()).text);
    }
    expect([...reached]).toEqual(expect.arrayContaining(['Skip to the content', 'Find', 'Log out']));
  });

  const PATHS = [
    '/',
    '/?span=day',
    '/inbox',
    '/activity',
    '/records?find=none',
    '/records/goods/1',
    '/runs',
    '/settings',
  ];

  test('on a phone nothing is wider than the screen, and what is pressed is large enough', async () => {
    const page = await open('/', { viewport: { width: 390, height: 844 }, hasTouch: true });
    for (const path of PATHS) {
      await page.goto(stage.at(path));
      const seen = await page.evaluate(SIZES);
      expect(seen, path).toEqual({ width: 390, small: 0 });
    }
  });

  test('axe finds nothing that hinders anybody, on light and on dark', async () => {
    const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open('/', { colorScheme, bypassCSP: true });
      // What depends on colours stands on these.
      const paths =
        colorScheme === 'light'
          ? [...PATHS.filter((path) => path !== '/?span=day'), '/login']
          : ['/', '/inbox', '/records/goods/1', '/login'];
      for (const path of paths) {
        await page.goto(stage.at(path));
        await page.evaluate(OPEN_ALL);
        await page.evaluate(axe);
        const found = await page.evaluate(violations(colorScheme === 'light' ? {} : CONTRAST));
        expect(found, `${path}, ${colorScheme}`).toEqual([]);
      }
    }
  });
});
