import { describe, expect, test } from 'vitest';
import { textRuns } from '../../src/model/texts.ts';
import {
  create,
  EMPTY_LIST,
  failureOf,
  type Handler,
  LIVE,
  PAGE,
  page,
  reply,
  SOURCE,
  stage,
  TOKEN,
} from './notion-stage.ts';

describe('what goes out', () => {
  test('each request carries the token and the pinned version, and tells the metrics', async () => {
    const { notion, headers, infos } = await stage([reply(200, page())]);
    await notion.retrievePage(PAGE, { priority: 'poll' });
    expect(headers[0]).toMatchObject({ authorization: `Bearer ${TOKEN}`, 'notion-version': '2026-03-11' });
    expect(infos).toEqual([
      {
        operation: 'retrievePage',
        method: 'GET',
        status: 200,
        ms: expect.any(Number),
        waitedMs: expect.any(Number),
        priority: 'poll',
        date: expect.any(String),
        verdict: null,
      },
    ]);
  });

  test('the trash is in_trash now and archived before', async () => {
    const now = await stage([reply(200, page({ in_trash: true }))]);
    expect((await now.notion.setTrash(PAGE, true, LIVE)).inTrash).toBe(true);
    expect(now.seen[0]).toMatchObject({
      method: 'PATCH',
      url: `/v1/pages/${PAGE}`,
      body: { in_trash: true },
    });
    const old = await stage([reply(200, page({ in_trash: undefined, archived: true }))], {
      version: '2025-09-03',
    });
    expect((await old.notion.setTrash(PAGE, true, LIVE)).inTrash).toBe(true);
    expect(old.seen[0]?.body).toEqual({ archived: true });
    expect(old.headers[0]).toMatchObject({ 'notion-version': '2025-09-03' });
  });

  test('a query sends all that it is asked for, also what the official client would drop', async () => {
    const { notion, seen } = await stage([reply(200, EMPTY_LIST)]);
    const filter = { property: 'title', title: { is_empty: true } };
    const input = { dataSourceId: SOURCE, filter, pageSize: 7, isArchived: true };
    await notion.query({ ...input, filterProperties: ['title', 'a%3Ab', 'c|d'], cursor: 'c' }, LIVE);
    expect(seen[0]?.url).toBe(
      `/v1/data_sources/${SOURCE}/query?filter_properties=title&filter_properties=a%3Ab&filter_properties=c%7Cd`,
    );
    expect(seen[0]?.body).toEqual({ filter, page_size: 7, start_cursor: 'c', is_archived: true });
  });

  test('a long comment is cut into runs, never within a character', async () => {
    const { notion, seen } = await stage([reply(200, { object: 'comment', id: 'c' })]);
    const text = `${'x'.repeat(1_999)}😀${'y'.repeat(10)}`;
    await notion.createComment(PAGE, text, LIVE);
    const { rich_text } = (seen[0]?.body ?? {}) as { rich_text: { text: { content: string } }[] };
    expect(rich_text.map((run) => run.text.content.length)).toEqual([1_999, 12]);
    expect(rich_text.map((run) => run.text.content).join('')).toBe(text);
    expect(textRuns('')).toEqual([]);
  });

  test.each([['with space'], ['line\nend'], ['']])(
    'the token %j is refused without being quoted',
    async (token) => {
      const error = await stage([], { token }).catch((thrown: unknown) => thrown as Error);
      expect(error).toMatchObject({ code: 'notion_settings_invalid' });
      if (token !== '') expect(String(error)).not.toContain(token);
    },
  );
});

describe('what comes back', () => {
  test('a page is the same thing whatever the version', async () => {
    const { notion } = await stage([reply(200, page({ a_member_of_tomorrow: 1 }))]);
    expect(await notion.retrievePage(PAGE, LIVE)).toEqual({
      askedAt: expect.any(Number),
      id: PAGE,
      createdTime: new Date('2026-11-22T10:00:00Z'),
      lastEditedTime: new Date('2026-11-22T10:01:00Z'),
      createdBy: 'u1',
      lastEditedBy: 'u2',
      inTrash: false,
      isArchived: false,
      parentDataSource: SOURCE,
      url: 'https://app.notion.com/p/x',
      properties: {
        // Ids come URL-encoded, and are told decoded, with the name that a person sees.
        title: { id: 'title', name: 'Name', type: 'title', title: [] },
        'a:b': { id: 'a:b', name: 'In stock', type: 'checkbox' },
      },
    });
  });

  test('an answer without a member that is needed is unreadable; a write is then in doubt, with its id', async () => {
    const { notion, seen } = await stage([reply(200, page({ properties: undefined }))]);
    const wanted = { code: 'notion_answer_unreadable', retry: 'never', status: null };
    expect(await failureOf(notion.retrievePage(PAGE, LIVE))).toMatchObject({ ...wanted, effect: 'none' });
    expect(seen).toHaveLength(1);
    const errorClass = await failureOf(create(notion));
    expect(errorClass).toMatchObject({ ...wanted, effect: 'unknown', committedId: PAGE });
  });

  test('a query ends with has_more, whatever cursor comes along, and tells when it is incomplete', async () => {
    const list = { object: 'list', results: [page(), { object: 'data_source', id: SOURCE }] };
    const { notion } = await stage([
      reply(200, { ...list, has_more: true, next_cursor: 'c1' }),
      reply(200, { ...list, has_more: false, next_cursor: 'c2', request_status: { type: 'incomplete' } }),
      reply(200, { ...list, has_more: true, next_cursor: null }),
    ]);
    const ask = () => notion.query({ dataSourceId: SOURCE }, LIVE);
    expect(await ask()).toMatchObject({ pages: [{ id: PAGE }], nextCursor: 'c1', incomplete: false });
    expect(await ask()).toMatchObject({ pages: [{ id: PAGE }], nextCursor: null, incomplete: true });
    expect(await failureOf(ask())).toMatchObject({ code: 'notion_answer_unreadable' });
  });

  test('users are read to the last page, and a cursor that does not move ends it', async () => {
    const user = (id: string) => ({
      object: 'user',
      id,
      type: 'person',
      name: id,
      person: { email: `${id}@x` },
    });
    const listed = (id: string, next: string | null): Handler =>
      reply(200, { object: 'list', results: [user(id)], has_more: next !== null, next_cursor: next });
    const good = await stage([listed('a', 'c1'), listed('b', null)]);
    expect((await good.notion.listUsers(LIVE)).map((one) => one.email)).toEqual(['a@x', 'b@x']);
    expect(good.seen[1]?.url).toContain('start_cursor=c1');
    const stuck = await stage([listed('a', 'c1')]);
    expect(await failureOf(stuck.notion.listUsers(LIVE))).toMatchObject({ code: 'notion_answer_unreadable' });
    expect(stuck.seen).toHaveLength(2);
  });

  test('a property is joined from its pages; one that is not paged is a single item', async () => {
    const item = (n: number) => ({ object: 'property_item', type: 'relation', relation: { id: String(n) } });
    const { notion, seen } = await stage([
      reply(200, { object: 'list', results: [item(1), item(2)], has_more: true, next_cursor: 'c' }),
      reply(200, { object: 'list', results: [item(3)], has_more: false, next_cursor: null }),
      reply(200, { object: 'property_item', type: 'number', number: 3 }),
    ]);
    expect(await notion.retrieveProperty(PAGE, 'a%3Ab', LIVE)).toEqual([item(1), item(2), item(3)]);
    expect(seen[0]?.url).toBe(`/v1/pages/${PAGE}/properties/a%3Ab?page_size=100`);
    expect(await notion.retrieveProperty(PAGE, 'n', LIVE)).toEqual([
      { object: 'property_item', type: 'number', number: 3 },
    ]);
  });
});
