import { describe, expect, test } from 'vitest';
import { desk, NOON, named, refusal, type Values } from './support.ts';

describe('relations', () => {
  const two = async () => {
    const made = await desk();
    const parts = (await made.database({}, 'Parts')).dataSourceId;
    const dual = { data_source_id: parts, dual_property: { synced_property_name: 'Used in' } };
    const kits = (await made.database({ Parts: { relation: dual } }, 'Kits')).dataSourceId;
    return { ...made, parts, kits };
  };
  const related = (...ids: string[]): Values => ({ Parts: { relation: ids.map((id) => ({ id })) } });

  test('the other end follows and does not count as edited', async () => {
    const { notion, parts, kits, page, clock } = await two();
    const [bolt, nut] = [await page(parts, named('bolt')), await page(parts, named('nut'))];
    clock.now = NOON + 300_000;
    const kit = await page(kits, { ...named('kit'), ...related(bolt.id) });
    expect(await notion.pages.retrieve({ page_id: bolt.id })).toMatchObject({
      last_edited_time: bolt.last_edited_time,
      properties: { 'Used in': { relation: [{ id: kit.id }], has_more: false } },
    });
    await notion.pages.update({ page_id: nut.id, properties: { 'Used in': { relation: [{ id: kit.id }] } } });
    expect(await notion.pages.retrieve({ page_id: kit.id })).toMatchObject({
      properties: { Parts: { relation: [{ id: bolt.id }, { id: nut.id }] } },
    });
    await notion.pages.update({ page_id: kit.id, properties: related(nut.id) });
    expect(await notion.pages.retrieve({ page_id: bolt.id })).toMatchObject({
      properties: { 'Used in': { relation: [] } },
    });
    const source = await notion.dataSources.retrieve({ data_source_id: kits });
    expect(source.properties.Parts).toMatchObject({
      relation: {
        type: 'dual_property',
        data_source_id: parts,
        dual_property: { synced_property_name: 'Used in' },
      },
    });
  });

  test('a target must be there, be shared and be of that data source', async () => {
    const { notion, parts, kits, page, sandbox } = await two();
    const [bolt, kit] = [await page(parts, named('bolt')), await page(kits, named('kit'))];
    const write = (id: string) => refusal(notion.pages.update({ page_id: kit.id, properties: related(id) }));
    expect(await write('11111111-2222-4333-8444-555555555555')).toMatchObject({ status: 404 });
    expect(await write(kit.id)).toMatchObject({ status: 400 });
    await notion.pages.update({ page_id: kit.id, properties: related(bolt.id) });
    sandbox.control.unshare(parts);
    expect(await notion.pages.retrieve({ page_id: kit.id })).toMatchObject({
      properties: { Parts: { relation: [] } },
    });
    expect(await notion.dataSources.retrieve({ data_source_id: kits })).not.toHaveProperty(
      'properties.Parts',
    );
    sandbox.control.share(parts);
    sandbox.control.unshare(bolt.id);
    expect(await write(bolt.id)).toMatchObject({ status: 404 });
  });

  test('a page shows 25 of them, the property endpoint all', async () => {
    const { notion, parts, kits, page } = await two();
    const ids: string[] = [];
    for (let i = 0; i < 30; i += 1) ids.push((await page(parts, named(`p${i}`))).id);
    const kit = await page(kits, related(...ids));
    expect(kit.properties.Parts).toMatchObject({ has_more: true, relation: { length: 25 } });
    const property_id = kit.properties.Parts?.id ?? '';
    const seen: unknown[] = [];
    let start_cursor: string | undefined;
    do {
      const answer = await notion.pages.properties.retrieve({
        page_id: kit.id,
        property_id,
        page_size: 20,
        ...(start_cursor && { start_cursor }),
      });
      if (answer.object !== 'list') throw new Error('not a list');
      expect(answer.property_item).toMatchObject({
        id: property_id,
        type: 'relation',
        next_url: answer.has_more ? expect.stringContaining('start_cursor=') : null,
      });
      seen.push(...answer.results.map((item) => item.type === 'relation' && item.relation.id));
      start_cursor = answer.next_cursor ?? undefined;
    } while (start_cursor !== undefined);
    expect(seen).toEqual(ids);
    const title = await notion.pages.properties.retrieve({ page_id: kit.id, property_id: 'title' });
    expect(title).toMatchObject({ object: 'list', results: [] });
  });

  test('a single value comes as one item', async () => {
    const { notion, database, page } = await desk();
    const { dataSourceId } = await database({ 'A & B': { number: {} } });
    const made = await page(dataSourceId, { 'A & B': { number: 2 } });
    const property_id = made.properties['A & B']?.id ?? '';
    expect(await notion.pages.properties.retrieve({ page_id: made.id, property_id })).toMatchObject({
      object: 'property_item',
      type: 'number',
      number: 2,
    });
  });

  test('rollups of a relation are computed, formulas answer what they are told, neither moves a time', async () => {
    const { notion, parts, kits, page, sandbox, clock } = await two();
    sandbox.control.addProperty(parts, 'Price', { number: {} });
    sandbox.control.addProperty(kits, 'Total', {
      rollup: { relation_property_name: 'Parts', rollup_property_name: 'Price', function: 'sum' },
    });
    sandbox.control.addProperty(kits, 'F', { formula: { expression: '1 + 1' } });
    const a = await page(parts, { Price: { number: 2 } });
    const b = await page(parts, { Price: { number: 3 } });
    const kit = await page(kits, related(a.id, b.id));
    clock.now = NOON + 300_000;
    await notion.pages.update({ page_id: b.id, properties: { Price: { number: 5 } } });
    sandbox.control.setComputed(kit.id, 'F', { type: 'number', number: 2 });
    expect(await notion.pages.retrieve({ page_id: kit.id })).toMatchObject({
      last_edited_time: kit.last_edited_time,
      properties: {
        Total: { rollup: { type: 'number', number: 7, function: 'sum' } },
        F: { formula: { type: 'number', number: 2 } },
      },
    });
  });
});
