import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

type Message = { readonly id?: number; readonly method?: string; readonly result?: unknown };

/** What an editor shows when the mouse rests on each of these words of a file, as the TypeScript compiler answers it. */
export async function hoversOver(
  tsc: string,
  file: string,
  words: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const server = spawn(tsc, ['--lsp', '--stdio'], { cwd: dirname(file), stdio: ['pipe', 'pipe', 'ignore'] });
  const waiting = new Map<number, (result: unknown) => void>();
  const send = (message: object): void => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };
  let rest = Buffer.alloc(0);
  server.stdout.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf('\r\n\r\n'); end >= 0; end = rest.indexOf('\r\n\r\n')) {
      const length = Number(/Content-Length: (\d+)/.exec(rest.toString('latin1', 0, end))?.[1]);
      if (rest.length < end + 4 + length) return;
      const message = JSON.parse(rest.toString('utf8', end + 4, end + 4 + length)) as Message;
      rest = rest.subarray(end + 4 + length);
      if (message.method !== undefined && message.id !== undefined) send({ id: message.id, result: null });
      else if (message.id !== undefined) waiting.get(message.id)?.(message.result);
    }
  });
  let last = 0;
  const ask = (method: string, params: object): Promise<unknown> =>
    new Promise((done) => {
      last += 1;
      waiting.set(last, done);
      send({ id: last, method, params });
    });
  const hover = { contentFormat: ['markdown'] };
  const uri = pathToFileURL(file).href;
  const text = await readFile(file, 'utf8');
  try {
    await ask('initialize', { processId: null, rootUri: null, capabilities: { textDocument: { hover } } });
    send({ method: 'initialized', params: {} });
    send({
      method: 'textDocument/didOpen',
      params: { textDocument: { uri, languageId: 'typescript', version: 1, text } },
    });
    const shown: Record<string, string> = {};
    for (const word of words) {
      const before = text.slice(0, text.indexOf(word)).split('\n');
      const position = { line: before.length - 1, character: (before.at(-1) ?? '').length + 1 };
      shown[word] = JSON.stringify(await ask('textDocument/hover', { textDocument: { uri }, position }));
    }
    return shown;
  } finally {
    server.kill();
  }
}
