import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/notion/server.ts';
import { watchedProcess } from '../support/watch-exchanges.ts';
import { client, desk, named } from './support.ts';

function journalFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'notion.jsonl');
}

test('a workspace comes back as it was, and its journal shorter', async () => {
  const journal = journalFile();
  const first = await desk({ journal });
  const { dataSourceId } = await first.database({ K: { select: {} } });
  const made = await first.page(dataSourceId, { ...named('a'), K: { select: { name: 'new' } } });
  for (let i = 0; i < 20; i += 1) first.sandbox.control.editPage(made.id, named(`a${i}`));
  await first.notion.comments.create({
    parent: { page_id: made.id },
    rich_text: [{ text: { content: 'hm' } }],
  });
  const gone = await first.page(dataSourceId, named('gone'));
  first.sandbox.control.deleteForever(gone.id);
  const before = first.sandbox.control.snapshot();
  await first.sandbox.close();
  const lines = readFileSync(journal, 'utf8').split('\n').length;
  // A crash in the middle of a line: its request was never answered.
  appendFileSync(journal, '[["pages","torn",{"id":"to');
  const second = await startSandbox({ journal, limit: null });
  onTestFinished(() => second.close());
  expect(second.control.snapshot()).toEqual(before);
  const entities = Object.values(before).reduce((sum, list) => sum + list.length, 0);
  expect(readFileSync(journal, 'utf8').trimEnd().split('\n')).toHaveLength(entities);
  expect(lines).toBeGreaterThan(entities);
  expect(await client(second).pages.retrieve({ page_id: made.id })).toMatchObject({
    properties: { Name: { title: [{ plain_text: 'a19' }] }, K: { select: { name: 'new' } } },
  });
});

test('kill -9 loses nothing that was answered', async () => {
  const journal = journalFile();
  const server = new URL('../../src/sandbox/notion/server.ts', import.meta.url).href;
  const code = `const { startSandbox } = await import(${JSON.stringify(server)});
    const s = await startSandbox({ journal: ${JSON.stringify(journal)}, limit: null });
    console.log(s.url);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...watchedProcess() },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const url = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data) => resolve(String(data).trim())),
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const notion = client({ url, token: 'sandbox-token' } as Parameters<typeof client>[0]);
  const parent = { type: 'page_id', page_id: '5a4db000-0000-4000-8000-00000000face' } as const;
  const base = await notion.databases.create({
    parent,
    initial_data_source: { properties: { Name: { title: {} } } },
  });
  const answered: string[] = [];
  const create = async (i: number): Promise<void> => {
    const page = await notion.pages.create({
      parent: { type: 'database_id', database_id: base.id },
      properties: named(`p${i}`),
    });
    answered.push(page.id);
    if (answered.length === 40) child.kill('SIGKILL');
  };
  await Promise.allSettled(Array.from({ length: 200 }, (_, i) => create(i)));
  await exited;
  expect(answered.length).toBeGreaterThanOrEqual(40);
  const again = await startSandbox({ journal, limit: null });
  onTestFinished(() => again.close());
  const kept = new Set(again.control.snapshot().pages.map((page) => page.id));
  expect(answered.filter((id) => !kept.has(id))).toEqual([]);
});

test('closing ends requests that are under way', async () => {
  const { sandbox } = await desk();
  sandbox.control.faults.add({ match: {}, times: 1, action: { kind: 'delay', ms: 600_000 } });
  const hanging = client(sandbox)
    .users.me({})
    .catch((error: unknown) => error);
  await fetch(`${sandbox.url}/`);
  await sandbox.close();
  expect(await hanging).toBeInstanceOf(TypeError);
});
