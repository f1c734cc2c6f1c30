import { describe, expect, test } from 'vitest';
import { type Desk, desk, NOON, named, refusal, text } from './support.ts';

// What a person does in Notion's interface, as the API shows it afterwards.

const SCHEMA = {
  Kind: { select: { options: [{ name: 'Open' }, { name: 'Done' }] } },
  Tags: { multi_select: { options: [{ name: 'a' }, { name: 'b' }] } },
  Stage: { status: {} },
  Notes: { rich_text: {} },
  Docs: { files: {} },
  Due: { date: {} },
  Owner: { people: {} },
};
type Choices = Readonly<Record<string, { options: { id: string; name: string; color: string }[] }>>;
type Filed = { files: { name: string; type: string; file?: { url: string; expiry_time: string } }[] };

async function stage() {
  const made = await desk();
  const { databaseId, dataSourceId } = await made.database(SCHEMA);
  const { control } = made.sandbox;
  return { ...made, control, databaseId, dataSourceId };
}

const get = ({ notion }: Desk, id: string) => notion.pages.retrieve({ page_id: id });
async function optionsOf({ notion }: Desk, dataSourceId: string, name: string) {
  const { properties } = await notion.dataSources.retrieve({ data_source_id: dataSourceId });
  const property = properties[name] as unknown as Choices & { type: string };
  return property[property.type]?.options ?? [];
}

describe('properties', () => {
  test('a property that is deleted and restored keeps its id, its options and the values of its pages', async () => {
    const at = await stage();
    const page = await at.page(at.dataSourceId, { Notes: { rich_text: text('kept') } });
    const id = page.properties.Notes?.id;
    at.control.deleteProperty(at.dataSourceId, 'Notes');
    expect(await get(at, page.id)).not.toHaveProperty('properties.Notes');
    at.control.restoreProperty(at.dataSourceId, 'Notes');
    expect(await get(at, page.id)).toMatchObject({
      properties: { Notes: { id, rich_text: [{ plain_text: 'kept' }] } },
    });
    at.control.deleteProperty(at.dataSourceId, 'Notes');
    at.control.addProperty(at.dataSourceId, 'Notes', { rich_text: {} });
    const { properties } = (await get(at, page.id)) as typeof page;
    expect(properties.Notes).toMatchObject({ rich_text: [] });
    expect(properties.Notes?.id).not.toBe(id);
    expect(() => at.control.restoreProperty(at.dataSourceId, 'Notes')).toThrow('the name Notes is taken');
    at.control.renameProperty(at.dataSourceId, 'Notes', 'Remarks');
    at.control.restoreProperty(at.dataSourceId, 'Notes');
    expect(await get(at, page.id)).toMatchObject({ properties: { Notes: { id }, Remarks: {} } });
  });

  test('a two-way relation comes back with its other end', async () => {
    const at = await stage();
    const dual = { data_source_id: at.dataSourceId, dual_property: { synced_property_name: 'Parts' } };
    const other = await at.database({ Whole: { relation: dual } }, 'Parts');
    const whole = await at.page(at.dataSourceId, named('whole'));
    at.control.deleteProperty(other.dataSourceId, 'Whole');
    at.control.restoreProperty(other.dataSourceId, 'Whole');
    const part = await at.page(other.dataSourceId, { Whole: { relation: [{ id: whole.id }] } });
    expect(await get(at, whole.id)).toMatchObject({ properties: { Parts: { relation: [{ id: part.id }] } } });
  });

  test('another type keeps what fits it, under the same id', async () => {
    const at = await stage();
    const page = await at.page(at.dataSourceId, {
      Kind: { select: { name: 'Done' } },
      Notes: { rich_text: text('12') },
    });
    at.control.retypeProperty(at.dataSourceId, 'Kind', { multi_select: {} });
    at.control.retypeProperty(at.dataSourceId, 'Notes', { number: {} });
    expect(await get(at, page.id)).toMatchObject({
      properties: {
        Kind: { id: page.properties.Kind?.id, type: 'multi_select', multi_select: [{ name: 'Done' }] },
        Notes: { id: page.properties.Notes?.id, number: 12 },
      },
    });
    at.control.retypeProperty(at.dataSourceId, 'Kind', { rich_text: {} });
    expect(await get(at, page.id)).toMatchObject({
      properties: { Kind: { rich_text: [{ plain_text: 'Done' }] } },
    });
    expect(() => at.control.retypeProperty(at.dataSourceId, 'Nope', { number: {} })).toThrow('Nope');
  });
});

describe.each(['Kind', 'Tags', 'Stage'])('options of %s', (name) => {
  test('keep their id when renamed, and empty the pages when deleted', async () => {
    const at = await stage();
    const [first, second] = await optionsOf(at, at.dataSourceId, name);
    if (first === undefined || second === undefined) throw new Error('options are missing');
    const chosen = { id: second.id };
    const value =
      name === 'Kind'
        ? { select: chosen }
        : name === 'Tags'
          ? { multi_select: [chosen] }
          : { status: chosen };
    const page = await at.page(at.dataSourceId, { [name]: value });
    at.control.renameOption(at.dataSourceId, name, second.name.toUpperCase(), 'Renamed');
    at.control.recolourOption(at.dataSourceId, name, 'Renamed', 'pink');
    const shown = { id: second.id, name: 'Renamed', color: 'pink' };
    const type = page.properties[name]?.type ?? '';
    expect(await get(at, page.id)).toMatchObject({
      properties: { [name]: { [type]: name === 'Tags' ? [shown] : shown } },
    });
    expect(() => at.control.addOption(at.dataSourceId, name, 'RENAMED')).toThrow('must be unique');
    expect(() => at.control.renameOption(at.dataSourceId, name, first.name, 'renamed')).toThrow('unique');
    at.control.addOption(at.dataSourceId, name, 'Late');
    at.control.reorderOption(at.dataSourceId, name, 'Late', 0);
    expect((await optionsOf(at, at.dataSourceId, name))[0]).toMatchObject({ name: 'Late' });
    at.control.deleteOption(at.dataSourceId, name, 'renamed');
    const empty = name === 'Kind' ? null : name === 'Tags' ? [] : { name: first.name };
    expect(await get(at, page.id)).toMatchObject({ properties: { [name]: { [type]: empty } } });
    expect((await optionsOf(at, at.dataSourceId, name)).map((option) => option.id)).not.toContain(second.id);
  });
});

test('a status option changes its group', async () => {
  const at = await stage();
  at.control.regroupOption(at.dataSourceId, 'Stage', 'Not started', 'Complete');
  const { properties } = await at.notion.dataSources.retrieve({ data_source_id: at.dataSourceId });
  const options = await optionsOf(at, at.dataSourceId, 'Stage');
  expect(properties.Stage).toMatchObject({
    status: { groups: [{ option_ids: [] }, {}, { option_ids: [options[2]?.id, options[0]?.id] }] },
  });
});

describe('values', () => {
  test('a time is answered with the offset that it was typed with, a day stays a day', async () => {
    const at = await stage();
    const page = await at.page(at.dataSourceId, {});
    for (const start of ['2026-05-01T08:00:00.000+09:00', '2026-05-01T08:00:00.000-03:30', '2026-05-01']) {
      at.control.editPage(page.id, { Due: { date: { start, end: null } } });
      expect(await get(at, page.id)).toMatchObject({
        properties: { Due: { date: { start, end: null, time_zone: null } } },
      });
    }
  });

  test('styles, links, mentions and people are kept as they were typed', async () => {
    const at = await stage();
    const page = await at.page(at.dataSourceId, named('target'));
    at.control.editPage(page.id, {
      Notes: {
        rich_text: [
          { text: { content: 'bold' }, annotations: { bold: true } },
          { text: { content: 'link', link: { url: 'https://example.com/a' } } },
          { mention: { page: { id: page.id } } },
        ],
      },
      Owner: { people: [{ id: at.control.personId }] },
    });
    expect(await get(at, page.id)).toMatchObject({
      properties: {
        Notes: {
          rich_text: [
            { plain_text: 'bold', annotations: { bold: true } },
            { plain_text: 'link', href: 'https://example.com/a' },
            { plain_text: 'target', mention: { type: 'page' } },
          ],
        },
        Owner: { people: [{ id: at.control.personId }] },
      },
    });
  });

  test('an uploaded file stands beside links, is signed anew, and can be handed back unless that is refused', async () => {
    const at = await stage();
    const link = { name: 'a.pdf', external: { url: 'https://example.com/a.pdf' } };
    const page = await at.page(at.dataSourceId, { Docs: { files: [link] } });
    at.control.uploadFile(page.id, 'Docs', 'b c.pdf');
    const files = async () => ((await get(at, page.id)) as typeof page).properties.Docs as unknown as Filed;
    const [, hosted] = (await files()).files;
    expect(hosted).toMatchObject({
      name: 'b c.pdf',
      type: 'file',
      file: { url: expect.stringContaining('X-Amz') },
    });
    expect(Date.parse(hosted?.file?.expiry_time ?? '')).toBeGreaterThan(NOON);
    const address = hosted?.file?.url;
    expect((await files()).files[1]?.file?.url).toBe(address);
    at.clock.now += 3_600_000;
    expect((await files()).files[1]?.file?.url).not.toBe(address);
    at.control.setBehaviour({ hostedUrls: 'each answer' });
    expect((await files()).files[1]).not.toEqual((await files()).files[1]);
    const back = { page_id: page.id, properties: { Docs: { files: [hosted] } } } as unknown as Parameters<
      typeof at.notion.pages.update
    >[0];
    expect(await at.notion.pages.update(back)).toMatchObject({
      properties: { Docs: { files: [{ name: 'b c.pdf', type: 'file' }] } },
    });
    at.control.setBehaviour({ hostedFilesInWrites: false });
    expect(await refusal(at.notion.pages.update(back))).toMatchObject({
      status: 400,
      code: 'validation_error',
    });
    at.control.setBehaviour({ hostedFilesInWrites: true });
    const foreign = { name: 'x', type: 'file', file: { url: 'https://example.com/x' } };
    const wrong = { page_id: page.id, properties: { Docs: { files: [foreign] } } } as unknown as typeof back;
    expect(await refusal(at.notion.pages.update(wrong))).toMatchObject({ status: 400 });
  });
});

describe('pages and databases', () => {
  test('a row that becomes a plain page has a title only, and its values again when it comes back', async () => {
    const at = await stage();
    const page = await at.page(at.dataSourceId, { ...named('row'), Notes: { rich_text: text('n') } });
    at.control.makePlainPage(page.id);
    const plain = await get(at, page.id);
    expect(plain).toMatchObject({ parent: { type: 'page_id', page_id: at.sandbox.parentPageId } });
    expect(Object.keys((plain as typeof page).properties)).toEqual(['title']);
    expect((await at.notion.dataSources.query({ data_source_id: at.dataSourceId })).results).toEqual([]);
    at.control.movePage(page.id, at.dataSourceId);
    expect(await get(at, page.id)).toMatchObject({
      parent: { data_source_id: at.dataSourceId },
      properties: { Notes: { rich_text: [{ plain_text: 'n' }] } },
    });
  });

  test('a database is renamed, moved, trashed, restored, unshared, shared and deleted for good', async () => {
    const at = await stage();
    const page = await at.page(at.dataSourceId, named('row'));
    const base = () => at.notion.databases.retrieve({ database_id: at.databaseId });
    at.control.renameDatabase(at.databaseId, 'Renamed');
    const home = at.control.makePlainPage((await at.page(at.dataSourceId, named('home'))).id);
    at.control.moveDatabase(at.databaseId, home.id);
    expect(await base()).toMatchObject({ title: [{ plain_text: 'Renamed' }], parent: { page_id: home.id } });
    at.control.trashDatabase(at.databaseId);
    expect(await get(at, page.id)).toMatchObject({ in_trash: true });
    at.control.restoreDatabase(at.databaseId);
    at.control.trashDataSource(at.dataSourceId);
    expect(await get(at, page.id)).toMatchObject({ in_trash: true });
    at.control.trashDataSource(at.dataSourceId, false);
    expect(await get(at, page.id)).toMatchObject({ in_trash: false });
    at.control.unshare(at.databaseId);
    expect(await refusal(get(at, page.id))).toMatchObject({ status: 404 });
    at.control.share(at.databaseId);
    expect(await get(at, page.id)).toHaveProperty('id', page.id);
    at.control.deleteDatabaseForever(at.databaseId);
    expect(await refusal(base())).toMatchObject({ status: 404 });
    expect(await refusal(get(at, page.id))).toMatchObject({ status: 404 });
  });

  test('a locked page says so and still takes writes of the API', async () => {
    const at = await stage();
    const page = await at.page(at.dataSourceId, named('row'));
    at.control.lockPage(page.id);
    expect(await at.notion.pages.update({ page_id: page.id, properties: named('new') })).toMatchObject({
      is_locked: true,
      properties: { Name: { title: [{ plain_text: 'new' }] } },
    });
  });
});
