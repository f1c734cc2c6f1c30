import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { KEYS, onTerminal, type TerminalProcess } from '../support/terminal.ts';

// The questions of `init`, as a person at a terminal answers them.

const SCHEMA = `
  create table journal (entry text);
  create table orders (id integer primary key, what text not null);
  create table people (id integer primary key, name text not null);
  create table pets (id integer primary key, name text not null, owner integer references people);`;

const QUESTIONS = {
  url: 'PostgreSQL: the address of the database',
  token: "Notion: the connection's token",
  parent: 'Notion: the page under which databases are created',
  tables: 'Which tables?',
  write: 'Write pgnotion.config.ts and .env?',
} as const;

let database: TestDatabase;
let sandbox: Sandbox;
let home: string;
let folders = 0;

describe.skipIf(!inject('hasTerminals'))('init on a terminal', () => {
  beforeAll(async () => {
    database = await createDatabase();
    await database.pool.query(SCHEMA);
    sandbox = await startSandbox({ limit: null });
    home = await mkdtemp(join(tmpdir(), 'pgnotion-init-terminal-'));
  });
  afterAll(async () => {
    await sandbox.close();
    await database.drop();
    await rm(home, { recursive: true });
  });

  async function emptyFolder(): Promise<string> {
    folders += 1;
    const folder = join(home, String(folders));
    await mkdir(folder);
    return folder;
  }

  const init = (cwd: string, ...args: readonly string[]): TerminalProcess =>
    onTerminal(['init', ...args], { cwd, variables: { NOTION_BASE_URL: sandbox.url } });

  test('from an empty folder: what is wrong is asked again, the tables are chosen by keyboard, doctor ends it', async () => {
    const cwd = await emptyFolder();
    await using terminal = init(cwd);
    const { shows, press } = terminal;
    await shows(QUESTIONS.url);
    press(KEYS.enter);
    await shows('the address must begin with postgres:// or postgresql://');
    press('postgres://nobody@127.0.0.1:1/nowhere', KEYS.enter);
    await shows(/cannot connect to PostgreSQL at nobody@127\.0\.0\.1:1\/nowhere[\s\S]*Check that PostgreSQL/);
    // It is asked again, with what was typed to be corrected.
    await shows(/◆ {2}PostgreSQL: the address of the database\n│ {2}postgres:\S+nowhere█?\n└$/);
    press(KEYS.clear, database.url, KEYS.enter);
    await shows(QUESTIONS.token);
    press(sandbox.token, KEYS.enter);
    await shows(QUESTIONS.parent);
    press('the page of the team', KEYS.enter);
    await shows('neither the id of a page');
    press(KEYS.clear, sandbox.parentPageId, KEYS.enter);
    await shows(QUESTIONS.tables);
    expect(terminal.text()).toMatch(
      /Tables that cannot be synced[\s\S]+public\.journal: it has no primary key/,
    );
    press(KEYS.enter);
    await shows('Please select at least one option');
    press(KEYS.down, KEYS.space, KEYS.down, KEYS.space, KEYS.enter);
    await shows(QUESTIONS.write);
    expect(await readdir(cwd)).toEqual([]);
    press(KEYS.enter);
    const { code, text, left } = await terminal.exit;
    expect({ code, left }).toEqual({ code: 0, left: [] });
    expect(text).toMatch(
      /config\.ts: written, with 2 tables: people, pets\n[\s\S]*ok +notion\.parent_page[\s\S]*\d+ checks: \d+ warnings\n\nNext:\n/,
    );
    expect(text).not.toContain(sandbox.token);
    expect((await readdir(cwd)).sort()).toEqual(['.env', 'pgnotion.config.ts']);
    const env = await readFile(join(cwd, '.env'), 'utf8');
    for (const value of [database.url, sandbox.token, sandbox.parentPageId]) expect(env).toContain(value);

    // Beside that it asks nothing and writes nothing, but tells what it would propose.
    const config = await readFile(join(cwd, 'pgnotion.config.ts'), 'utf8');
    await database.pool.query('alter table people add column age integer');
    const again = await init(cwd).exit;
    await database.pool.query('alter table people drop column age');
    expect({ code: again.code, left: again.left }).toEqual({ code: 2, left: [] });
    expect(again.text).toMatch(
      /^\$ pgnotion init\npgnotion\.config\.ts is there already and stays as it is; this would be proposed:\n/,
    );
    expect(again.text).toContain("+ table people, field Age: { column: 'age', type: 'number' }");
    expect(await readFile(join(cwd, 'pgnotion.config.ts'), 'utf8')).toBe(config);
  });

  test.each([
    ['Ctrl-C', 'url', KEYS.interrupt],
    ['Escape', 'url', KEYS.escape],
    ['Ctrl-D', 'url', KEYS.end],
    ['Ctrl-D', 'token', KEYS.end],
    ['Escape', 'parent', KEYS.escape],
    ['Ctrl-C', 'tables', KEYS.interrupt],
    ['n', 'write', 'n'],
    ['Ctrl-C', 'write', KEYS.interrupt],
  ] as const)('%s at the question "%s" ends it, and nothing is written', async (_name, step, key) => {
    const cwd = await emptyFolder();
    const given = {
      url: [],
      token: ['--database-url', database.url],
      parent: ['--database-url', database.url, '--token', sandbox.token],
    };
    const known = [...given.parent, '--parent', sandbox.parentPageId];
    const args = { ...given, tables: known, write: [...known, '--tables', 'people'] }[step];
    await using terminal = init(cwd, ...args);
    await terminal.shows(QUESTIONS[step]);
    terminal.press(key);
    const { code, text, left } = await terminal.exit;
    expect({ code, left }).toEqual({ code: 1, left: [] });
    expect(text).toMatch(
      /\npgnotion: init was cancelled, and nothing was written\n\nwhat to do: .+\n\(init_cancelled\)$/,
    );
    expect(await readdir(cwd)).toEqual([]);
  });

  test('an address that was given and does not connect ends it before anything is asked', async () => {
    const cwd = await emptyFolder();
    const { code, text, left } = await init(cwd, '--database-url', 'postgres://nobody@127.0.0.1:1/x').exit;
    expect({ code, left }).toEqual({ code: 1, left: [] });
    expect(text).toContain('(postgres_refused)');
    expect(text).not.toContain(QUESTIONS.token);
  });

  test('Ctrl-C while it connects ends it too', async () => {
    const cwd = await emptyFolder();
    await using silent = await startSilentServer();
    await using terminal = init(cwd);
    await terminal.shows(QUESTIONS.url);
    terminal.press(`postgres://nobody@127.0.0.1:${silent.port}/app`, KEYS.enter);
    await silent.called;
    terminal.press(KEYS.interrupt);
    const { code, text, left } = await terminal.exit;
    expect({ code, left }).toEqual({ code: 1, left: [] });
    expect(text).toContain('(init_cancelled)');
    expect(await readdir(cwd)).toEqual([]);
  });
});

/** Takes connections, and says nothing. */
async function startSilentServer() {
  const sockets: Socket[] = [];
  let server: Server | undefined;
  const called = new Promise<void>((resolve) => {
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      resolve();
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const address = server?.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    called,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server?.close(resolve));
    },
  };
}
