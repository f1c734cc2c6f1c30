import { describe, expect, test } from 'vitest';
import { desk, NOON, named, refusal, text } from './support.ts';

describe('trash, archive and moves', () => {
  test('a trashed page is gone from queries, can be had by id, and takes no edits', async () => {
    const { notion, database, page, clock } = await desk();
    const { dataSourceId, databaseId } = await database({ N: { number: {} } });
    const made = await page(dataSourceId, named('a'));
    clock.now = NOON + 300_000;
    await notion.pages.update({ page_id: made.id, in_trash: true });
    expect((await notion.dataSources.query({ data_source_id: dataSourceId })).results).toEqual([]);
    expect(await notion.pages.retrieve({ page_id: made.id })).toMatchObject({
      in_trash: true,
      last_edited_time: made.last_edited_time,
    });
    const edit = { page_id: made.id, properties: { N: { number: 1 } } };
    expect(await refusal(notion.pages.update(edit))).toEqual({
      status: 400,
      code: 'validation_error',
      message: "Can't edit block that is archived. You must unarchive the block before editing.",
    });
    expect(await notion.pages.update({ ...edit, in_trash: false })).toMatchObject({
      in_trash: false,
      properties: { N: { number: 1 } },
    });
    expect((await notion.dataSources.query({ data_source_id: dataSourceId })).results).toHaveLength(1);
    await notion.databases.update({ database_id: databaseId, in_trash: true });
    expect(await notion.pages.retrieve({ page_id: made.id })).toMatchObject({ in_trash: true });
    expect(
      await refusal(
        notion.pages.create({
          parent: { type: 'data_source_id', data_source_id: dataSourceId },
          properties: {},
        }),
      ),
    ).toMatchObject({ status: 400 });
  });

  test('an archived page is another thing', async () => {
    const { notion, database, page, sandbox } = await desk();
    const { dataSourceId } = await database();
    const made = await page(dataSourceId, named('a'));
    sandbox.control.archivePage(made.id);
    expect(await notion.pages.retrieve({ page_id: made.id })).toMatchObject({
      in_trash: false,
      is_archived: true,
    });
    expect((await notion.dataSources.query({ data_source_id: dataSourceId })).results).toEqual([]);
    const listed = await notion.request({
      method: 'post',
      path: `data_sources/${dataSourceId}/query`,
      body: { is_archived: true },
    });
    expect(listed).toMatchObject({ results: [{ id: made.id }] });
  });

  test('moved, copied, deleted', async () => {
    const { notion, database, page, sandbox } = await desk();
    const from = await database({ N: { number: {} }, K: { select: {} }, Id: { rich_text: {} } });
    const to = await database({ N: { number: {} }, K: { select: {} } }, 'Others');
    const made = await page(from.dataSourceId, {
      ...named('a'),
      N: { number: 4 },
      K: { select: { name: 'k' } },
      Id: { rich_text: text('1') },
    });
    const copy = sandbox.control.duplicatePage(made.id);
    expect(copy.id).not.toBe(made.id);
    expect(await notion.pages.retrieve({ page_id: copy.id })).toMatchObject({
      created_by: { id: sandbox.control.personId },
      properties: { Id: { rich_text: [{ plain_text: '1' }] }, K: { select: { name: 'k' } } },
    });
    sandbox.control.movePage(made.id, to.dataSourceId);
    expect(await notion.pages.retrieve({ page_id: made.id })).toMatchObject({
      parent: { data_source_id: to.dataSourceId, database_id: to.databaseId },
      properties: { Name: { title: [{ plain_text: 'a' }] }, N: { number: 4 }, K: { select: { name: 'k' } } },
    });
    await notion.pages.move({
      page_id: copy.id,
      parent: { type: 'data_source_id', data_source_id: to.dataSourceId },
    });
    expect((await notion.dataSources.query({ data_source_id: from.dataSourceId })).results).toEqual([]);
    sandbox.control.deleteForever(made.id);
    expect(await refusal(notion.pages.retrieve({ page_id: made.id }))).toMatchObject({ status: 404 });
  });
});
