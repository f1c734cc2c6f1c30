import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import xterm from '@xterm/headless';
import { type CliOptions, cliCommand, cliVariables, guard } from './daemon-process.ts';
import { eventually } from './eventually.ts';

// A command on a pseudo-terminal, which `script` of util-linux opens, and a terminal's emulator behind it: so tests see
// the screen that a person would, and press keys.

export const KEYS = {
  enter: '\r',
  space: ' ',
  down: '\x1b[B',
  up: '\x1b[A',
  escape: '\x1b',
  clear: '\x15',
  /** Ctrl-C. */
  interrupt: '\x03',
  /** Ctrl-D, on which a terminal ends the input. */
  end: '\x04',
} as const;

type Size = { readonly columns: number; readonly rows: number };

export type TerminalExit = {
  /** As a shell tells it: 128 and the signal's number after a signal. */
  readonly code: number | null;
  /** All that was shown. */
  readonly text: string;
  /** What a person would miss afterwards: none of it if the terminal is as it was. */
  readonly left: readonly string[];
};

export type TerminalProcess = {
  /** What stands on the screen, a text for each row, without the blanks at its end. */
  readonly rows: () => readonly string[];
  /** Whatever is on the screen or has scrolled away; what the terminal broke into several rows is one line. */
  readonly text: () => string;
  /** Resolves once that is in `text`; rejects at once if the command ends without it. */
  readonly shows: (text: string | RegExp) => Promise<void>;
  /** All that was written to the terminal, as it was written. */
  readonly output: () => string;
  readonly press: (...keys: readonly string[]) => void;
  readonly resize: (size: Size) => void;
  /** The terminal goes away, as when its window is closed. */
  readonly hangUp: () => void;
  readonly exit: Promise<TerminalExit>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** `node src/cli/main.ts ...` on a terminal, as a user runs it. */
export function onTerminal(
  args: readonly string[],
  options: CliOptions & { readonly size?: Size } = {},
): TerminalProcess {
  const size = options.size ?? { columns: 80, rows: 24 };
  const notes = mkdtempSync(join(tmpdir(), 'pgnotion-terminal-'));
  const screen = createScreen(size);
  // The shell outlives Ctrl-C, to look at the terminal that the command leaves.
  const script = [
    "trap ':' INT",
    `stty rows ${size.rows} cols ${size.columns}`,
    `tty > ${notes}/tty; stty -g > ${notes}/before`,
    `echo ${quoted(promptOf(args))}`,
    cliCommand(args).map(quoted).join(' '),
    'code=$?',
    `stty -g > ${notes}/after`,
    'exit $code',
  ].join('\n');
  const child = spawn('script', ['-qefc', script, '/dev/null'], {
    cwd: options.cwd,
    env: {
      ...cliVariables(args),
      SHELL: '/bin/sh',
      TERM: 'xterm-256color',
      LANG: 'C.UTF-8',
      ...options.variables,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const release = guard(child);
  let written = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written += text;
    screen.write(text);
  });
  // What was pressed when nobody was there any more.
  child.stdin.on('error', () => undefined);
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const exit = new Promise<TerminalExit>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', async (code) => {
      release();
      await screen.flushed();
      const left = [...screen.left(), ...settingsLeft(notes)];
      rmSync(notes, { recursive: true, force: true });
      resolve({ code, text: screen.text(), left });
    });
  });
  const hangUp = (): void => void child.kill('SIGKILL');
  return {
    rows: screen.rows,
    text: screen.text,
    output: () => written,
    shows: async (text) => {
      const has = (): boolean =>
        typeof text === 'string' ? screen.text().includes(text) : text.test(screen.text());
      const over = await eventually(() => has() || ended()).catch(() => false);
      if (over && !has()) await exit;
      if (has()) return;
      const what = over ? 'it ended without' : 'it does not show';
      throw new Error(`${what} ${text}; it shows:\n${screen.text()}`);
    },
    press: (...keys) => void child.stdin.write(keys.join('')),
    resize: ({ columns, rows }) => {
      screen.resize(columns, rows);
      const tty = readFileSync(join(notes, 'tty'), 'utf8').trim();
      spawnSync('stty', ['-F', tty, 'cols', String(columns), 'rows', String(rows)]);
    },
    hangUp,
    exit,
    [Symbol.asyncDispose]: async () => {
      hangUp();
      await exit;
    },
  };
}

/** What stands above whatever the command shows. */
export const promptOf = (args: readonly string[]): string => `$ pgnotion ${args.join(' ')}`;

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** How the terminal's settings (echo, line editing, ...) differ from those before. */
function settingsLeft(notes: string): readonly string[] {
  const [before, after] = ['before', 'after'].map((name) => {
    const file = join(notes, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : null;
  });
  return before === after ? [] : [`the settings ${before} are ${after}`];
}

function createScreen(size: Size) {
  const terminal = new xterm.Terminal({
    cols: size.columns,
    rows: size.rows,
    scrollback: 10_000,
    allowProposedApi: true,
  });
  let isCursorHidden = false;
  let pending: Promise<void> = Promise.resolve();
  for (const [final, hides] of [
    ['l', true],
    ['h', false],
  ] as const)
    terminal.parser.registerCsiHandler({ prefix: '?', final }, (parameters) => {
      if (parameters.includes(25)) isCursorHidden = hides;
      return false;
    });
  const rowsFrom = (first: number): string[] => {
    const { active } = terminal.buffer;
    const lines: string[] = [];
    for (let at = first; at < active.length; at += 1)
      lines.push(active.getLine(at)?.translateToString(false, 0, terminal.cols) ?? '');
    return lines;
  };
  return {
    write: (chunk: string): void => {
      pending = new Promise((done) => terminal.write(chunk, done));
    },
    flushed: () => pending,
    resize: (columns: number, rows: number): void => terminal.resize(columns, rows),
    rows: () => rowsFrom(terminal.buffer.active.baseY).map((row) => row.trimEnd()),
    text: (): string => {
      const { active } = terminal.buffer;
      return rowsFrom(0)
        .map((row, at) => (active.getLine(at + 1)?.isWrapped === true ? row : `${row.trimEnd()}\n`))
        .join('')
        .trimEnd();
    },
    left: (): string[] => [
      ...(isCursorHidden ? ['the cursor is hidden'] : []),
      ...(terminal.buffer.active.type === 'alternate' ? ['the alternate screen is shown'] : []),
      ...(terminal.buffer.active.cursorX === 0 ? [] : ['the cursor stands behind a text']),
    ],
  };
}
