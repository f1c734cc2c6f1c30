import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';
import { findChromium } from '../support/chromium.ts';
import { client, type Schema, text } from './support.ts';

const path = findChromium();
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync'];
const PAGES = 5_000;
/** What one change may cost on the wire. */
const MOST_BYTES = 50_000;
const PATIENT = { timeout: 120_000 };
const HOSTILE = '<script>document.title = "taken"</script><img src=x onerror=alert(1)>';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const SCHEMA: Schema = {
  Quantity: { number: {} },
  Ok: { checkbox: {} },
  Kind: {
    select: {
      options: [
        { name: 'one', color: 'yellow' },
        { name: 'two', color: 'red' },
      ],
    },
  },
  Tags: { multi_select: { options: [{ name: 'blue tag', color: 'blue' }] } },
  Due: { date: {} },
  Notes: { rich_text: {} },
  Link: { url: {} },
  'Sync Status': { rich_text: {} },
  Edited: { last_edited_time: {} },
};

describe.skipIf(path === null)('the page of a database of 5,000 pages', () => {
  let browser: Browser;
  let sandbox: Sandbox;
  let source: string;
  let ids: readonly string[];
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: path ?? '', args: ARGS });
    sandbox = await startSandbox({ limit: null });
    const made = await client(sandbox).databases.create({
      parent: { type: 'page_id', page_id: sandbox.parentPageId },
      title: text('Orders'),
      initial_data_source: { properties: { Name: { title: {} }, ...SCHEMA } },
    });
    source = ('data_sources' in made ? made.data_sources[0]?.id : undefined) ?? '';
    ids = Array.from({ length: PAGES }, (_, index) =>
      sandbox.control.createPage(source, {
        Name: { title: text(index === 1 ? HOSTILE : `Order ${index}`) },
        Quantity: { number: index },
        Kind: { select: { name: index % 2 === 0 ? 'one' : 'two' } },
        Tags: { multi_select: [{ name: 'blue tag' }] },
        Notes: {
          rich_text: text('A text of some length, as people write them, that fills its cell. '.repeat(5)),
        },
        Link: { url: `https://example.com/orders/${index}` },
      }),
    ).map(({ id }) => id);
  });
  afterAll(async () => {
    await browser.close();
    await sandbox.close();
  });

  const at = (page: Page, id: string | undefined, name: string) =>
    page.locator(`tr[data-page="${id}"] td[data-property="${name}"]`);

  /** Runs the test in a page of its own, and holds it to no script error and no refusal by the page's own policy. */
  async function inPage(
    { width = 1280, height = 800, colorScheme = 'light' as 'light' | 'dark' },
    work: (page: Page) => Promise<void>,
  ): Promise<void> {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    page.setDefaultTimeout(PATIENT.timeout);
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    try {
      await page.goto(`${sandbox.url}#${source}`);
      await at(page, ids[0], 'Name').getByText('Order 0').waitFor();
      await work(page);
    } finally {
      await page.close();
    }
    expect(faults).toEqual([]);
  }

  /** How many bytes come over the wire while the work is done. */
  async function bytesOf(page: Page, work: () => Promise<void>): Promise<number> {
    const session = await page.context().newCDPSession(page);
    let bytes = 0;
    session.on('Network.dataReceived', ({ dataLength }) => {
      bytes += dataLength;
    });
    await session.send('Network.enable');
    await work();
    await expect.poll(() => bytes, PATIENT).toBeGreaterThan(0);
    await session.detach();
    return bytes;
  }

  async function faultsOfAxe(page: Page): Promise<readonly string[]> {
    await page.evaluate(AXE);
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: {
          run: () => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
        };
      };
      return (await axe.run()).violations;
    });
    return found
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  }

  test('an edit, a new page and a change of the connection cost little, and few rows are drawn', async () => {
    await inPage({}, async (page) => {
      expect(await page.locator('#grid').getAttribute('aria-rowcount')).toBe(String(PAGES + 1));
      expect(await page.locator('#rows tr[data-page]').count()).toBeLessThan(60);
      const edit = await bytesOf(page, async () => {
        await at(page, ids[2], 'Quantity').click();
        await page.getByRole('textbox', { name: 'value' }).fill('777');
        await page.keyboard.press('Enter');
        await at(page, ids[2], 'Quantity').getByText('777').waitFor();
      });
      const theirs = await bytesOf(page, async () => {
        await client(sandbox).pages.update({
          page_id: ids[3] ?? '',
          properties: { Quantity: { number: 888 } },
        });
        await at(page, ids[3], 'Quantity').getByText('888').waitFor();
      });
      const fresh = await bytesOf(page, async () => {
        await page.getByRole('button', { name: 'New page' }).click();
        await page.getByRole('textbox', { name: 'value' }).fill('the newest');
        await page.keyboard.press('Enter');
        await page.getByText('5,001 pages').waitFor();
        await page.locator('td.title').getByText('the newest').waitFor();
      });
      expect(Math.max(edit, theirs, fresh)).toBeLessThan(MOST_BYTES);
      const made = sandbox.control.table({ dataSourceId: source, offset: PAGES, limit: 1 }).rows[0];
      sandbox.control.deleteForever(made?.id ?? '');
      await page.getByText('5,000 pages').waitFor();
    });
  });

  test('by keyboard alone: to any row, into the editor and back, and on by Tab', async () => {
    await inPage({}, async (page) => {
      const focus = page.locator(':focus');
      const focused = async () => [
        await focus.locator('xpath=..').getAttribute('data-page'),
        await focus.getAttribute('data-property'),
      ];
      await page.getByRole('button', { name: 'New page' }).focus();
      await page.keyboard.press('Tab');
      await page.keyboard.press('ArrowDown');
      expect(await focused()).toEqual([ids[0], 'Name']);
      await page.keyboard.press('Enter');
      await page.keyboard.type('half typed');
      await page.keyboard.press('Escape');
      expect(await focused()).toEqual([ids[0], 'Name']);
      await page.keyboard.press('Control+End');
      await at(page, ids.at(-1), 'Edited')
        .or(page.locator(`tr[data-page="${ids.at(-1)}"]`))
        .first()
        .waitFor();
      await page.keyboard.press('Home');
      await expect.poll(focused, PATIENT).toEqual([ids.at(-1), 'Name']);
      await page.keyboard.press('F2');
      await page.keyboard.type('the last');
      await page.keyboard.press('Enter');
      await at(page, ids.at(-1), 'Name').getByText('the last').waitFor();
      await expect.poll(focused, PATIENT).toEqual([ids.at(-1), 'Name']);
      await page.keyboard.press('Control+Home');
      await expect.poll(focused, PATIENT).toEqual([ids[0], 'Name']);
      for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
      await page.keyboard.type('5');
      await page.keyboard.press('Tab');
      await at(page, ids[0], 'Quantity').getByText('5', { exact: true }).waitFor();
      expect(await focused()).toEqual([ids[0], 'Ok']);
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await at(page, ids[0], 'Kind').getByText('two').waitFor();
      expect(await focused()).toEqual([ids[0], 'Kind']);
      // Out of the table with one key, whatever its size.
      await page.keyboard.press('Shift+Tab');
      expect(await focus.getAttribute('id')).toBe('new');
    });
  });

  test('a refusal is seen: comment, Sync Status, mark and filter; a hostile title is text', async () => {
    await inPage({ width: 390, height: 844, colorScheme: 'dark' }, async (page) => {
      await at(page, ids[1], 'Name').getByText(HOSTILE).waitFor();
      await client(sandbox).comments.create({
        parent: { page_id: ids[4] ?? '' },
        rich_text: text(`Not taken over ${HOSTILE}`),
      });
      sandbox.control.editPage(ids[4] ?? '', { 'Sync Status': { rich_text: text('Refused: too many') } });
      await page.locator('.toast').getByText('Not taken over').waitFor();
      await page.getByRole('button', { name: 'Notes (1)' }).click();
      await page.getByText('1 page', { exact: true }).waitFor();
      await at(page, ids[4], 'Sync Status').getByText('Refused: too many').waitFor();
      await page.locator(`tr[data-page="${ids[4]}"]`).getByRole('gridcell', { name: '1 comment' }).click();
      await page.getByRole('dialog', { name: 'Comments' }).getByText('Not taken over').waitFor();
      await page.getByRole('textbox', { name: 'comment' }).fill('Understood');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog', { name: 'Comments' }).getByText('Understood').waitFor();
      expect(await faultsOfAxe(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Notes (1)' }).click();
      await at(page, ids[0], 'Name').waitFor();
      expect(await page.title()).toBe('Orders · Notion sandbox');
      // Nothing but the table itself is wider than a phone.
      expect(await page.locator('html').evaluate((node: { scrollWidth: number }) => node.scrollWidth)).toBe(
        390,
      );
      expect(await faultsOfAxe(page)).toEqual([]);
    });
  });

  test('search and order go over all pages; a wide screen in light colours is accessible too', async () => {
    await inPage({}, async (page) => {
      expect(await faultsOfAxe(page)).toEqual([]);
      await page.getByRole('columnheader', { name: 'Quantity' }).getByRole('button').click();
      await page.getByRole('button', { name: 'Sort descending' }).click();
      await expect
        .poll(() => page.locator('#rows tr[data-page]').first().getAttribute('data-page'), PATIENT)
        .toBe(ids.at(-1));
      expect(await page.getByRole('columnheader', { name: 'Quantity' }).getAttribute('aria-sort')).toBe(
        'descending',
      );
      await page.getByRole('searchbox').fill('orders/4321');
      await page.getByText('1 page', { exact: true }).waitFor();
      await at(page, ids[4321], 'Name').getByText('Order 4321').waitFor();
    });
  });

  test('cells stay with their properties when the schema and values change at once', async () => {
    await inPage({}, async (page) => {
      sandbox.control.deleteProperty(source, 'Ok');
      sandbox.control.addProperty(source, 'Colours', { multi_select: {} });
      sandbox.control.editPage(ids[5] ?? '', {
        Colours: { multi_select: [{ name: 'green' }] },
        Notes: { rich_text: text('noted anew') },
      });
      await at(page, ids[5], 'Colours').getByText('green').waitFor();
      await at(page, ids[5], 'Notes').getByText('noted anew').waitFor();
      expect(await page.getByRole('columnheader', { name: 'Ok' }).count()).toBe(0);
    });
  });
});
