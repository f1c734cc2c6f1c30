import { describe, expect, test } from 'vitest';
import { classify, type ErrorClass, NotionFailure } from '../../src/notion/error-classification.ts';
import { httpErrorOf, type Operation } from '../../src/notion/http-error.ts';

const READ: Operation = { method: 'GET', effect: 'read' };
const QUERY: Operation = { method: 'POST', effect: 'read' };
const CREATE: Operation = { method: 'POST', effect: 'create' };
const UPDATE: Operation = { method: 'PATCH', effect: 'update' };
const PAGE = '0123abcd-0123-4567-89ab-0123456789ab';

/** What the official client throws for an answer, reduced to what may be relied on. */
function thrownFor(status: number, body: unknown, headers: Record<string, string> = {}): Error {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return Object.assign(new Error('from the client'), { status, body: text, headers: new Headers(headers) });
}

const answer = (
  operation: Operation,
  status: number,
  body: unknown,
  headers?: Record<string, string>,
): ErrorClass => classify(httpErrorOf(thrownFor(status, body, headers), operation));

const body = (code: string, additional_data?: object, message = 'said Notion') => ({
  object: 'error',
  code,
  message,
  request_id: 'r-1',
  ...(additional_data ? { additional_data } : {}),
});

type Effect = ErrorClass['effect'];
type Row = readonly [
  status: number,
  code: string,
  retry: ErrorClass['retry'],
  read: Effect,
  create: Effect,
  update: Effect,
];

const TABLE: readonly Row[] = [
  [400, 'invalid_json', 'later', 'none', 'none', 'none'],
  [400, 'invalid_request_url', 'later', 'none', 'none', 'none'],
  [400, 'invalid_request', 'later', 'none', 'none', 'none'],
  [400, 'invalid_grant', 'never', 'none', 'none', 'none'],
  [400, 'validation_error', 'later', 'none', 'none', 'none'],
  [400, 'missing_version', 'never', 'none', 'none', 'none'],
  [400, 'invalid_beta', 'never', 'none', 'none', 'none'],
  [401, 'unauthorized', 'stop', 'none', 'none', 'none'],
  [403, 'restricted_resource', 'never', 'none', 'none', 'none'],
  [404, 'object_not_found', 'never', 'none', 'none', 'none'],
  [408, 'request_timeout', 'soon', 'none', 'unknown', 'unknown'],
  [409, 'conflict_error', 'later', 'none', 'none', 'none'],
  [409, 'row_limit_exceeded', 'never', 'none', 'none', 'none'],
  [413, 'payload_too_large', 'never', 'none', 'none', 'none'],
  [418, 'code_of_tomorrow', 'never', 'none', 'none', 'none'],
  [425, 'too_early', 'soon', 'none', 'none', 'none'],
  [429, 'rate_limited', 'soon', 'none', 'none', 'none'],
  [500, 'internal_server_error', 'soon', 'none', 'unknown', 'unknown'],
  [502, 'bad_gateway', 'soon', 'none', 'unknown', 'unknown'],
  [503, 'service_unavailable', 'soon', 'none', 'unknown', 'unknown'],
  [503, 'database_connection_unavailable', 'soon', 'none', 'unknown', 'unknown'],
  [504, 'gateway_timeout', 'soon', 'none', 'unknown', 'unknown'],
  [520, 'code_of_tomorrow', 'soon', 'none', 'unknown', 'unknown'],
  [529, 'service_overload', 'soon', 'none', 'none', 'none'],
];

describe('an answer', () => {
  test.each(TABLE)('%i %s is tried again %s', (status, code, retry, ...effects) => {
    const verdicts = [READ, CREATE, UPDATE].map((operation) => answer(operation, status, body(code)));
    expect(verdicts.map((errorClass) => errorClass.effect)).toEqual(effects);
    for (const verdict of verdicts) {
      expect(verdict).toMatchObject({ retry, code, status, requestId: 'r-1', committedId: null });
      expect(verdict.pausesAll).toBe(status === 429 || status === 529);
      expect(verdict.message).toContain('said Notion');
      expect(verdict.remedy).not.toBe('');
    }
    expect(answer(QUERY, status, body(code)).effect).toBe('none');
  });

  test('a redirect is never a success and never followed', () => {
    expect(answer(CREATE, 308, '')).toMatchObject({
      effect: 'none',
      retry: 'never',
      code: 'notion_http_308',
    });
  });

  test('HTML from the edge tells its ray id, and doubts a write', () => {
    const errorClass = answer(CREATE, 502, '<html>502 Bad Gateway</html>', { 'cf-ray': 'ray-7' });
    expect(errorClass).toMatchObject({ effect: 'unknown', retry: 'soon', code: 'notion_http_502' });
    expect(errorClass.message).toContain('ray-7');
    expect(errorClass.message).not.toContain('<html>');
    expect(answer(CREATE, 403, '<html>')).toMatchObject({ retry: 'later', code: 'notion_edge_blocked' });
    expect(answer(READ, 404, '<html>').remedy).toContain('NOTION_BASE_URL');
    expect(answer(READ, 429, '<html>')).toMatchObject({ retry: 'soon', pausesAll: true });
  });

  test('404 asks to share the database, 403 names the full workspace', () => {
    expect(answer(READ, 404, body('object_not_found')).remedy).toContain('share the database');
    const full = answer(CREATE, 403, body('restricted_resource', { block_limit: 1000 }));
    expect(full).toMatchObject({ code: 'notion_block_limit', retry: 'never', effect: 'none' });
  });

  test.each([
    ['The start_cursor provided is invalid', 'notion_cursor_invalid'],
    ["Can't edit block that is archived. You must unarchive the block", 'notion_page_in_trash'],
    ['Rating is not a property that exists.', 'notion_property_missing'],
    ['Rating is expected to be status.', 'notion_property_mistyped'],
    ['Invalid status option. Status option "x" does not exist', 'notion_option_missing'],
    ['body failed validation: body.x should be ≤ `100`', 'validation_error'],
  ])('400 "%s" is %s', (message, code) => {
    const errorClass = answer(UPDATE, 400, body('validation_error', undefined, message));
    expect(errorClass).toMatchObject({ code, effect: 'none', retry: 'never' });
  });
});

test('a refusal that says what is wrong stays; one that does not may be a fault of Notion’s that passes', () => {
  const retryOf = (message: string) =>
    answer(UPDATE, 400, body('validation_error', undefined, message)).retry;
  expect(retryOf('body failed validation: body.properties.x.number should be a number')).toBe('never');
  expect(retryOf('Rating is not a property that exists.')).toBe('never');
  expect(retryOf('Unsaved transactions: runQuery')).toBe('later');
});

describe('a rate limit', () => {
  test.each([
    'public_api_request_rate_limit',
    'public_api_space_request_rate_limit',
    'public_api_endpoint_rate_limit',
    'a_reason_of_tomorrow',
  ])('%s waits as long as Notion asks, even for hours', (rate_limit_reason) => {
    const errorClass = answer(CREATE, 429, body('rate_limited', { rate_limit_reason }), {
      'retry-after': '7200',
    });
    expect(errorClass).toMatchObject({ effect: 'none', retry: 'soon', pausesAll: true, afterMs: 7_200_000 });
  });

  test('a blocked connection stops', () => {
    const data = { rate_limit_reason: 'public_api_request_blocked', retry_after: '30' };
    expect(answer(READ, 429, body('rate_limited', data))).toMatchObject({
      effect: 'none',
      retry: 'stop',
      pausesAll: false,
      code: 'notion_blocked',
    });
  });

  test('Retry-After is read from the header, from the body, or not at all; the longer counts', () => {
    const waitOf = (data: object, header?: string): number | null =>
      answer(READ, 429, body('rate_limited', data), header ? { 'retry-after': header } : {}).afterMs;
    expect(waitOf({ retry_after: '12' })).toBe(12_000);
    expect(waitOf({ retry_after: 3 })).toBe(3_000);
    expect(waitOf({ retry_after: '12' }, '40')).toBe(40_000);
    expect(waitOf({}, '0.25')).toBe(250);
    expect(waitOf({}, 'soon')).toBeNull();
    expect(waitOf({})).toBeNull();
    const date = waitOf({}, new Date(Date.now() + 90_000).toUTCString());
    expect(date).toBeGreaterThan(85_000);
    expect(date).toBeLessThanOrEqual(90_000);
  });
});

describe('503 after the write was saved', () => {
  test('names the page that it made, dashed', () => {
    const data = { committed_resource_id: PAGE.replaceAll('-', '') };
    expect(answer(CREATE, 503, body('service_unavailable', data))).toMatchObject({
      effect: 'saved',
      retry: 'never',
      committedId: PAGE,
    });
  });

  test.each([['Do not repeat the write.'], [['Read the page.', 'Do not repeat the write']]])(
    'is known by its guidance %j',
    (retry_guidance) => {
      const errorClass = answer(UPDATE, 503, body('service_unavailable', { retry_guidance }));
      expect(errorClass).toMatchObject({ effect: 'saved', retry: 'never', committedId: null });
    },
  );

  test('other guidance leaves a write in doubt; a read is always repeatable', () => {
    const data = { retry_guidance: 'Back off and reduce page_size.' };
    expect(answer(QUERY, 503, body('service_unavailable', data))).toMatchObject({
      effect: 'none',
      retry: 'soon',
    });
    expect(answer(CREATE, 503, body('service_unavailable', data)).effect).toBe('unknown');
    const saved = { committed_resource_id: PAGE };
    expect(answer(READ, 503, body('service_unavailable', saved))).toMatchObject({
      effect: 'none',
      retry: 'soon',
    });
  });
});

describe('no answer', () => {
  const failed = (cause: unknown): Error => new TypeError('fetch failed', { cause });
  const coded = (code: string, syscall?: string): Error =>
    Object.assign(new Error(code), { code, ...(syscall ? { syscall } : {}) });

  test.each([
    ['refused', failed(coded('ECONNREFUSED', 'connect')), 'notion_unreachable', 'soon', 'none'],
    [
      'refused on both stacks',
      failed(new AggregateError([coded('ECONNREFUSED', 'connect')])),
      'notion_unreachable',
      'soon',
      'none',
    ],
    ['no name', failed(coded('ENOTFOUND', 'getaddrinfo')), 'notion_unreachable', 'soon', 'none'],
    ['no route', failed(coded('EHOSTUNREACH', 'connect')), 'notion_unreachable', 'soon', 'none'],
    ['no connection in time', failed(coded('UND_ERR_CONNECT_TIMEOUT')), 'notion_unreachable', 'soon', 'none'],
    ['a bad certificate', failed(coded('CERT_HAS_EXPIRED')), 'notion_certificate', 'later', 'none'],
    ['a reset', failed(coded('ECONNRESET', 'read')), 'notion_connection_lost', 'soon', 'unknown'],
    [
      'a host that vanished midway',
      failed(coded('EHOSTUNREACH', 'read')),
      'notion_connection_lost',
      'soon',
      'unknown',
    ],
    ['a closed socket', failed(coded('UND_ERR_SOCKET')), 'notion_connection_lost', 'soon', 'unknown'],
    ['something unheard of', new Error('?'), 'notion_connection_lost', 'soon', 'unknown'],
    ['not even an error', 'a string', 'notion_connection_lost', 'soon', 'unknown'],
    ['late headers', failed(coded('UND_ERR_HEADERS_TIMEOUT')), 'notion_timeout', 'soon', 'unknown'],
    ['our deadline', new DOMException('late', 'TimeoutError'), 'notion_timeout', 'soon', 'unknown'],
    ['our caller', new DOMException('enough', 'AbortError'), 'notion_aborted', 'later', 'unknown'],
    ['half an answer', new SyntaxError('Unexpected end'), 'notion_answer_unreadable', 'soon', 'unknown'],
    [
      'a bad path',
      Object.assign(new Error('..'), { name: 'InvalidPathParameterError' }),
      'notion_request_invalid',
      'never',
      'none',
    ],
  ] as const)('%s', (_, thrown, code, retry, effect) => {
    for (const operation of [CREATE, UPDATE]) {
      expect(classify(httpErrorOf(thrown, operation))).toMatchObject({ code, retry, effect, status: null });
    }
    expect(classify(httpErrorOf(thrown, READ))).toMatchObject({ code, retry, effect: 'none' });
  });

  test('a request that was given up in the queue has done nothing', () => {
    const problem = { operation: CREATE, kind: 'transport', fault: 'dropped', message: 'x' } as const;
    expect(classify(problem)).toMatchObject({ effect: 'none', code: 'notion_aborted' });
  });
});

test('a NotionFailure is retryable exactly if waiting can help, and carries no cause', () => {
  const failure = (status: number): NotionFailure =>
    new NotionFailure(answer(CREATE, status, body('some_code')), 'createPage');
  const statuses = [400, 401, 409, 413, 429, 500];
  expect(statuses.filter((status) => failure(status).retryable)).toEqual([400, 409, 429, 500]);
  expect(failure(400).message).toMatch(/^createPage: Notion answered 400 \(some_code\)/);
  expect(failure(400).cause).toBeUndefined();
});
