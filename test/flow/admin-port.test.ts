import { connect } from 'node:net';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACTIONS } from '../../src/admin/actions.ts';
import { MOST_STREAMS } from '../../src/admin/events.ts';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { eventually } from '../support/eventually.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const TOKEN = 'a token of sixteen characters or more';

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: {
    notes: {
      source: 'public.notes',
      key: 'id',
      title: 'Notes',
      onNotionTrash: 'delete',
      fields: {
        Text: { column: 'text', type: 'title' },
        Mark: { column: 'mark', type: 'rich_text', conflict: 'manual' },
        Stock: { column: 'stock', type: 'number' },
      },
    },
  },
};
const schema = `
  create table public.notes (id int primary key, text text not null, mark text, stock int check (stock >= 0));
  insert into public.notes select n, 'note ' || n, 'mark', n from generate_series(1, 60) n;`;

let stack: Stack;
let there: Sides;
beforeAll(async () => {
  stack = await createStack({ config, schema, variables: { ADMIN_TOKEN: TOKEN } });
  there = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
});
afterAll(() => stack[Symbol.asyncDispose]());

const at = (path: string): string => `${stack.admin()}${path}`;
const bearer = { authorization: `Bearer ${TOKEN}` };

const form = (
  fields: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>> = {},
): RequestInit => ({
  method: 'POST',
  redirect: 'manual',
  body: new URLSearchParams(fields),
  headers: more,
});

async function loggedIn(): Promise<{ readonly cookie: string }> {
  const answer = await fetch(at('/login'), form({ token: TOKEN, name: 'Ada', back: '/inbox' }));
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/inbox']);
  const set = answer.headers.get('set-cookie') ?? '';
  expect(set).toMatch(/^pgnotion_session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
  return { cookie: set.split(';')[0] ?? '' };
}

const api = async (path: string, init: RequestInit = {}) => {
  const answer = await fetch(at(path), { ...init, headers: { ...bearer, ...init.headers } });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

/** What was done, in its order. */
const done: string[] = [];

const act = async (name: string, input: object) => {
  const answer = await api(`/api/actions/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
  if (answer.status === 200) done.push(name);
  return answer;
};

describe('who may come in', () => {
  test('without the token nothing is told but that one is needed', async () => {
    for (const path of ['/', '/inbox', '/api/nothing-of-the-kind']) {
      const answer = await fetch(at(path), { redirect: 'manual' });
      expect([303, 401], path).toContain(answer.status);
    }
    for (const path of ['/api/overview', '/api/events', '/api/openapi.json', '/api/settings']) {
      const answer = await fetch(at(path));
      expect([answer.status, answer.headers.get('www-authenticate')], path).toEqual([401, 'Bearer']);
      expect(await answer.json()).toMatchObject({ code: 'admin_token_wrong' });
    }
    const page = await fetch(at('/inbox?table=notes'));
    expect(new URL(page.url).searchParams.get('back')).toBe('/inbox?table=notes');
    expect(await page.text()).toContain('<form method="post" action="/login">');
    expect((await fetch(at('/livez'))).status).toBe(200);
  });

  test('every answer forbids what a browser could be made to do with it', async () => {
    for (const path of ['/livez', '/login', '/api/overview', '/nothing']) {
      const { headers } = await fetch(at(path), { headers: bearer });
      expect(headers.get('content-security-policy'), path).toContain("default-src 'none'; script-src 'self'");
      expect(headers.get('content-security-policy'), path).not.toContain('unsafe');
      expect([headers.get('x-content-type-options'), headers.get('referrer-policy')], path).toEqual([
        'nosniff',
        'no-referrer',
      ]);
      expect(headers.get('cache-control'), path).toBe('no-store');
    }
    const text = await (
      await fetch(at(`/login?back=${encodeURIComponent('/"><script>alert(1)</script>')}`))
    ).text();
    expect(text).not.toContain('<script');
  });

  test('a name of another host is refused: a page of it would read what it gets from here', async () => {
    const asked = (host: string) =>
      new Promise<string>((resolve, reject) => {
        const { hostname, port } = new URL(stack.admin());
        const socket = connect(Number(port), hostname, () =>
          socket.write(
            `GET /api/overview HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`,
          ),
        );
        let text = '';
        socket.on('data', (data) => {
          text += data;
        });
        socket.on('end', () => resolve(text.split('\r\n')[0] ?? ''));
        socket.on('error', reject);
      });
    expect(await asked('evil.example:7420')).toContain('403');
    for (const host of ['localhost:9', '127.0.0.1', '[::1]:7420'])
      expect(await asked(host), host).toContain('200');
  });

  test('a login by another site is none', async () => {
    const answer = await fetch(at('/login'), form({ token: TOKEN }, { 'sec-fetch-site': 'cross-site' }));
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([403, null]);
  });

  test('a change needs the CSRF token of the session, a program the token of the port alone', async () => {
    const { cookie } = await loggedIn();
    expect((await fetch(at('/api/overview'), { headers: { cookie } })).status).toBe(200);
    for (const path of ['/actions/pause', '/api/actions/pause']) {
      for (const fields of [{ table: 'notes' }, { table: 'notes', _csrf: 'guessed' }] as Record<
        string,
        string
      >[]) {
        const answer = await fetch(at(path), form(fields, { cookie, accept: 'application/json' }));
        expect([answer.status, ((await answer.json()) as { code: string }).code], path).toEqual([
          403,
          'admin_csrf',
        ]);
      }
    }
    expect((await api('/api/tables')).body).toMatchObject([{ paused: false }]);
    await fetch(at('/logout'), form({}, { cookie }));
    expect((await fetch(at('/api/overview'), { headers: { cookie } })).status).toBe(401);
  });

  test('a body of 10 MB is refused unread, and so are headers without end', async () => {
    const large = 'x'.repeat(10_000_000);
    const answer = await fetch(at('/api/actions/pause'), {
      method: 'POST',
      headers: bearer,
      body: large,
    }).catch((error: Error) => error);
    if (!(answer instanceof Error)) expect(answer.status).toBe(413);
    const chunked = new ReadableStream({
      start: (controller) => {
        for (let sent = 0; sent < 10; sent += 1)
          controller.enqueue(new TextEncoder().encode(large.slice(0, 100_000)));
        controller.close();
      },
    });
    const streamed = await fetch(at('/api/actions/pause'), {
      method: 'POST',
      headers: bearer,
      body: chunked,
      duplex: 'half',
    } as RequestInit).catch((error: Error) => error);
    if (!(streamed instanceof Error)) expect(streamed.status).toBe(413);
    const headers = await fetch(at('/livez'), { headers: { 'x-long': 'x'.repeat(20_000) } });
    expect(headers.status).toBe(431);
    expect((await fetch(at('/livez'))).status).toBe(200);
  });

  test('who sends a request a byte now and then loses the connection, and holds up nobody', async () => {
    const { hostname, port } = new URL(stack.admin());
    const ended = new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A'),
      );
      let text = '';
      socket.on('data', (data) => {
        text += data;
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
    expect((await fetch(at('/livez'))).status).toBe(200);
    expect(await ended).toMatch(/^HTTP\/1\.1 408|^$/);
  });
});

const pageOf = (key: string): Promise<string> => there.pageOf('notes', key);

describe('what can be read', () => {
  test('real answers are what the OpenAPI document says, and it names every address', async () => {
    const { body } = await api('/api/openapi.json');
    const document = body as unknown as {
      readonly paths: Readonly<
        Record<
          string,
          {
            readonly get?: {
              readonly responses: Readonly<
                Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
              >;
            };
          }
        >
      >;
    };
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const reads: Readonly<Record<string, string>> = {
      '/api/overview': '/api/overview',
      '/api/tables': '/api/tables',
      '/api/inbox': '/api/inbox',
      '/api/records/{table}/{key}': '/api/records/notes/1',
      '/api/operations': '/api/operations?table=notes&status=done&direction=to-notion',
      '/api/runs': '/api/runs',
      '/api/actions': '/api/actions',
      '/api/charts': '/api/charts?span=day',
      '/api/slo': '/api/slo?days=7',
      '/api/settings': '/api/settings',
    };
    const told = Object.entries(document.paths).filter(([, item]) => item.get !== undefined);
    expect(told.map(([path]) => path).sort()).toEqual(
      [...Object.keys(reads), '/api/events', '/api/openapi.json'].sort(),
    );
    for (const [path, address] of Object.entries(reads)) {
      const schema =
        document.paths[path]?.get?.responses['200']?.content['application/json']?.schema ?? false;
      const answer = await api(address);
      const check = ajv.compile(schema as object);
      expect([answer.status, check(answer.body), check.errors], path).toEqual([200, true, null]);
    }
    expect(Object.keys(document.paths).filter((path) => path.startsWith('/api/actions/'))).toEqual(
      Object.keys(ACTIONS).map((name) => `/api/actions/${name}`),
    );
    expect(await act('explode', {})).toMatchObject({ status: 404, body: { code: 'admin_action_unknown' } });
  });

  test('lists are read page by page from their end, and what is asked for wrongly is said', async () => {
    const seen: string[] = [];
    let next: unknown = '';
    for (let pages = 0; next !== null && pages < 10; pages += 1) {
      const { body } = await api(
        `/api/operations?table=notes&direction=to-notion${next === '' ? '' : `&before=${next}`}`,
      );
      seen.push(...(body.lines as { id: string }[]).map(({ id }) => id));
      next = body.next;
    }
    expect(seen).toEqual([...seen].sort((one, other) => Number(other) - Number(one)));
    expect(seen.length).toBeGreaterThanOrEqual(60);
    for (const path of [
      '/api/operations?before=x',
      '/api/operations?status=odd',
      '/api/runs?before=-1',
      '/api/charts?span=year',
      '/api/slo?days=365',
    ])
      expect(await api(path), path).toMatchObject({ status: 400, body: { code: 'admin_query_invalid' } });
    expect(await api('/api/records/notes/nobody')).toMatchObject({
      status: 404,
      body: { code: 'record_unknown' },
    });
  });

  test('the settings hold no secret', async () => {
    const { body } = await api('/api/settings');
    const text = JSON.stringify(body);
    for (const secret of [TOKEN, stack.sandbox.token, stack.database.url]) expect(text).not.toContain(secret);
    expect(text).toContain('"name":"ADMIN_TOKEN","value":null,"isSet":true');
  });

  /** What a listener hears. `until` resolves once that has come since the last one, and with false if the stream ends before. */
  const listen = async (headers: Record<string, string>) => {
    const answer = await fetch(at('/api/events'), { headers });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const until = async (wanted: RegExp): Promise<boolean> => {
      while (!wanted.test(text)) {
        const { value, done } = (await reader?.read()) ?? { done: true, value: undefined };
        if (done) return false;
        text += value;
      }
      text = '';
      return true;
    };
    return { answer, until, cancel: async () => await reader?.cancel() };
  };
  const OVERVIEW = /event: overview\ndata: \{.*\}\n\n/;
  const NEVER = /never said/;

  test('a change is told at once to those who listen', async () => {
    const { answer, until, cancel } = await listen(bearer);
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    expect(await until(OVERVIEW)).toBe(true);
    await act('pause', { table: 'notes' });
    expect(await until(/"paused":true/)).toBe(true);
    await act('resume', {});
    expect(await until(/"paused":false/)).toBe(true);
    await cancel();
  });

  test('who logs out hears no more, and others do', async () => {
    const { cookie } = await loggedIn();
    const [one, other] = [await listen({ cookie }), await listen(bearer)];
    expect([await one.until(OVERVIEW), await other.until(OVERVIEW)]).toEqual([true, true]);
    await fetch(at('/logout'), { ...form({}, { cookie }), redirect: 'manual' });
    expect(await one.until(NEVER)).toBe(false);
    await act('pause', { table: 'notes' });
    expect(await other.until(/"paused":true/)).toBe(true);
    await act('resume', {});
    await other.cancel();
  });

  test('a stop waits for nobody who listens', async () => {
    const { until } = await listen(bearer);
    expect(await until(OVERVIEW)).toBe(true);
    const begun = performance.now();
    await stack.stop();
    expect(await until(NEVER)).toBe(false);
    // Less than a heartbeat, by which it would notice anyway.
    expect(performance.now() - begun).toBeLessThan(9_000);
    await stack.start();
  });

  test('no more than so many listen at once, and whoever leaves makes room', async () => {
    const heard = await Promise.all(Array.from({ length: MOST_STREAMS }, () => listen(bearer)));
    expect(heard.map(({ answer }) => answer.status)).toEqual(heard.map(() => 200));
    const refused = await api('/api/events');
    expect(refused).toMatchObject({ status: 503, body: { code: 'admin_streams_limited' } });
    await Promise.all(heard.map(({ cancel }) => cancel()));
    const { until, cancel } = await eventually(async () => {
      const next = await listen(bearer);
      if (next.answer.status === 200) return next;
      await next.cancel();
      return null;
    });
    expect(await until(OVERVIEW)).toBe(true);
    await cancel();
  });
});

describe('what can be done', () => {
  const audited = async (action: string) => {
    const [row] = await there.sql<{ actor: string; input: object }>(
      'select actor, input from pgnotion.actions where action = $1 limit 1',
      [action],
    );
    return row;
  };

  test('a form leads back with what was done or why not, in the name that was given at the login', async () => {
    const { cookie } = await loggedIn();
    // The pages put it into their forms; here a page is asked for it.
    const csrf = await csrfOf(cookie);
    const answer = await fetch(
      at('/actions/pause'),
      form({ _csrf: csrf, table: 'notes', back: '/?x=1' }, { cookie }),
    );
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/?x=1&said=notes+is+paused']);
    done.push('pause');
    expect(await audited('pause')).toEqual({ actor: 'admin (Ada)', input: { table: 'notes' } });
    const resumed = await fetch(
      at('/actions/resume'),
      form({ _csrf: csrf, table: 'nobody', back: '//evil.example' }, { cookie }),
    );
    expect(resumed.headers.get('location')).toMatch(/^\/\?failed=nobody\+is\+not/);
    expect(await act('resume', { table: 'notes' })).toEqual({
      status: 200,
      body: { message: 'notes is resumed' },
    });
  });

  test('paused tables wait, all at once too, and lose nothing', async () => {
    expect((await act('pause', {})).body.message).toContain('every table is paused');
    await there.sql(`update notes set text = 'while paused' where id = 2`);
    await eventually(
      async () => ((await api('/api/tables')).body as unknown as { pending: number }[])[0]?.pending === 1,
    );
    expect(there.shown(await pageOf('2'), 'Text')).toBe('note 2');
    expect((await act('resume', {})).body.message).toBe('1 paused tables go on');
    const page = await pageOf('2');
    await eventually(() => there.shown(page, 'Text') === 'while paused');
    expect(await act('pause', { table: 'nobody' })).toMatchObject({
      status: 404,
      body: { code: 'table_unknown' },
    });
  });

  test('an operation is taken back, and its undoing is in the same name', async () => {
    await there.sql(`update notes set text = 'edited' where id = 3`);
    await eventually(async () => there.shown(await pageOf('3'), 'Text') === 'edited');
    const { lines } = (await api('/api/operations?table=notes&key=3')).body as {
      lines: { id: string; undoable: boolean }[];
    };
    expect(lines[0]?.undoable).toBe(true);
    expect(await act('undo', { operation: lines[0]?.id })).toMatchObject({ status: 200 });
    await eventually(async () => there.shown(await pageOf('3'), 'Text') === 'note 3');
    expect(
      await there.sql(
        `select actor from pgnotion.operations where table_name = 'notes' and key = '3' and direction = 'to-postgres'`,
      ),
    ).toEqual([{ actor: 'admin (API)' }]);
    expect(await audited('undo')).toMatchObject({ actor: 'admin (API)' });
    expect(await act('undo', { operation: '999999' })).toMatchObject({
      status: 409,
      body: { code: 'nothing_to_undo' },
    });
    expect(await act('undo', { operation: 'x' })).toMatchObject({
      status: 400,
      body: { code: 'admin_action_invalid' },
    });
  });

  test('a failure is seen with its sentence, and tried again', async () => {
    there.edit(await pageOf('4'), { Stock: typed('number', -1) });
    const failure = await eventually(async () => {
      const { failures } = (await api('/api/inbox')).body as {
        failures: { key: string; sentence: string }[];
      };
      return failures.find(({ key }) => key === '4');
    });
    expect(failure.sentence).not.toBe('');
    await there.sql('alter table notes drop constraint notes_stock_check');
    expect((await act('retry', { table: 'notes', key: '4' })).status).toBe(200);
    await eventually(
      async () =>
        (await there.sql<{ stock: number }>('select stock from notes where id = 4'))[0]?.stock === -1,
    );
    expect(await act('retry', { table: 'notes', key: '5' })).toMatchObject({
      status: 409,
      body: { code: 'nothing_to_retry' },
    });
  });

  test('a conflict is decided once', async () => {
    const page = await pageOf('6');
    await act('pause', { table: 'notes' });
    await there.sql(`update notes set mark = 'row' where id = 6`);
    there.edit(page, { Mark: typed('rich_text', 'page') });
    await act('resume', { table: 'notes' });
    const conflict = await eventually(async () => {
      const { conflicts } = (await api('/api/inbox')).body as {
        conflicts: { id: string; record_id: string }[];
      };
      return conflicts.find(({ record_id: key }) => key === '6');
    });
    expect(await act('resolve', { id: conflict.id })).toMatchObject({
      status: 400,
      body: { code: 'conflict_choice_missing' },
    });
    expect((await act('resolve', { id: conflict.id, keep: 'notion' })).status).toBe(200);
    expect(await act('resolve', { id: conflict.id, keep: 'postgres' })).toMatchObject({
      status: 409,
      body: { code: 'conflict_decided' },
    });
    await eventually(
      async () =>
        (await there.sql<{ mark: string }>('select mark from notes where id = 6'))[0]?.mark === 'page',
    );
    expect(await act('resolve', { id: '424242', keep: 'notion' })).toMatchObject({ status: 404 });
  });

  test('guarded changes are rejected and approved, and a comparison is made when asked for', async () => {
    await there.sql('delete from notes where id > 20');
    await eventually(
      async () => ((await api('/api/overview')).body.waiting as { guarded: number }).guarded === 40,
    );
    expect((await act('reject', { table: 'notes', key: '60', kind: 'deletion' })).body.message).toContain(
      '1 change of notes rejected',
    );
    expect(await act('approve', { table: 'notes', kind: 'odd' })).toMatchObject({ status: 400 });
    expect((await act('approve', { table: 'notes' })).body.message).toContain('39 changes of notes approved');
    expect(await act('pair', { table: 'notes', key: '1', page: 'x' })).toMatchObject({
      status: 409,
      body: { code: 'no_such_pair' },
    });
    await stack.settled();
    expect((await act('resync', { table: 'notes' })).status).toBe(200);
    expect((await act('verify', {})).status).toBe(200);
    await eventually(async () => {
      const { lines } = (await api('/api/runs')).body as {
        lines: { kind: string; actor: string; result: string | null }[];
      };
      return lines.some(
        ({ kind, actor, result }) => kind === 'verify' && actor === 'admin (API)' && result !== null,
      );
    });
  });

  test('all of it left one line each, in the name of whoever asked', async () => {
    const lines = await there.sql<{ actor: string; action: string }>(
      'select actor, action from pgnotion.actions order by id',
    );
    expect(lines.map(({ action }) => action)).toEqual(done);
    expect(new Set(done)).toEqual(new Set(Object.keys(ACTIONS).filter((name) => name !== 'pair')));
    expect([...new Set(lines.map(({ actor }) => actor))].sort()).toEqual(['admin (API)', 'admin (Ada)']);
  });
});

/** The login's session as the daemon has it: a form of the pages would show it. */
async function csrfOf(cookie: string): Promise<string> {
  const answer = await fetch(at('/api/settings'), { headers: { cookie } });
  return ((await answer.json()) as { session: { csrf: string } }).session.csrf;
}
