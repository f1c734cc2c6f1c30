import { createInterface } from 'node:readline/promises';
import { knownError } from '../model/connection-lost.ts';
import { type Fault, framesOf, messageOf, PgnotionError } from '../model/errors.ts';

/** Whether everything is to be JSON; asked of the words themselves, because it counts before they have been understood. */
export const wantsJson = (): boolean => process.argv.includes('--json');

/** Writes beside the data; under `--json` a document on each line, so that an error among them can be read. */
const aside = (kind: 'note' | 'progress' | 'warning', json: unknown, text: string): void =>
  void process.stderr.write(`${wantsJson() ? JSON.stringify({ [kind]: json }) : text}\n`);

type Stopping = { readonly patienceMs: number; readonly left: string };

/** The first signal asks for an orderly stop; a second one, or ten seconds, ends the process as it is. */
export function stopSignal(
  { patienceMs, left }: Stopping = {
    patienceMs: 9_500,
    left: 'what was in flight is found at the next start',
  },
): AbortSignal {
  const stop = new AbortController();
  const endAtOnce = (why: string): void => {
    // The terminal has written `^C` there.
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    note(`${why}; ${left}`);
    process.exit(1);
  };
  const onSignal = (): void => {
    if (stop.signal.aborted) endAtOnce('ended at once');
    stop.abort();
    setTimeout(endAtOnce, patienceMs, `could not finish within ${Math.ceil(patienceMs / 1_000)} s`).unref();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return stop.signal;
}

/** Resolves once whoever reads has taken it, so that much of it neither piles up here nor is cut off at the end. */
export const print = (text: string): Promise<void> =>
  new Promise((done) => {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`, () => done());
  });

/** Tells whoever waits for a long command how far it has come; what is piped on has only the result. */
export const tell = (text: string): void => aside('progress', text, text);

/** A remark beside the data, which goes to stdout. */
export const note = (line: string): void => aside('note', line, `pgnotion: ${line}`);

/** Something that is wrong with a setting and hinders nothing; `text` says all of it in words. */
export const warn = ({ path, message, remedy }: Fault, text: string): void =>
  aside('warning', { path, message, remedy }, `pgnotion: warning: ${text}`);

/** Asks on a terminal, and throws `not_confirmed` unless the answer is yes; where there is none, nobody can say yes. */
export async function ask(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question}\nGo on? (yes/no) `);
    if (/^y(es)?$/i.test(answer.trim())) return true;
  } catch (error) {
    // Ctrl-C, and Ctrl-D for the end of the input, leave the cursor behind the question.
    if (!(error instanceof Error && error.name === 'AbortError')) throw error;
    process.stderr.write('\n');
  } finally {
    terminal.close();
  }
  throw new PgnotionError({
    code: 'not_confirmed',
    message: 'it was not confirmed, and is not done',
    remedy: 'run the command again and answer yes, if it is meant',
  });
}

/** Whoever reads the output may have had enough of it, as `head` does: that is no error. */
export function endQuietlyWithReader(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(process.exitCode ?? 0);
    });
}

/** Ends the process once whoever reads has taken all that was said: a pipe has room for 64 kB, and the rest would be lost. */
export async function end(code: number | string): Promise<void> {
  process.exitCode = code;
  const taken = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((done) => void stream.write('', () => done())),
  );
  await Promise.all(taken);
  process.exit();
}

/** One clear message: what happened, and what to do; under `--json` one line of JSON. */
export function report(error: unknown, asJson: boolean): void {
  const { code, message, remedy, retryable } = knownError(error) ?? unforeseen(error);
  process.stderr.write(
    asJson
      ? `${JSON.stringify({ error: { code, message, remedy, retryable } })}\n`
      : `pgnotion: ${message}\n\nwhat to do: ${remedy}\n${code === UNFORESEEN ? '' : `(${code})\n`}`,
  );
}

const UNFORESEEN = 'unexpected';

function unforeseen(error: unknown) {
  const detail = error instanceof Error && process.env.LOG_LEVEL === 'debug' ? `\n${framesOf(error)}` : '';
  return {
    code: UNFORESEEN,
    message: `${messageOf(error)}${detail}`,
    remedy: 'this was not foreseen; LOG_LEVEL=debug shows where it happened',
    retryable: false,
  };
}

/** What is wrong with the command line itself; it may be wrong before `--json` was read. */
export function reportUsage(text: string, write: (text: string) => void): void {
  if (!wantsJson()) {
    write(text);
    return;
  }
  const [message = ''] = text.split('\n');
  const error = {
    code: 'command_line_invalid',
    message: `the command line cannot be understood: ${message.replace(/^error: /, '')}`,
    remedy: 'see `pgnotion --help`, and the help of the command, which has examples',
    retryable: false,
  };
  write(`${JSON.stringify({ error })}\n`);
}
