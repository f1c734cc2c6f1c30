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

  test('what stands on a trashed page is in the trash with it, and comes back with it', async () => {
    const { notion, database, page, sandbox } = await desk();
    const { dataSourceId, databaseId } = await database();
    const row = await page(dataSourceId, named('a'));
    const above = await page(dataSourceId, named('above'));
    const inner = await notion.pages.create({
      parent: { type: 'page_id', page_id: above.id },
      properties: { title: { title: [{ text: { content: 'inner' } }] } },
    });
    const seen = async () => [
      (await notion.databases.retrieve({ database_id: databaseId })) as { in_trash?: boolean },
      (await notion.dataSources.retrieve({ data_source_id: dataSourceId })) as { in_trash?: boolean },
      (await notion.pages.retrieve({ page_id: row.id })) as { in_trash?: boolean },
      (await notion.pages.retrieve({ page_id: inner.id })) as { in_trash?: boolean },
    ];
    sandbox.control.trashPage(sandbox.parentPageId);
    expect((await seen()).map((each) => each.in_trash)).toEqual([true, true, true, true]);
    expect(sandbox.control.listDatabases()).toEqual([]);
    expect(await refusal(notion.dataSources.query({ data_source_id: dataSourceId }))).toMatchObject({
      status: 404,
    });
    for (const work of [
      () => notion.pages.update({ page_id: row.id, properties: named('b') }),
      () => page(dataSourceId, named('c')),
      () => database({}, 'Below'),
    ])
      expect(await refusal(work())).toMatchObject({ status: 400, code: 'validation_error' });
    sandbox.control.restorePage(sandbox.parentPageId);
    expect((await seen()).map((each) => each.in_trash)).toEqual([false, false, false, false]);
    // A database below a row of its own: nothing above it ends the search.
    sandbox.control.moveDatabase(databaseId, row.id);
    expect((await seen()).map((each) => each.in_trash)).toEqual([false, false, false, false]);
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
