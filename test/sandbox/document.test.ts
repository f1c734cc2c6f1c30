import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { AMENDMENTS } from '../support/notion-amendments.ts';
import {
  createChecker,
  type Exchange,
  hasNotionDocument,
  readNotionDocument,
} from '../support/notion-document.ts';
import { client, desk, named, text, type Values } from './support.ts';

// The check of the sandbox against Notion's OpenAPI document, which test/support/setup.ts does in every test, checked.

const present = hasNotionDocument();
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** Exchanges that do all in which the sandbox rightly goes beyond the document. */
async function record(): Promise<readonly Exchange[]> {
  const exchanges: Exchange[] = [];
  const listen = (message: unknown): void => void exchanges.push(message as Exchange);
  subscribe('pgnotion:sandbox:exchange', listen);
  const { notion, sandbox, database, page } = await desk();
  const options = many(99, (i) => ({ name: `o${i}` }));
  const { dataSourceId } = await database({
    Mail: { email: {} },
    Owner: { people: {} },
    Kind: { select: { options } },
    Few: { multi_select: { options: [{ name: 'a' }] } },
  });
  const relation = { relation: { data_source_id: dataSourceId, single_property: {} } };
  sandbox.control.addProperty(dataSourceId, 'Next', relation);
  const made = await page(dataSourceId, { ...named('a'), Kind: { select: { name: 'one more' } } });
  await page(dataSourceId, { Kind: { select: { name: 'and another' } } });
  const [few] = (await fewOptions(notion, dataSourceId)) ?? [];
  await notion.dataSources.update({
    data_source_id: dataSourceId,
    properties: { Few: { multi_select: { options: [{ id: few?.id ?? '', name: 'b' }] } } },
  });
  const others = await Promise.all(many(26, (i) => page(dataSourceId, named(String(i)))));
  const people = many(26, (i) => ({ id: sandbox.control.addUser(`P${i}`, null) }));
  await page(dataSourceId, { Next: { relation: others.map(({ id }) => ({ id })) } } as Values);
  await page(dataSourceId, { Owner: { people } });
  sandbox.control.setBehaviour({ contactLength: 200 });
  await page(dataSourceId, { Mail: { email: 'm'.repeat(150) } });
  const asked = (method: 'patch' | 'post', path: string, body: Record<string, unknown>) =>
    notion.request({ method, path, body });
  await asked('patch', `data_sources/${dataSourceId}`, {
    properties: { Stage: { status: { options: [{ name: 'Begun', color: 'blue' }] } } },
  });
  await asked('patch', `pages/${made.id}`, { is_archived: true });
  await asked('post', `data_sources/${dataSourceId}/query`, { is_archived: true });
  await asked('post', 'search', { filter: { property: 'object', value: 'page', in_trash: true } });
  await client(sandbox, '2025-09-03').pages.update({ page_id: made.id, archived: true } as never);
  await notion.comments.create({ parent: { page_id: others[0]?.id ?? '' }, rich_text: text('hello') });
  unsubscribe('pgnotion:sandbox:exchange', listen);
  return exchanges;
}

async function fewOptions(notion: ReturnType<typeof client>, data_source_id: string) {
  const { properties } = await notion.dataSources.retrieve({ data_source_id });
  const few = properties.Few;
  return few?.type === 'multi_select' ? few.multi_select.options : undefined;
}

test.skipIf(!present)(
  'every deviation that is excused exists, and no other does',
  async () => {
    const document = readNotionDocument();
    const exchanges = await record();
    expect(exchanges.flatMap(createChecker(document))).toEqual([]);
    for (const amendment of AMENDMENTS) {
      const without = createChecker(
        document,
        AMENDMENTS.filter((each) => each !== amendment),
      );
      expect(exchanges.flatMap(without).length, `stale: ${amendment.reason}`).toBeGreaterThan(0);
    }
  },
  180_000,
);

test.skipIf(!present)('what is not as the document says is told, with its endpoint and place', () => {
  const check = createChecker(readNotionDocument());
  const id = '5a4db000-0000-4000-8000-00000000face';
  const exchange = {
    method: 'PATCH',
    path: `/v1/pages/${id}`,
    version: '2026-03-11',
    requestBody: JSON.stringify({ properties: { N: { number: '3' } } }),
    status: 200,
    responseBody: JSON.stringify({ object: 'page', id }),
  };
  expect(check(exchange)).toEqual([
    expect.stringMatching(/^PATCH .*\{page_id\} request: \/properties\/N\/number/),
  ]);
  const good = { ...exchange, requestBody: JSON.stringify({ properties: { N: { number: 3 } } }) };
  expect(check(good)).toEqual([]);
  expect(check({ ...good, responseBody: JSON.stringify({ object: 'page', id, wrong: 1 }) })).toHaveLength(1);
  expect(check({ ...good, status: 418, responseBody: '{}' })).toEqual([
    expect.stringContaining('no such answer'),
  ]);
  expect(check({ ...good, path: `${good.path}?wrong=1` })).toEqual([
    expect.stringContaining('query parameter: wrong'),
  ]);
  expect(check({ ...good, path: '/v1/nothing' })).toEqual([expect.stringContaining('no such endpoint')]);
});
