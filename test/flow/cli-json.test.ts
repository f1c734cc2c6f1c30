import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { type Outcome, runCli } from '../support/daemon-process.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

// Every command of the program, as its own help lists them: JSON in, JSON out, and the exit code that is stated.

type Scenario = {
  readonly args: readonly string[];
  readonly code: 0 | 1 | 2;
  /** Another code that it may end with as well. */
  readonly orElse?: 2;
  /** A version may be without it. */
  readonly isOptional?: boolean;
  /** What is on stdout under --json. */
  readonly prints: 'document' | 'lines' | 'nothing';
  /** It runs until a signal comes; this shows that it does. */
  readonly until?: RegExp;
  /** It needs neither a configuration nor a database, so it does not fail for want of them. */
  readonly standsAlone?: boolean;
  readonly config?: string;
  readonly variables?: Readonly<Record<string, string>>;
};

const document = (...args: string[]): Scenario => ({ args, code: 0, prints: 'document' });
const refused = (...args: string[]): Scenario => ({ args, code: 1, prints: 'nothing' });

/** A command that is not in this list fails the first test. In an order in which each finds what it needs. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  introspect: document('introspect'),
  init: { ...document('init', '--yes', '--tables', 'public.items'), config: 'made.config.ts' },
  plan: { ...document('plan', '--out', 'plan.json'), code: 2 },
  apply: document('apply', 'plan.json'),
  doctor: { ...document('doctor'), code: 2 },
  start: { args: ['start'], code: 0, prints: 'nothing', until: /"msg":"syncing"/ },
  status: document('status'),
  'drift list': document('drift', 'list'),
  health: { ...document('health'), variables: { ADMIN_PORT: 'off' }, standsAlone: true },
  resync: document('resync', 'items'),
  pause: document('pause', 'items'),
  resume: document('resume', 'items'),
  'failures list': document('failures', 'list'),
  'failures retry': refused('failures', 'retry', 'items', '404'),
  'guarded list': document('guarded', 'list'),
  'guarded approve': refused('guarded', 'approve', 'items'),
  'guarded reject': refused('guarded', 'reject', 'items', '1'),
  'guarded pair': refused('guarded', 'pair', 'items', '1', '00000000-0000-4000-8000-000000000000'),
  'deletes list': document('deletes', 'list'),
  'deletes approve': refused('deletes', 'approve', 'items'),
  'deletes reject': refused('deletes', 'reject', 'items'),
  'webhook token': refused('webhook', 'token'),
  'webhook reset': document('webhook', 'reset'),
  'conflicts list': document('conflicts', 'list', '--all'),
  'conflicts show': refused('conflicts', 'show', '17'),
  'conflicts resolve': refused('conflicts', 'resolve', '17', '--keep', 'notion'),
  explain: document('explain', 'items', '1'),
  rollback: { args: ['rollback', '--since', '1h', '--dry-run'], code: 0, prints: 'lines' },
  verify: { ...document('verify'), orElse: 2, isOptional: true },
  reset: refused('reset', 'items'),
  sandbox: { args: ['sandbox'], code: 0, prints: 'document', until: /NOTION_BASE_URL/, standsAlone: true },
  // What it prints passes through the same function as the other messages; test/flow/package.test.ts runs it.
  demo: { args: ['demo', '--help'], code: 0, prints: 'nothing', standsAlone: true },
};

/** The commands that have no commands of their own, each with its help. */
async function leaves(path: readonly string[] = []): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await runCli([...path, '--help']);
  const [, list = ''] = /\nCommands:\n([\s\S]*?)\n(?:\n|$)/.exec(stdout) ?? [];
  const names = [...list.matchAll(/^ {2}(\w[\w-]*)/gm)].flatMap(([, name = '']) =>
    name === 'help' ? [] : [name],
  );
  if (names.length === 0) return new Map([[path.join(' '), stdout]]);
  const inner = new Map<string, string>();
  for (const name of names) for (const [leaf, help] of await leaves([...path, name])) inner.set(leaf, help);
  return inner;
}

const COMMANDS = await leaves();
const tried = Object.entries(SCENARIOS).filter(
  ([name, { isOptional }]) => isOptional !== true || COMMANDS.has(name),
);

let stage: CliStage;
beforeAll(async () => {
  stage = await createCliStage({ config: shopConfig, schema: `${shopSchema};${shopRows(3)}` });
});
afterAll(() => stage[Symbol.asyncDispose]());

test('each command of the program is tried here, and says how it ends', async () => {
  expect([...COMMANDS.keys()].sort()).toEqual(tried.map(([name]) => name).sort());
  for (const [name, help] of COMMANDS) {
    expect(help, name).toMatch(/Exit codes: 0 good, 1 an error, 2 /);
    expect(help, name).toMatch(/Examples:\n {2}\$ pgnotion /);
  }
  const reference = await readFile(
    fileURLToPath(new URL('../../docs/reference.md', import.meta.url)),
    'utf8',
  );
  expect(reference).toMatch(/exit code is 0 for success, 1 for an error, and 2 for differences/);
});

const errorOf = (stderr: string): unknown => {
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  return lines.at(-1);
};

const anError = {
  error: {
    code: expect.stringMatching(/^\w+$/),
    message: expect.stringMatching(/./),
    remedy: expect.stringMatching(/./),
    retryable: expect.any(Boolean),
  },
};

async function ran(
  { args, until, config, variables }: Scenario,
  more: readonly string[] = [],
): Promise<Outcome> {
  const given = config === undefined ? [] : ['--config', config];
  const child = stage.spawn([...args, ...given, ...more], { NO_COLOR: '1', ...variables });
  if (until !== undefined) {
    await child.says(until);
    child.signal('SIGTERM');
  }
  return child.exit;
}

describe('under --json', () => {
  test.each(tried)('%s', async (name, scenario) => {
    if (name === 'explain') await synced();
    const { code, stdout, stderr } = await ran(scenario, ['--json']);
    expect([scenario.code, scenario.orElse], `${name}: ${stderr}`).toContain(code);
    // Help is for people.
    if (scenario.args.includes('--help')) return;
    if (scenario.prints === 'document') JSON.parse(stdout);
    else if (scenario.prints === 'lines') for (const line of stdout.trim().split('\n')) JSON.parse(line);
    else expect(stdout).toBe('');
    for (const line of stderr.split('\n').filter((each) => each !== '')) JSON.parse(line);
    if (scenario.code === 1) expect(errorOf(stderr)).toEqual(anError);
  });

  /** So that there is a record to be explained. */
  async function synced(): Promise<void> {
    await using _ = await stage.start();
    await stage.settled();
  }
});

const configured = tried.filter(([, { standsAlone }]) => standsAlone !== true);

test.each(configured)(
  '%s: a database that is away is one document on stderr, and exit code 1',
  async (name, scenario) => {
    const { args, config } = scenario;
    const given = config === undefined ? [] : ['--config', config];
    const variables = { DATABASE_URL: 'postgres://me@127.0.0.1:1/none' };
    const { code, stdout, stderr } = await stage.run([...args, ...given, '--json'], variables);
    // What is told of each check is the data of `doctor`, and of a configuration that is there, of `init`.
    expect({ name, code }).toEqual({ name, code: 1 });
    if (name === 'doctor') return void JSON.parse(stdout);
    expect(stdout).toBe('');
    expect(errorOf(stderr)).toEqual(anError);
    if (name !== 'start') expect(stderr.trim().split('\n')).toHaveLength(1);
  },
);

test.each(configured)('%s: so is a command line that cannot be understood', async (_, { args }) => {
  const { code, stdout, stderr } = await stage.run([...args, '--no-such-option', '--json']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'command_line_invalid' } });
});

test('a warning is JSON too', async () => {
  const { code, stderr } = await stage.run(['status', '--json'], {
    SYNC_INTERVAL_SECOND: '5',
    SYNC_INTERVAL_SECONDS: '',
  });
  expect(code).toBe(0);
  expect(JSON.parse(stderr)).toMatchObject({ warning: { path: 'SYNC_INTERVAL_SECOND' } });
});

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** Runs a command whose reader goes before a word has been said. */
function unread(
  args: readonly string[],
  variables: Scenario['variables'] = {},
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: stage.folder,
    env: { ...process.env, ...stage.variables, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stderr }));
  });
}

/** Those that end by themselves and print something when all is well. */
const printing = tried.filter(
  ([name, { code, prints }]) => code !== 1 && prints !== 'nothing' && name !== 'apply',
);

test.each(printing)(
  '%s: a reader that has gone is no error',
  async (name, { args, config, variables, code, orElse = code }) => {
    const given = config === undefined ? [] : ['--config', config];
    const seen = await unread([...args, ...given], variables);
    expect(seen.stderr).not.toMatch(/EPIPE|^\s+at /m);
    expect([0, code, orElse]).toContain(seen.code);
    expect(name).not.toBe('');
  },
);

test('status --watch ends when its reader goes', async () => {
  expect(await unread(['status', '--watch', '1'])).toMatchObject({ code: 0, stderr: '' });
});
