import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findChromium } from '../support/chromium.ts';
import { desk, named } from './support.ts';

const path = findChromium();
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

describe.skipIf(path === null)('the page that a person edits in', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: path ?? '', args: ARGS });
  });
  afterAll(() => browser.close());

  async function open() {
    const made = await desk();
    const parts = (await made.database({}, 'Parts')).dataSourceId;
    const kits = (
      await made.database(
        {
          N: { number: {} },
          Ok: { checkbox: {} },
          K: { select: { options: [{ name: 'one' }, { name: 'two' }] } },
          M: { multi_select: {} },
          D: { date: {} },
          U: { url: {} },
          Parts: { relation: { data_source_id: parts, single_property: {} } },
        },
        'Kits',
      )
    ).dataSourceId;
    const bolt = await made.page(parts, named('bolt'));
    const kit = await made.page(kits, named('kit'));
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    onTestFinished(async () => {
      await page.close();
      expect(faults).toEqual([]);
    });
    await page.goto(made.sandbox.url);
    await page.getByRole('button', { name: /^Kits/ }).click();
    await cell(page, kit.id, 'Name').getByText('kit').waitFor();
    const value = (name: string) => made.sandbox.control.page(kit.id).properties[name];
    return { ...made, page, kits, kit, bolt, value };
  }

  const cell = (page: Page, id: string, name: string) =>
    page.locator(`tr[data-page="${id}"] td[data-property="${name}"]`);

  test('each type is edited in its place', async () => {
    const { page, kit, bolt, value, sandbox } = await open();
    const type = async (name: string, text: string) => {
      await cell(page, kit.id, name).click();
      await page.getByRole('textbox', { name: 'value' }).fill(text);
      await page.keyboard.press('Enter');
    };
    await type('Name', 'box');
    await type('N', '12.5');
    await type('U', 'https://example.com');
    await cell(page, kit.id, 'Ok').click();
    await cell(page, kit.id, 'K').click();
    await page.locator('.popover').getByText('two').click();
    await cell(page, kit.id, 'M').click();
    await page.locator('.popover input').fill('fresh');
    await page.keyboard.press('Enter');
    await cell(page, kit.id, 'M').getByText('fresh').waitFor();
    await page.keyboard.press('Escape');
    await cell(page, kit.id, 'Parts').click();
    await page.locator('.popover').getByText('bolt').click();
    await cell(page, kit.id, 'Parts').getByText('bolt').waitFor();
    await page.keyboard.press('Escape');
    await cell(page, kit.id, 'D').click();
    await page.getByLabel('start date').fill('2026-03-01');
    await page.getByRole('button', { name: 'Save' }).click();
    await cell(page, kit.id, 'D').getByText('2026-03-01').waitFor();
    expect(value('Name')).toMatchObject({ title: [{ plain_text: 'box' }] });
    expect(value('N')).toMatchObject({ number: 12.5 });
    expect(value('U')).toMatchObject({ url: 'https://example.com' });
    expect(value('Ok')).toMatchObject({ checkbox: true });
    expect(value('K')).toMatchObject({ select: { name: 'two' } });
    expect(value('M')).toMatchObject({ multi_select: [{ name: 'fresh' }] });
    expect(value('Parts')).toMatchObject({ relation: [{ id: bolt.id }] });
    expect(value('D')).toMatchObject({ date: { start: '2026-03-01' } });
    expect(sandbox.control.page(kit.id)).toMatchObject({ last_edited_by: { id: sandbox.control.personId } });
    expect(sandbox.control.requests().every((request) => request.operation !== 'pages.update')).toBe(true);
  });

  test('what the connection writes shows by itself and flashes, an open editor stays', async () => {
    const { page, kit, notion } = await open();
    await cell(page, kit.id, 'Name').click();
    await page.getByRole('textbox', { name: 'value' }).fill('half typ');
    await notion.pages.update({
      page_id: kit.id,
      properties: { N: { number: 77 }, Name: { title: [{ text: { content: 'theirs' } }] } },
    });
    await cell(page, kit.id, 'N').getByText('77').waitFor();
    expect(await cell(page, kit.id, 'N').getAttribute('class')).toContain('flash');
    expect(await page.getByRole('textbox', { name: 'value' }).inputValue()).toBe('half typ');
    await page.keyboard.press('Escape');
    await cell(page, kit.id, 'Name').getByText('theirs').waitFor();
  });

  test('a new page, the trash bin and back, and the search box', async () => {
    const { page, kit, kits, sandbox } = await open();
    await page.getByRole('button', { name: 'New page' }).click();
    await page.getByRole('textbox', { name: 'value' }).fill('second');
    await page.keyboard.press('Enter');
    await page.getByText('2 pages').waitFor();
    await page.getByRole('searchbox').fill('sec');
    await page.getByText('1 page', { exact: true }).waitFor();
    await page.getByRole('searchbox').fill('');
    await page.locator(`tr[data-page="${kit.id}"]`).getByRole('button', { name: 'Trash' }).click();
    await page.getByRole('button', { name: 'Trash bin (1)' }).click();
    expect(sandbox.control.titles(kits).map((one) => one.title)).toEqual(['second']);
    await page.locator(`tr[data-page="${kit.id}"]`).getByRole('button', { name: 'Restore' }).click();
    await page.getByText('The trash bin is empty.').waitFor();
    expect(sandbox.control.titles(kits).map((one) => one.title)).toEqual(['kit', 'second']);
  });
});
