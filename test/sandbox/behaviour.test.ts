import { describe, expect, test } from 'vitest';
import { brokenPage, unsavedTransactions } from '../../src/sandbox/notion/faults.ts';
import { desk, NOON, named, refusal, text, type Values } from './support.ts';

// How Notion behaves in ways that its documents leave open, and how it fails: each settable by a test.

describe('what queries see late', () => {
  test('a write is seen after its lag, drawn between two times, in the order of the writes', async () => {
    const { notion, database, page, sandbox, clock } = await desk();
    const { dataSourceId } = await database({ N: { number: {} } });
    const listed = async () =>
      (await notion.dataSources.query({ data_source_id: dataSourceId })).results.map((one) => one.id);
    const old = await page(dataSourceId, { N: { number: 1 } });
    sandbox.control.setQueryLag(2_000, 30_000);
    await page(dataSourceId, { N: { number: 2 } });
    await notion.pages.update({ page_id: old.id, properties: { N: { number: 3 } } });
    await notion.pages.update({ page_id: old.id, in_trash: true });
    clock.now = NOON + 1_999;
    const { results } = await notion.dataSources.query({ data_source_id: dataSourceId });
    expect(results).toMatchObject([{ id: old.id, in_trash: false, properties: { N: { number: 1 } } }]);
    expect(await notion.pages.retrieve({ page_id: old.id })).toMatchObject({
      in_trash: true,
      properties: { N: { number: 3 } },
    });
    clock.now = NOON + 30_000;
    expect(await listed()).toHaveLength(1);
    expect(await listed()).not.toContain(old.id);
  });

  test('a schema PATCH makes queries miss a share of the rows for a time, and no row made since', async () => {
    const { notion, database, page, sandbox, clock } = await desk();
    const { dataSourceId } = await database();
    for (let i = 0; i < 40; i += 1) await page(dataSourceId, named(String(i)));
    const count = async () =>
      (await notion.dataSources.query({ data_source_id: dataSourceId })).results.length;
    const patch = (name: string) =>
      notion.dataSources.update({ data_source_id: dataSourceId, properties: { [name]: { number: {} } } });
    sandbox.control.setSchemaBlackout({ ms: 15_000, share: 0.5 });
    expect(await count()).toBe(40);
    await patch('A');
    const seen = await count();
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThan(40);
    expect(await count()).toBe(seen);
    clock.now = NOON + 1;
    await page(dataSourceId, named('new'));
    expect(await count()).toBe(seen + 1);
    clock.now = NOON + 15_000;
    expect(await count()).toBe(41);
    sandbox.control.setSchemaBlackout({ ms: 15_000, share: 1 });
    await patch('B');
    expect(await count()).toBe(0);
    sandbox.control.setSchemaBlackout(null);
    expect(await count()).toBe(41);
  });
});

test('a relation lists targets that are in the trash, or does not, in the page and by itself', async () => {
  const { notion, database, page, sandbox } = await desk();
  const parts = (await database({}, 'Parts')).dataSourceId;
  const kits = (
    await database({ Parts: { relation: { data_source_id: parts, single_property: {} } } }, 'Kits')
  ).dataSourceId;
  const [bolt, nut] = [await page(parts, named('bolt')), await page(parts, named('nut'))];
  const kit = await page(kits, { Parts: { relation: [{ id: bolt.id }, { id: nut.id }] } });
  await notion.pages.update({ page_id: nut.id, in_trash: true });
  const shown = async () => {
    const whole = await notion.pages.retrieve({ page_id: kit.id });
    const item = await notion.pages.properties.retrieve({
      page_id: kit.id,
      property_id: kit.properties.Parts?.id ?? '',
    });
    return { whole, count: item.object === 'list' ? item.results.length : -1 };
  };
  expect(await shown()).toMatchObject({
    whole: { properties: { Parts: { relation: { length: 2 } } } },
    count: 2,
  });
  sandbox.control.setBehaviour({ trashedRelationTargets: false });
  expect(await shown()).toMatchObject({
    whole: { properties: { Parts: { relation: [{ id: bolt.id }] } } },
    count: 1,
  });
});

test('bodies take a property by its name or its decoded id; addresses take the encoded one', async () => {
  const { notion, database, page, sandbox } = await desk();
  const { dataSourceId } = await database({ N: { number: {} } });
  sandbox.control.setBehaviour({ encodedIdsInBodies: false });
  const made = await page(dataSourceId, { N: { number: 1 } });
  const id = made.properties.N?.id ?? '';
  expect(id).toMatch(/%[0-9A-F]{2}/);
  const write = (key: string) =>
    notion.pages.update({ page_id: made.id, properties: { [key]: { number: 2 } } });
  expect(await write(decodeURIComponent(id))).toMatchObject({ properties: { N: { number: 2 } } });
  expect(await refusal(write(id))).toMatchObject({ message: `${id} is not a property that exists.` });
  const query = (property: string) =>
    notion.dataSources.query({
      data_source_id: dataSourceId,
      filter: { property, number: { equals: 2 } },
      sorts: [{ property, direction: 'ascending' }],
    });
  expect((await query(decodeURIComponent(id))).results).toHaveLength(1);
  expect(await refusal(query(id))).toMatchObject({ status: 400 });
  const fetched = await fetch(`${sandbox.url}/v1/pages/${made.id}?filter_properties=${id}`, {
    headers: { authorization: `Bearer ${sandbox.token}`, 'notion-version': '2026-03-11' },
  });
  expect(Object.keys(((await fetched.json()) as typeof made).properties)).toEqual(['N']);
});

describe('limits', () => {
  const options = (count: number, from = 0) =>
    Array.from({ length: count }, (_, i) => ({ name: `o${i + from}` }));

  test('a schema request lists at most 100 options', async () => {
    const { notion, database } = await desk();
    const { dataSourceId } = await database({ K: { select: { options: options(100) } } });
    const patch = (properties: Parameters<typeof notion.dataSources.update>[0]['properties']) =>
      refusal(notion.dataSources.update({ data_source_id: dataSourceId, ...(properties && { properties }) }));
    expect(await patch({ M: { multi_select: { options: options(101) } } })).toMatchObject({
      message:
        'body failed validation: body.properties.M.multi_select.options.length should be ≤ `100`, instead was `101`.',
    });
    const halves = { A: { select: { options: options(60) } }, B: { select: { options: options(60) } } };
    expect(await patch(halves)).toMatchObject({ message: expect.stringContaining('≤ `100`') });
  });

  test('a list of options removes what it leaves out, or keeps it', async () => {
    const { notion, database, sandbox } = await desk();
    const { dataSourceId } = await database({ K: { select: { options: options(100) } } });
    const patch = () =>
      notion.dataSources.update({
        data_source_id: dataSourceId,
        properties: { K: { select: { options: options(20, 100) } } },
      });
    sandbox.control.setBehaviour({ omittedOptions: 'kept' });
    expect(await patch()).toMatchObject({ properties: { K: { select: { options: { length: 120 } } } } });
    sandbox.control.setBehaviour({ omittedOptions: 'removed' });
    expect(await patch()).toMatchObject({ properties: { K: { select: { options: { length: 20 } } } } });
  });

  test('e-mail addresses and phone numbers have 100 characters, or 200', async () => {
    const { database, page, sandbox } = await desk();
    const { dataSourceId } = await database({ Mail: { email: {} }, Phone: { phone_number: {} } });
    const long = { Mail: { email: 'm'.repeat(101) }, Phone: { phone_number: '1'.repeat(150) } };
    expect(await refusal(page(dataSourceId, { Phone: long.Phone }))).toMatchObject({
      message:
        'body failed validation: body.properties.Phone.phone_number.length should be ≤ `100`, instead was `150`.',
    });
    sandbox.control.setBehaviour({ contactLength: 200 });
    expect(await page(dataSourceId, long)).toMatchObject({ properties: long });
  });

  const many = <T>(item: T): T[] => Array.from({ length: 101 }, () => item);
  const id = '5a4db000-0000-4000-8000-000000000ada';
  test.each<[string, Values[string]]>([
    ['Text', { rich_text: many({ text: { content: 'x' } }) }],
    ['People', { people: many({ id }) }],
    ['Self', { relation: many({ id }) }],
    ['Docs', { files: many({ name: 'a', external: { url: 'https://a.example' } }) }],
  ])('%s takes 100 elements in a write', async (name, value) => {
    const { database, page, sandbox } = await desk();
    const { dataSourceId } = await database({
      Text: { rich_text: {} },
      People: { people: {} },
      Docs: { files: {} },
    });
    sandbox.control.addProperty(dataSourceId, 'Self', {
      relation: { data_source_id: dataSourceId, single_property: {} },
    });
    const refused = await refusal(page(dataSourceId, { [name]: value } as Values));
    expect(refused.message).toContain('length should be ≤ `100`, instead was `101`');
  });

  test('an address has 2,000 characters', async () => {
    const { database, page } = await desk();
    const { dataSourceId } = await database({ Site: { url: {} }, Notes: { rich_text: {} } });
    const url = `https://a.example/${'x'.repeat(2000)}`;
    expect(await refusal(page(dataSourceId, { Site: { url } }))).toMatchObject({ status: 400 });
    const linked = [{ text: { content: 'x', link: { url } } }];
    expect(await refusal(page(dataSourceId, { Notes: { rich_text: linked } }))).toMatchObject({
      status: 400,
    });
    expect(await page(dataSourceId, { Notes: { rich_text: text('x'.repeat(2000)) } })).toHaveProperty('id');
  });
});

describe('failures', () => {
  test('one page fails for good in one kind of request, in either spelling of its id', async () => {
    const { notion, database, page, sandbox } = await desk();
    const { dataSourceId } = await database();
    const [bad, good] = [await page(dataSourceId, named('bad')), await page(dataSourceId, named('good'))];
    sandbox.control.faults.add(brokenPage(bad.id));
    sandbox.control.faults.add(brokenPage(bad.id, 'pages.update'));
    const read = (page_id: string) => notion.pages.properties.retrieve({ page_id, property_id: 'title' });
    for (const id of [bad.id, bad.id.replaceAll('-', '')])
      expect(await refusal(read(id))).toMatchObject({ status: 500 });
    expect(await refusal(notion.pages.update({ page_id: bad.id, properties: {} }))).toMatchObject({
      status: 500,
    });
    expect(await read(good.id)).toHaveProperty('object', 'list');
    expect(await notion.pages.retrieve({ page_id: bad.id })).toHaveProperty('id', bad.id);
  });

  test('a passing fault is dressed as a refusal for its time', async () => {
    const { notion, database, page, sandbox, clock } = await desk();
    const { dataSourceId } = await database();
    sandbox.control.faults.add(unsavedTransactions(4_000, { operation: 'pages.create' }));
    clock.now = NOON + 3_999;
    expect(await refusal(page(dataSourceId, named('a')))).toEqual({
      status: 400,
      code: 'validation_error',
      message: 'Unsaved transactions: runQuery',
    });
    expect(await notion.dataSources.retrieve({ data_source_id: dataSourceId })).toHaveProperty('id');
    clock.now = NOON + 4_000;
    expect(await page(dataSourceId, named('a'))).toHaveProperty('id');
  });

  test('a connection that lost a capability is refused every request of that kind', async () => {
    const { notion, database, page, sandbox, clock } = await desk();
    const { dataSourceId } = await database();
    const made = await page(dataSourceId, named('a'));
    sandbox.control.withdrawCapability('insert content');
    sandbox.control.withdrawCapability('insert comments', 5_000);
    const refused = { status: 403, code: 'restricted_resource' };
    expect(await refusal(page(dataSourceId, named('b')))).toMatchObject(refused);
    const comment = () => notion.comments.create({ parent: { page_id: made.id }, rich_text: text('hello') });
    expect(await refusal(comment())).toMatchObject(refused);
    expect(await notion.pages.update({ page_id: made.id, properties: named('c') })).toHaveProperty('id');
    clock.now = NOON + 5_000;
    expect(await comment()).toHaveProperty('id');
    sandbox.control.grantCapability('insert content');
    expect(await page(dataSourceId, named('b'))).toHaveProperty('id');
    sandbox.control.withdrawCapability('read content');
    expect(await refusal(notion.pages.retrieve({ page_id: made.id }))).toMatchObject(refused);
  });
});
