import { describe, expect, test } from 'vitest';
import { type Desk, desk, named, refusal, text } from './support.ts';

type Update = NonNullable<Parameters<Desk['notion']['dataSources']['update']>[0]['properties']>;

describe('schemas', () => {
  test('a database lists its data sources, the schema is theirs', async () => {
    const { notion, database } = await desk();
    const { databaseId, dataSourceId } = await database({
      N: { number: { format: 'dollar' } },
      S: { status: {} },
    });
    const base = await notion.databases.retrieve({ database_id: databaseId });
    expect(base).toMatchObject({
      object: 'database',
      data_sources: [{ id: dataSourceId }],
      title: [{ plain_text: 'Things' }],
    });
    expect(base).not.toHaveProperty('properties');
    const source = await notion.dataSources.retrieve({ data_source_id: dataSourceId });
    expect(source).toMatchObject({
      parent: { type: 'database_id', database_id: databaseId },
      properties: {
        Name: { id: 'title', type: 'title' },
        N: { number: { format: 'dollar' } },
        S: {
          status: {
            options: { length: 3 },
            groups: [{ name: 'To-do' }, { name: 'In progress' }, { name: 'Complete' }],
          },
        },
      },
    });
  });

  test('a database as parent works while it has one data source', async () => {
    const { notion, database } = await desk();
    const { databaseId, dataSourceId } = await database();
    const parent = { type: 'database_id', database_id: databaseId } as const;
    expect(await notion.pages.create({ parent, properties: named('a') })).toMatchObject({
      parent: { data_source_id: dataSourceId },
    });
    await notion.dataSources.create({
      parent: { type: 'database_id', database_id: databaseId },
      properties: { Other: { title: {} } },
    });
    expect(await refusal(notion.pages.create({ parent, properties: named('b') }))).toMatchObject({
      status: 400,
    });
  });

  test('a renamed property keeps its id and values, a removed one loses them', async () => {
    const { notion, database, page } = await desk();
    const { dataSourceId } = await database({ N: { number: {} }, T: { rich_text: {} } });
    const made = await page(dataSourceId, { N: { number: 7 }, T: { rich_text: text('x') } });
    const before = made.properties.N?.id;
    await notion.dataSources.update({
      data_source_id: dataSourceId,
      properties: { N: { name: 'Count' }, T: null, New: { checkbox: {} } } as Update,
    });
    const after = await notion.pages.retrieve({ page_id: made.id });
    expect(after).toMatchObject({
      properties: { Count: { id: before, number: 7 }, New: { checkbox: false } },
    });
    expect(after).not.toHaveProperty('properties.T');
    expect(after).not.toHaveProperty('properties.N');
    const write = notion.pages.update({ page_id: made.id, properties: { T: { rich_text: [] } } });
    expect(await refusal(write)).toMatchObject({ message: 'T is not a property that exists.' });
    const clash = notion.dataSources.update({
      data_source_id: dataSourceId,
      properties: { New: { name: 'Count' } } as Update,
    });
    expect(await refusal(clash)).toMatchObject({ status: 400 });
  });

  test('options that an update leaves out are gone, with the values that had them', async () => {
    const { notion, database, page } = await desk();
    const { dataSourceId } = await database({
      K: { select: { options: [{ name: 'a' }, { name: 'b', color: 'red' }] } },
      M: { multi_select: { options: [{ name: 'x' }, { name: 'y' }] } },
    });
    const made = await page(dataSourceId, {
      K: { select: { name: 'b' } },
      M: { multi_select: [{ name: 'x' }, { name: 'y' }] },
    });
    const ids = (made.properties.M as { multi_select: { id: string }[] }).multi_select.map(
      (option) => option.id,
    );
    await notion.dataSources.update({
      data_source_id: dataSourceId,
      properties: {
        K: { select: { options: [{ name: 'A' }, { name: 'c' }] } },
        M: { multi_select: { options: [{ name: 'y' }] } },
      },
    });
    expect(await notion.pages.retrieve({ page_id: made.id })).toMatchObject({
      last_edited_time: made.last_edited_time,
      properties: { K: { select: null }, M: { multi_select: [{ id: ids[1], name: 'y' }] } },
    });
    const source = await notion.dataSources.retrieve({ data_source_id: dataSourceId });
    expect(source.properties.K).toMatchObject({ select: { options: [{ name: 'a' }, { name: 'c' }] } });
    const recolour = { M: { multi_select: { options: [{ name: 'y', color: 'red' as const }] } } };
    expect(
      await refusal(notion.dataSources.update({ data_source_id: dataSourceId, properties: recolour })),
    ).toMatchObject({
      message: 'Cannot update color of select with name: y.',
    });
  });

  test('text becomes a number where it is one', async () => {
    const { notion, database, page } = await desk();
    const { dataSourceId } = await database({ T: { rich_text: {} } });
    const good = await page(dataSourceId, { T: { rich_text: text('12.5') } });
    const bad = await page(dataSourceId, { T: { rich_text: text('twelve') } });
    await notion.dataSources.update({ data_source_id: dataSourceId, properties: { T: { number: {} } } });
    expect(await notion.pages.retrieve({ page_id: good.id })).toMatchObject({
      properties: { T: { number: 12.5 } },
    });
    expect(await notion.pages.retrieve({ page_id: bad.id })).toMatchObject({
      properties: { T: { number: null } },
    });
  });

  test('a person renames an option and its id stays; a numbering added later counts the rows', async () => {
    const { notion, database, page, sandbox } = await desk();
    const { dataSourceId } = await database({ K: { select: { options: [{ name: 'a' }] } } });
    const made = await page(dataSourceId, { K: { select: { name: 'a' } } });
    sandbox.control.renameOption(dataSourceId, 'K', 'a', 'z');
    sandbox.control.addProperty(dataSourceId, 'No', { unique_id: { prefix: 'X' } });
    const next = await page(dataSourceId, named('n'));
    expect(await notion.pages.retrieve({ page_id: made.id })).toMatchObject({
      last_edited_time: made.last_edited_time,
      properties: {
        K: { select: { id: (made.properties.K as { select: { id: string } }).select.id, name: 'z' } },
        No: { unique_id: { number: 1 } },
      },
    });
    expect(next.properties.No).toMatchObject({ unique_id: { prefix: 'X', number: 2 } });
  });
});
