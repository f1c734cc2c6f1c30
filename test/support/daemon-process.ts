import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';
import { watchedProcess } from './watch-exchanges.ts';

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** What Node has compiled once serves all processes of all runs: it halves the time to start the program. */
const COMPILED = join(tmpdir(), 'pgnotion-test-compiled');

/** The commands that run a sandbox in their own process. */
const WITH_SANDBOX = ['demo', 'sandbox'];

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };
export type Outcome = Exit & { readonly stdout: string; readonly stderr: string };

/** `node src/cli/main.ts ...` in a process of its own, as a user runs it. */
export type CliProcess = {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: () => boolean;
  /** To the process and what it started, as a terminal's Ctrl-C. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Resolves when the process and its output have ended, however it ended. */
  readonly exit: Promise<Outcome>;
  /** kill -9, and its end. */
  readonly kill9: () => Promise<void>;
  /** Resolves once either output has the text; rejects at once if the process ends without it. */
  readonly says: (text: string | RegExp, timeoutMs?: number) => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type CliOptions = {
  /** All that the process sees, beside PATH, HOME and TMPDIR: nothing of the tester's own settings leaks in. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

/** The program and its arguments. */
export const cliCommand = (args: readonly string[]): readonly string[] => [process.execPath, CLI, ...args];

/** What it sees beside what a test gives it. */
export function cliVariables(args: readonly string[]): Readonly<Record<string, string>> {
  const { PATH = '', HOME = '/', TMPDIR = '/tmp' } = process.env;
  const watched = watchedProcess(WITH_SANDBOX.includes(args[0] ?? ''));
  return { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE: COMPILED, ...watched };
}

export function spawnCli(args: readonly string[], options: CliOptions = {}): CliProcess {
  const [program = '', ...words] = cliCommand(args);
  const child = spawn(program, words, {
    cwd: options.cwd,
    env: { ...cliVariables(args), ...options.variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    // The leader of a group of its own.
    detached: true,
  });
  const release = guard(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const exit = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      release();
      resolve({ code, signal, ...output });
    });
  });
  const kill9 = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exit;
  };
  return {
    pid: child.pid ?? 0,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    ended,
    signal: (signal) => void (child.pid !== undefined && !ended() && process.kill(-child.pid, signal)),
    exit,
    kill9,
    says: (text, timeoutMs = 0) => says(text, { ended, exit }, output, timeoutMs),
    [Symbol.asyncDispose]: kill9,
  };
}

async function says(
  text: string | RegExp,
  process: Pick<CliProcess, 'ended' | 'exit'>,
  output: { readonly stdout: string; readonly stderr: string },
  timeoutMs: number,
): Promise<void> {
  const has = (): boolean =>
    [output.stdout, output.stderr].some((each) =>
      typeof text === 'string' ? each.includes(text) : text.test(each),
    );
  const told = (): string => `it said so far:\n${output.stdout}\n${output.stderr}`;
  const over = await eventually(() => has() || process.ended(), { timeoutMs }).catch(() => false);
  if (over && !has()) await process.exit;
  if (!has()) throw new Error(`${over ? 'it ended without' : 'it did not say'} ${text}; ${told()}`);
}

/** Ends the child when this process ends, a kill -9 of it included: the pipe to the shell closes then. */
export function guard(child: ChildProcess): () => void {
  const watcher = spawn('/bin/sh', ['-c', 'cat > /dev/null; kill -9 "$1"', 'guard', String(child.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  return () => void watcher.kill('SIGKILL');
}

/** Runs a command to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<Outcome> {
  await using child = spawnCli(args, options);
  return await child.exit;
}
