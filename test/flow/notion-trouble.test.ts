import { describe, expect, test } from 'vitest';
import { NotionFailure } from '../../src/notion/error-classification.ts';
import { eventually } from '../support/eventually.ts';
import {
  create,
  EMPTY_LIST,
  failureOf,
  type Handler,
  LIVE,
  PAGE,
  page,
  refuse,
  reply,
  SOURCE,
  stage,
  TOKEN,
} from './notion-stage.ts';

describe('waiting', () => {
  test('429 then 200: Retry-After is obeyed, for a create too, and for everybody', async () => {
    const { notion, seen, infos } = await stage([
      refuse(429, 'rate_limited', {}, { 'retry-after': '0.4' }),
      reply(200, page()),
    ]);
    await Promise.all([
      create(notion),
      eventually(() => infos.length === 1).then(() => notion.retrievePage(PAGE, LIVE)),
    ]);
    expect(seen).toHaveLength(3);
    for (const later of seen.slice(1)) expect(later.at - (seen[0]?.at ?? 0)).toBeGreaterThanOrEqual(400);
  });

  test('529 waits as 429 does', async () => {
    const { notion, seen } = await stage([
      refuse(529, 'service_overload', { retry_after: '0.1' }),
      reply(200, page()),
    ]);
    await create(notion);
    expect(seen).toHaveLength(2);
  });

  test('beforeLeaving is awaited before each try, and what it throws is thrown as it is', async () => {
    const { notion, seen } = await stage([
      refuse(529, 'overload', { retry_after: '0.05' }),
      reply(200, page()),
    ]);
    const before: number[] = [];
    const beforeLeaving = async (): Promise<void> => void before.push(seen.length);
    await create(notion, { priority: 'live', beforeLeaving });
    expect(before).toEqual([0, 1]);
    const broken = {
      priority: 'live',
      beforeLeaving: () => Promise.reject(new Error('no database')),
    } as const;
    await expect(create(notion, broken)).rejects.toThrow(/^no database$/);
    expect(seen).toHaveLength(2);
  });

  test('a long wait ends with the signal, and nothing was done', async () => {
    const { notion, seen, infos } = await stage([refuse(429, 'rate_limited', {}, { 'retry-after': '3600' })]);
    const giveUp = new AbortController();
    const verdict = failureOf(create(notion, { priority: 'live', signal: giveUp.signal }));
    await eventually(() => infos.length === 1);
    giveUp.abort();
    expect(await verdict).toMatchObject({ code: 'notion_aborted', effect: 'none' });
    expect(seen).toHaveLength(1);
  });

  test('a blocked connection is not asked again', async () => {
    const blocked = refuse(429, 'rate_limited', { rate_limit_reason: 'public_api_request_blocked' });
    const { notion, seen } = await stage([blocked]);
    expect(await failureOf(notion.retrievePage(PAGE, LIVE))).toMatchObject({ retry: 'stop', effect: 'none' });
    expect(seen).toHaveLength(1);
  });
});

const reset: Handler = (response) => response.socket?.resetAndDestroy();
const stall: Handler = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"object":');
};
const cut: Handler = (response) => {
  response.writeHead(200, { 'content-length': '100' });
  response.write('{', () => response.socket?.destroy());
};
const silence: Handler = () => undefined;

describe('trouble', () => {
  test.each([
    ['reset before an answer', reset, 'notion_connection_lost', null],
    ['reset within the answer', cut, 'notion_connection_lost', 200],
    ['no answer', silence, 'notion_timeout', null],
    ['a body that stalls', stall, 'notion_timeout', 200],
    ['half a body', reply(200, '{"object":'), 'notion_answer_unreadable', 200],
    ['HTML 502', reply(502, '<html>502</html>', { 'content-type': 'text/html' }), 'notion_http_502', 502],
    ['500', refuse(500, 'internal_server_error'), 'internal_server_error', 500],
    ['503', refuse(503, 'service_unavailable'), 'service_unavailable', 503],
    ['504', refuse(504, 'gateway_timeout'), 'gateway_timeout', 504],
  ] as const)(
    '%s: a query is tried again, a create is not and stands in doubt',
    async (_, bad, code, status) => {
      // Short only where it has to pass, and long enough for the beginning of an answer.
      const timeoutMs = code === 'notion_timeout' ? 1_000 : 30_000;
      const read = await stage([bad, bad, reply(200, EMPTY_LIST)], { timeoutMs });
      expect(await read.notion.query({ dataSourceId: SOURCE }, LIVE)).toMatchObject({ pages: [] });
      expect(read.infos.map((info) => info.status)).toEqual([status, status, 200]);
      const write = await stage([bad, reply(200, page())], { timeoutMs });
      expect(await failureOf(create(write.notion))).toMatchObject({ code, effect: 'unknown' });
      expect(write.seen).toHaveLength(1);
    },
  );

  test('a read is given up after three tries', async () => {
    const { notion, seen } = await stage([refuse(502, 'bad_gateway')]);
    expect(await failureOf(notion.retrievePage(PAGE, LIVE))).toMatchObject({
      code: 'bad_gateway',
      effect: 'none',
    });
    expect(seen).toHaveLength(3);
  });

  test('503 with a committed_resource_id was saved', async () => {
    const { notion, seen } = await stage([
      refuse(503, 'service_unavailable', { committed_resource_id: PAGE }),
    ]);
    expect(await failureOf(create(notion))).toMatchObject({ effect: 'saved', committedId: PAGE });
    expect(seen).toHaveLength(1);
  });

  test('a conflict is for the caller to repeat with fresh parameters', async () => {
    const { notion, seen } = await stage([refuse(409, 'conflict_error')]);
    const update = notion.updatePage({ id: PAGE, properties: {} }, LIVE);
    expect(await failureOf(update)).toMatchObject({ effect: 'none', retry: 'later', code: 'conflict_error' });
    expect(seen).toHaveLength(1);
  });

  test('a refused connection has done nothing', async () => {
    const { notion } = await stage([], { baseUrl: 'http://127.0.0.1:2' });
    expect(await failureOf(create(notion))).toMatchObject({ code: 'notion_unreachable', effect: 'none' });
  });

  test('a redirect is not followed', async () => {
    const { notion, seen } = await stage([reply(301, '', { location: '/elsewhere' })]);
    expect(await failureOf(create(notion))).toMatchObject({ effect: 'none', retry: 'never' });
    expect(seen).toHaveLength(1);
  });

  test('giving up a request that is under way leaves a write in doubt', async () => {
    const { notion, seen } = await stage([silence]);
    const giveUp = new AbortController();
    const verdict = failureOf(create(notion, { priority: 'live', signal: giveUp.signal }));
    await eventually(() => seen.length === 1);
    giveUp.abort();
    expect(await verdict).toMatchObject({ code: 'notion_aborted', effect: 'unknown' });
  });
});

test('invariant 14: the token is in no log line and no error, even if Notion quotes it', async () => {
  const { notion, logged } = await stage([
    reply(400, { object: 'error', code: 'validation_error', message: `bad token ${TOKEN}` }),
    reset,
    refuse(401, 'unauthorized'),
  ]);
  for (let round = 0; round < 3; round += 1) {
    const error = (await create(notion).catch((thrown: unknown) => thrown)) as NotionFailure;
    expect(error).toBeInstanceOf(NotionFailure);
    expect(JSON.stringify({ ...error, message: error.message, stack: error.stack })).not.toContain(TOKEN);
    expect(error.cause).toBeUndefined();
  }
  expect(logged.length).toBeGreaterThan(0);
  expect(logged.join('')).not.toContain(TOKEN);
});
