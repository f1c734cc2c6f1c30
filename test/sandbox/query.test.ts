import { isFullPage } from '@notionhq/client';
import { expect, test } from 'vitest';
import { client, type Desk, desk, NOON, named, refusal, text } from './support.ts';

type Query = Parameters<Desk['notion']['dataSources']['query']>[0];
type Filter = NonNullable<Query['filter']>;

const titleOf = (page: unknown): string => {
  const name = (page as { properties: { Name: { title: { plain_text: string }[] } } }).properties.Name;
  return name.title.map((run) => run.plain_text).join('');
};

async function fruit() {
  const made = await desk();
  const other = await made.database({}, 'Farms');
  const farm = await made.page(other.dataSourceId, named('farm'));
  const { dataSourceId } = await made.database({
    N: { number: {} },
    Ok: { checkbox: {} },
    Kind: { select: { options: [{ name: 'sweet' }, { name: 'bitter' }] } },
    Stage: { status: {} },
    Tags: { multi_select: {} },
    Day: { date: {} },
    Site: { url: {} },
    Id: { unique_id: { prefix: null } },
    Farm: { relation: { data_source_id: other.dataSourceId, single_property: {} } },
  });
  const row = async (name: string, n: number | null, minute: number, more = {}) => {
    made.clock.now = NOON + minute * 60_000;
    return made.page(dataSourceId, { ...named(name), N: { number: n }, ...more });
  };
  await row('apple', 3, 0, { Kind: { select: { name: 'sweet' } }, Day: { date: { start: '2026-01-01' } } });
  await row('banana', 1, 1, {
    Ok: { checkbox: true },
    Tags: { multi_select: [{ name: 'long' }] },
    Farm: { relation: [{ id: farm.id }] },
  });
  await row('cherry', null, 2, {
    Kind: { select: { name: 'bitter' } },
    Day: { date: { start: '2026-01-01T12:00:00Z' } },
    Stage: { status: { name: 'Done' } },
  });
  await row('date', 2, 3, { Site: { url: 'https://x.org' } });
  const find = async (filter: Filter, more: Partial<Query> = {}) => {
    const answer = await made.notion.dataSources.query({ ...more, data_source_id: dataSourceId, filter });
    return answer.results.map(titleOf).sort();
  };
  return { ...made, dataSourceId, find, farm };
}

test('filters choose the rows that Notion would', async () => {
  const { find, farm } = await fruit();
  expect(await find({ property: 'Name', title: { equals: 'apple' } })).toEqual(['apple']);
  expect(await find({ property: 'Name', rich_text: { contains: 'AN' } })).toEqual(['banana']);
  expect(await find({ property: 'N', number: { greater_than_or_equal_to: 2 } })).toEqual(['apple', 'date']);
  expect(await find({ property: 'N', number: { is_empty: true } })).toEqual(['cherry']);
  expect(await find({ property: 'Ok', checkbox: { equals: true } })).toEqual(['banana']);
  expect(await find({ property: 'Kind', select: { does_not_equal: 'sweet' } })).toEqual([
    'banana',
    'cherry',
    'date',
  ]);
  expect(await find({ property: 'Stage', status: { equals: 'Done' } })).toEqual(['cherry']);
  expect(await find({ property: 'Tags', multi_select: { contains: 'long' } })).toEqual(['banana']);
  expect(await find({ property: 'Day', date: { equals: '2026-01-01' } })).toEqual(['apple', 'cherry']);
  expect(await find({ property: 'Day', date: { after: '2026-01-01T00:00:00Z' } })).toEqual(['cherry']);
  expect(await find({ property: 'Site', url: { is_not_empty: true } })).toEqual(['date']);
  expect(await find({ property: 'Id', unique_id: { less_than: 3 } })).toEqual(['apple', 'banana']);
  expect(await find({ property: 'Farm', relation: { contains: farm.id.replaceAll('-', '') } })).toEqual([
    'banana',
  ]);
  const [sweet, ok] = [
    { property: 'Kind', select: { equals: 'sweet' } },
    { property: 'Ok', checkbox: { equals: true } },
  ];
  expect(await find({ or: [sweet, ok] })).toEqual(['apple', 'banana']);
  expect(await find({ and: [{ or: [sweet, ok] }, { property: 'N', number: { less_than: 3 } }] })).toEqual([
    'banana',
  ]);
});

test('timestamps are compared by the minute, as they are shown', async () => {
  const { find } = await fruit();
  const since = (on_or_after: string): Filter => ({
    timestamp: 'last_edited_time',
    last_edited_time: { on_or_after },
  });
  expect(await find(since('2026-05-04T12:02:00Z'))).toEqual(['cherry', 'date']);
  expect(await find(since('2026-05-04T12:02:10Z'))).toEqual(['date']);
  expect(await find({ timestamp: 'created_time', created_time: { before: '2026-05-04T12:01:00Z' } })).toEqual(
    ['apple'],
  );
});

test('filters that cannot be are refused', async () => {
  const { notion, dataSourceId } = await fruit();
  const refuse = (filter: unknown) =>
    refusal(notion.dataSources.query({ data_source_id: dataSourceId, filter: filter as Filter }));
  const leaf = { property: 'Ok', checkbox: { equals: true } };
  expect(await refuse({ property: 'Gone', checkbox: { equals: true } })).toMatchObject({
    message: 'Could not find property with name or id: Gone',
  });
  expect(await refuse({ property: 'N', checkbox: { equals: true } })).toMatchObject({
    message: 'database property number does not match filter checkbox',
  });
  expect(await refuse({ and: [{ or: [{ and: [leaf] }] }] })).toMatchObject({ status: 400 });
  const trash = refusal(notion.dataSources.query({ data_source_id: dataSourceId, in_trash: true }));
  expect(await trash).toMatchObject({ status: 400 });
});

test('sorts order, ties and unsorted scans do not', async () => {
  const { notion, dataSourceId } = await fruit();
  const order = async (sorts: NonNullable<Query['sorts']>) =>
    (await notion.dataSources.query({ data_source_id: dataSourceId, sorts })).results.map(titleOf);
  expect(await order([{ property: 'N', direction: 'ascending' }])).toEqual([
    'banana',
    'date',
    'apple',
    'cherry',
  ]);
  expect(await order([{ property: 'N', direction: 'descending' }])).toEqual([
    'apple',
    'date',
    'banana',
    'cherry',
  ]);
  expect(await order([{ timestamp: 'created_time', direction: 'descending' }])).toEqual([
    'date',
    'cherry',
    'banana',
    'apple',
  ]);
  const scans = await Promise.all(Array.from({ length: 20 }, () => order([])));
  expect(new Set(scans.map((titles) => titles.join())).size).toBeGreaterThan(1);
});

test('a scan by cursor gives each row once, cursors are tied to their query and expire', async () => {
  const { notion, dataSourceId, clock, page } = await fruit();
  const first = await notion.dataSources.query({ data_source_id: dataSourceId, page_size: 3 });
  expect(first).toMatchObject({
    has_more: true,
    next_cursor: expect.any(String),
    request_status: { type: 'complete' },
  });
  const cursor = first.next_cursor ?? '';
  const rest = await notion.dataSources.query({
    data_source_id: dataSourceId,
    page_size: 3,
    start_cursor: cursor,
  });
  expect(rest).toMatchObject({ has_more: false, next_cursor: null });
  expect([...first.results, ...rest.results].map(titleOf).sort()).toEqual([
    'apple',
    'banana',
    'cherry',
    'date',
  ]);
  const sorts = [{ property: 'N', direction: 'ascending' as const }];
  const invalid = { status: 400, message: `The start_cursor provided is invalid: ${cursor}` };
  expect(
    await refusal(notion.dataSources.query({ data_source_id: dataSourceId, start_cursor: cursor, sorts })),
  ).toMatchObject(invalid);
  clock.now += 11 * 60_000;
  expect(
    await refusal(notion.dataSources.query({ data_source_id: dataSourceId, start_cursor: cursor })),
  ).toMatchObject(invalid);
  await page(dataSourceId, named('elder'));
  expect(
    await refusal(notion.dataSources.query({ data_source_id: dataSourceId, page_size: 101 })),
  ).toMatchObject({ status: 400 });
});

test('a row that is edited while a scan by edit time runs comes again', async () => {
  const { notion, dataSourceId, clock, sandbox } = await fruit();
  const scan = {
    data_source_id: dataSourceId,
    page_size: 2,
    sorts: [{ timestamp: 'last_edited_time', direction: 'ascending' }],
  } as const;
  const first = await notion.dataSources.query({ ...scan, sorts: [...scan.sorts] });
  clock.now += (60 * 60_000) / 10;
  sandbox.control.editPage(first.results[0]?.id ?? '', { Ok: { checkbox: true } });
  const rest = await notion.dataSources.query({
    ...scan,
    sorts: [...scan.sorts],
    page_size: 9,
    start_cursor: first.next_cursor ?? '',
  });
  expect(rest.results.map(titleOf)).toEqual(['cherry', 'date', 'apple']);
});

test('a sorted scan in small portions is the whole order, ties included', async () => {
  const { notion, database, page, sandbox } = await desk();
  const { dataSourceId } = await database({ N: { number: {} } });
  const numbers = Array.from({ length: 60 }, (_, at) => (at * 37) % 20);
  for (const [at, n] of numbers.entries()) await page(dataSourceId, { ...named(`p${at}`), N: { number: n } });
  const seen: { readonly title: string; readonly n: number }[] = [];
  for (let cursor: string | undefined; cursor !== ''; ) {
    const answer = await notion.dataSources.query({
      data_source_id: dataSourceId,
      page_size: 7,
      sorts: [{ property: 'N', direction: 'descending' }],
      ...(cursor !== undefined && { start_cursor: cursor }),
    });
    for (const one of answer.results) {
      const n = sandbox.control.page(one.id).properties.N?.number as number;
      seen.push({ title: titleOf(one), n });
    }
    cursor = answer.next_cursor ?? '';
  }
  expect(seen.map(({ n }) => n)).toEqual(numbers.toSorted((a, b) => b - a));
  expect(new Set(seen.map(({ title }) => title)).size).toBe(60);
});

test('answers can be short, and are cut at the cap', async () => {
  const { notion, dataSourceId, sandbox } = await fruit();
  sandbox.control.setShortPages(true);
  const short = await notion.dataSources.query({ data_source_id: dataSourceId, page_size: 4 });
  expect(short).toMatchObject({ has_more: true, results: { length: 2 } });
  sandbox.control.setShortPages(false);
  sandbox.control.setResultCap(3);
  const first = await notion.dataSources.query({ data_source_id: dataSourceId, page_size: 2 });
  const incomplete = {
    request_status: { type: 'incomplete', incomplete_reason: 'query_result_limit_reached' },
  };
  expect(first).toMatchObject({ has_more: true, ...incomplete });
  const last = await notion.dataSources.query({
    data_source_id: dataSourceId,
    page_size: 2,
    start_cursor: first.next_cursor ?? '',
  });
  expect(last).toMatchObject({ has_more: false, next_cursor: null, results: { length: 1 }, ...incomplete });
});

test('only the asked properties come', async () => {
  const { notion, dataSourceId } = await fruit();
  const source = await notion.dataSources.retrieve({ data_source_id: dataSourceId });
  const id = source.properties.Stage?.id ?? '';
  const answer = await notion.dataSources.query({
    data_source_id: dataSourceId,
    filter_properties: [id, 'N'],
  });
  for (const page of answer.results)
    expect(isFullPage(page) && Object.keys(page.properties).sort()).toEqual(['N', 'Stage']);
  const pageId = answer.results[0]?.id ?? '';
  const one = await notion.pages.retrieve({ page_id: pageId, filter_properties: ['title'] });
  expect(isFullPage(one) && Object.keys(one.properties)).toEqual(['Name']);
});

test('queries and search lag, a look at the page does not', async () => {
  const { notion, dataSourceId, sandbox, clock, page, find } = await fruit();
  sandbox.control.setQueryLag(5_000);
  const late = await page(dataSourceId, named('late'));
  const apple = (await notion.dataSources.query({ data_source_id: dataSourceId })).results.find(
    (one) => titleOf(one) === 'apple',
  );
  await notion.pages.update({ page_id: apple?.id ?? '', properties: { N: { number: 42 } } });
  expect(await notion.pages.retrieve({ page_id: late.id })).toMatchObject({ id: late.id });
  expect(await find({ property: 'N', number: { equals: 42 } })).toEqual([]);
  expect(await find({ property: 'N', number: { equals: 3 } })).toEqual(['apple']);
  expect((await notion.search({ query: 'late' })).results).toEqual([]);
  clock.now += 5_000;
  expect(await find({ property: 'N', number: { equals: 42 } })).toEqual(['apple']);
  expect((await notion.search({ query: 'late' })).results).toMatchObject([{ id: late.id }]);
});

test('search finds pages and data sources by title, and lists the trash', async () => {
  const { notion, sandbox, dataSourceId } = await fruit();
  const banana = sandbox.control.titles(dataSourceId).find((one) => one.title === 'banana')?.id ?? '';
  sandbox.control.trashPage(banana);
  const only = (value: 'page' | 'data_source', in_trash = false) =>
    ({ filter: { property: 'object', value, in_trash } }) as const;
  expect((await notion.search({ query: 'thing', ...only('data_source') })).results).toMatchObject([
    { id: dataSourceId, object: 'data_source' },
  ]);
  expect((await notion.search({ query: 'banana' })).results).toEqual([]);
  expect((await notion.search(only('page', true))).results).toMatchObject([{ id: banana, in_trash: true }]);
});

test('users and comments', async () => {
  const { notion, sandbox, dataSourceId } = await fruit();
  const users = await notion.users.list({ page_size: 2 });
  expect(users).toMatchObject({
    has_more: true,
    type: 'user',
    results: [{ type: 'bot' }, { type: 'person', person: { email: 'ada@example.com' } }],
  });
  expect(await notion.users.retrieve({ user_id: sandbox.control.personId })).toMatchObject({
    name: 'Ada Lovelace',
  });
  const pageId = sandbox.control.titles(dataSourceId)[0]?.id ?? '';
  await notion.comments.create({ parent: { page_id: pageId }, rich_text: text('refused') });
  const second = client(sandbox, '2025-09-03');
  expect(await second.comments.list({ block_id: pageId })).toMatchObject({
    results: [{ rich_text: [{ plain_text: 'refused' }], created_by: { id: sandbox.control.botId } }],
  });
  expect(await notion.blocks.children.list({ block_id: pageId })).toMatchObject({
    results: [],
    has_more: false,
  });
});
