import { APIResponseError, RequestTimeoutError, UnknownHTTPResponseError } from '@notionhq/client';
import { expect, onTestFinished, test } from 'vitest';
import { remoteControl } from '../../src/sandbox/notion/remote.ts';
import { startSandbox } from '../../src/sandbox/notion/server.ts';
import { eventually } from '../support/eventually.ts';
import { client, desk, NOON, named, refusal } from './support.ts';

const GHOST = '11111111-2222-4333-8444-555555555555';

test('a wrong token is refused, and so is a request without a version', async () => {
  const { sandbox } = await desk();
  expect(await refusal(client(sandbox, '2026-03-11', 'wrong').users.me({}))).toEqual({
    status: 401,
    code: 'unauthorized',
    message: 'API token is invalid.',
  });
  const bare = await fetch(`${sandbox.url}/v1/users/me`, {
    headers: { authorization: `Bearer ${sandbox.token}` },
  });
  expect(bare.status).toBe(400);
  expect(bare.headers.get('date')).toBe('Mon, 04 May 2026 12:00:30 GMT');
  expect(await bare.json()).toMatchObject({
    object: 'error',
    code: 'missing_version',
    request_id: expect.any(String),
  });
});

test('nothing under /v1 but endpoints that Notion has', async () => {
  const { notion, sandbox } = await desk();
  expect(await refusal(notion.request({ method: 'get', path: '_sandbox' }))).toMatchObject({
    code: 'invalid_request_url',
  });
  expect(sandbox.control.requests()).toMatchObject([{ operation: 'unknown', status: 400 }]);
});

test('what is missing and what is not shared look the same', async () => {
  const { notion, sandbox, database, page } = await desk();
  const { dataSourceId } = await database();
  const made = await page(dataSourceId, named('a'));
  const message = (id: string) =>
    `Could not find page with ID: ${id}. Make sure the relevant pages and databases are shared with your integration.`;
  expect(await refusal(notion.pages.retrieve({ page_id: GHOST }))).toEqual({
    status: 404,
    code: 'object_not_found',
    message: message(GHOST),
  });
  sandbox.control.unshare(made.id);
  expect(await refusal(notion.pages.retrieve({ page_id: made.id }))).toMatchObject({
    status: 404,
    message: message(made.id),
  });
  expect((await notion.dataSources.query({ data_source_id: dataSourceId })).results).toEqual([]);
  sandbox.control.share(made.id);
  sandbox.control.unshare(dataSourceId);
  expect(await refusal(notion.pages.retrieve({ page_id: made.id }))).toMatchObject({ status: 404 });
  expect(await refusal(notion.dataSources.query({ data_source_id: dataSourceId }))).toMatchObject({
    status: 404,
  });
  sandbox.control.share(dataSourceId);
  expect(await notion.pages.retrieve({ page_id: made.id })).toMatchObject({ id: made.id });
});

test('an id that is none is a fault of the request', async () => {
  const { notion } = await desk();
  expect(await refusal(notion.pages.retrieve({ page_id: 'abc' }))).toMatchObject({
    code: 'validation_error',
    message: 'path failed validation: path.page_id should be a valid uuid, instead was `"abc"`.',
  });
});

test('older versions carry archived, the newest refuses it', async () => {
  const { notion, sandbox, database, page } = await desk();
  const { dataSourceId } = await database();
  const made = await page(dataSourceId, named('a'));
  const old = client(sandbox, '2025-09-03');
  expect(await refusal(notion.pages.update({ page_id: made.id, archived: true }))).toMatchObject({
    status: 400,
  });
  expect(await old.pages.update({ page_id: made.id, archived: true })).toMatchObject({
    archived: true,
    in_trash: true,
  });
  expect(await notion.pages.retrieve({ page_id: made.id })).toMatchObject({ in_trash: true });
});

test('a fixed window lets its budget through in one burst and then tells when to come back', async () => {
  const { notion, clock, sandbox } = await desk({ limit: { requests: 3, windowMs: 60_000 } });
  for (let i = 0; i < 3; i += 1) await notion.users.me({});
  clock.now += 15_000;
  const refused = await notion.users.me({}).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(APIResponseError);
  if (!(refused instanceof APIResponseError)) return;
  expect(refused.code).toBe('rate_limited');
  expect((refused.headers as Headers).get('retry-after')).toBe('45');
  expect(refused.additional_data).toEqual({
    rate_limit_reason: 'public_api_request_rate_limit',
    retry_after: '45',
  });
  clock.now += 45_000;
  await notion.users.me({});
  sandbox.control.setLimit(null);
  sandbox.control.addToken('second');
  sandbox.control.setWorkspaceLimit({ requests: 1, windowMs: 120_000 });
  await client(sandbox, '2026-03-11', 'second').users.me({});
  const shared = await notion.users.me({}).catch((error: unknown) => error);
  expect(shared).toMatchObject({
    additional_data: { rate_limit_reason: 'public_api_space_request_rate_limit', retry_after: '120' },
  });
});

test('a sliding window frees each request on its own', async () => {
  const { notion, clock } = await desk({ limit: { requests: 2, windowMs: 60_000, mode: 'sliding' } });
  await notion.users.me({});
  clock.now += 40_000;
  await notion.users.me({});
  clock.now += 19_000;
  expect(await refusal(notion.users.me({}))).toMatchObject({ status: 429 });
  clock.now += 1_000;
  await notion.users.me({});
  expect(await refusal(notion.users.me({}))).toMatchObject({ status: 429 });
});

test('without a word about it, the budget is Notion’s 180 a minute', async () => {
  const sandbox = await startSandbox({ now: () => new Date(NOON) });
  onTestFinished(() => sandbox.close());
  const notion = client(sandbox);
  await Promise.all(Array.from({ length: 180 }, () => notion.users.me({})));
  expect(await refusal(notion.users.me({}))).toMatchObject({ status: 429 });
});

test('a create can be saved and fail, with and without the id of what was made', async () => {
  const { notion, sandbox, database } = await desk();
  const { dataSourceId } = await database();
  const parent = { type: 'data_source_id', data_source_id: dataSourceId } as const;
  sandbox.control.faults.add({
    match: { operation: 'pages.create' },
    times: 1,
    action: {
      kind: 'status',
      status: 503,
      when: 'after',
      additionalData: { retry_guidance: 'Do not repeat the write', committed_resource_id: '$id' },
    },
  });
  const error = await notion.pages
    .create({ parent, properties: named('a') })
    .catch((caught: unknown) => caught);
  const [saved] = sandbox.control.pages(dataSourceId);
  expect(error).toMatchObject({
    status: 503,
    code: 'service_unavailable',
    additional_data: { committed_resource_id: saved?.id },
  });
  sandbox.control.faults.add({
    match: { method: 'POST' },
    times: 1,
    action: { kind: 'status', status: 502, when: 'before', html: true },
  });
  await expect(notion.pages.create({ parent, properties: named('b') })).rejects.toBeInstanceOf(
    UnknownHTTPResponseError,
  );
  expect(sandbox.control.pages(dataSourceId)).toHaveLength(1);
  await notion.pages.create({ parent, properties: named('c') });
  expect(sandbox.control.pages(dataSourceId)).toHaveLength(2);
});

test('resets, stalls and delays come before or after the write', async () => {
  const { sandbox, database } = await desk();
  const { dataSourceId } = await database();
  const parent = { type: 'data_source_id', data_source_id: dataSourceId } as const;
  const { Client } = await import('@notionhq/client');
  const impatient = (url: string, init?: RequestInit) =>
    fetch(url, { ...init, signal: AbortSignal.timeout(1_500) });
  const create = (name: string, ...[wait]: (typeof fetch)[]) => {
    const options = {
      auth: sandbox.token,
      baseUrl: sandbox.url,
      notionVersion: '2026-03-11',
      retry: false,
    } as const;
    const notion = new Client({ ...options, logger: () => undefined, fetch: (wait ?? fetch) as never });
    return notion.pages.create({ parent, properties: named(name) });
  };
  const { faults } = sandbox.control;
  const match = { operation: 'pages.create' };
  const titles = () => sandbox.control.titles(dataSourceId).map((one) => one.title);

  faults.add({ match, times: 1, action: { kind: 'reset', when: 'before' } });
  await expect(create('lost')).rejects.toThrow();
  expect(titles()).toEqual([]);
  faults.add({ match, times: 1, action: { kind: 'reset', when: 'after' } });
  await expect(create('kept')).rejects.toThrow();
  expect(titles()).toEqual(['kept']);
  faults.add({ match, times: 1, action: { kind: 'stall-body' } });
  await expect(create('stalled', impatient as typeof fetch)).rejects.toThrow();
  expect(titles()).toEqual(['kept', 'stalled']);
  faults.add({ match, times: 1, action: { kind: 'delay', ms: 60_000 } });
  await expect(create('late', impatient as typeof fetch)).rejects.toThrow();
  expect(titles()).toEqual(['kept', 'stalled', 'late']);
  faults.add({ match, times: null, skip: 1, action: { kind: 'status', status: 409, when: 'before' } });
  await create('passes');
  expect(await refusal(create('struck'))).toMatchObject({ status: 409, code: 'conflict_error' });
  faults.clear();
  await create('fine');
  expect(titles()).toEqual(['kept', 'stalled', 'late', 'passes', 'fine']);
});

test('the official client gives up on a late answer while the write goes through', async () => {
  const { sandbox, database } = await desk();
  const { dataSourceId } = await database();
  const { Client } = await import('@notionhq/client');
  const notion = new Client({
    auth: sandbox.token,
    baseUrl: sandbox.url,
    retry: false,
    timeoutMs: 50,
    logger: () => undefined,
  });
  sandbox.control.faults.add({ match: {}, times: 1, action: { kind: 'delay', ms: 60_000 } });
  const late = notion.pages.create({
    parent: { type: 'data_source_id', data_source_id: dataSourceId },
    properties: named('a'),
  });
  await expect(late).rejects.toBeInstanceOf(RequestTimeoutError);
  // The client does not abort the request: it arrives, however late.
  await eventually(() => sandbox.control.pages(dataSourceId).length === 1);
});

test('the log tells each request, and another process can do what this one can', async () => {
  const { notion, sandbox, database } = await desk();
  const { dataSourceId } = await database();
  sandbox.control.clearRequests();
  await notion.dataSources.query({ data_source_id: dataSourceId, page_size: 5 });
  const path = `/v1/data_sources/${dataSourceId}/query`;
  expect(sandbox.control.requests()).toEqual([
    {
      seq: 2,
      at: expect.any(Number),
      method: 'POST',
      path,
      status: 200,
      operation: 'dataSources.query',
      parent: null,
      bodyBytes: 15,
    },
  ]);
  const remote = remoteControl(sandbox.url);
  const made = await remote.createPage(dataSourceId, named('from afar'));
  expect(await notion.pages.retrieve({ page_id: made.id })).toMatchObject({ id: made.id });
  await expect(remote.editPage(made.id, { Nope: {} })).rejects.toThrow('Nope is not a property that exists.');
  await remote.faults.add({ match: {}, times: 1, action: { kind: 'status', status: 529, when: 'before' } });
  expect(await refusal(notion.users.me({}))).toMatchObject({ status: 529, code: 'service_overload' });
  expect(await remote.requests()).toHaveLength(3);
});
