import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { startSandbox } from '../../src/sandbox/notion/server.ts';

// The double of Notion in a process of its own, so that its time and the product's can be told apart. Beside the sandbox
// stands a server that answers what it was asked before out of memory: what is left then is the product's own time.

export type Ask =
  | { readonly kind: 'furnish'; readonly dataSource: string; readonly count: number }
  | { readonly kind: 'cpu' };
export type Reply =
  | {
      readonly kind: 'ready';
      readonly sandbox: string;
      readonly replay: string;
      readonly token: string;
      readonly parent: string;
    }
  | { readonly kind: 'pages'; readonly ids: readonly string[] }
  | { readonly kind: 'cpu'; readonly ms: number };

const MINUTE_MS = 60_000;
/** Notion lists at most 10,000 pages of one minute. */
const PAGES_OF_A_MINUTE = 500;

let created = 0;
const begun = Date.now() - 24 * 60 * MINUTE_MS;
const now = (): Date => new Date(begun + Math.floor(created / PAGES_OF_A_MINUTE) * MINUTE_MS);
const sandbox = await startSandbox({ limit: null, now });
const tell = (reply: Reply): void => void process.send?.(reply);

function furnish(dataSource: string, count: number): readonly string[] {
  const text = (content: string) => [{ text: { content } }];
  return Array.from({ length: count }, (_, at) => {
    created += 1;
    return sandbox.control.createPage(dataSource, {
      'Supabase ID': { rich_text: text(String(at + 1)) },
      Name: { title: text(`item ${at + 1}`) },
      Note: { rich_text: text(`note ${at + 1}`) },
      Stock: { number: at + 1 },
    }).id;
  });
}

const kept = new Map<string, Buffer>();

async function replay(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = await buffer(request);
  const name = `${request.method} ${request.url} ${asked.toString()}`;
  const body = kept.get(name) ?? (await passOn(request, asked));
  kept.set(name, body);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
}

async function passOn(
  { method = 'GET', url = '/', headers }: IncomingMessage,
  asked: Buffer,
): Promise<Buffer> {
  const { authorization = '', 'notion-version': version = '' } = headers;
  const answer = await fetch(new URL(url, sandbox.url), {
    method,
    headers: { authorization, 'notion-version': String(version), 'content-type': 'application/json' },
    ...(asked.length === 0 ? {} : { body: new Uint8Array(asked) }),
  });
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

const server = createServer(
  (request, response) => void replay(request, response).catch(() => response.destroy()),
);
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () =>
  tell({
    kind: 'ready',
    sandbox: sandbox.url,
    replay: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: sandbox.token,
    parent: sandbox.parentPageId,
  }),
);

process.on('message', (ask: Ask) => {
  if (ask.kind === 'furnish') tell({ kind: 'pages', ids: furnish(ask.dataSource, ask.count) });
  else {
    const { user, system } = process.cpuUsage();
    tell({ kind: 'cpu', ms: (user + system) / 1_000 });
  }
});
process.on('disconnect', () => process.exit());
