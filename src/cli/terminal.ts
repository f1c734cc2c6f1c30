import { createInterface } from 'node:readline/promises';
import { framesOf, messageOf, PgnotionError } from '../model/errors.ts';

/** The first signal asks for an orderly stop; a second one, or ten seconds, ends the process as it is. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
    setTimeout(() => {
      process.stderr.write(
        'pgnotion: could not finish within 10 s; what was in flight is found at the next start\n',
      );
      process.exit(1);
    }, 9_500).unref();
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
export const tell = (text: string): void => void process.stderr.write(`${text}\n`);

/** A remark beside the data, which goes to stdout. */
export const note = (line: string): void => void process.stderr.write(`pgnotion: ${line}\n`);

/** Asks on a terminal; where there is none, nobody can say yes. */
export async function ask(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question}\nGo on? (yes/no) `)).trim());
  } finally {
    terminal.close();
  }
}

/** One clear message: what happened, and what to do. */
export function report(error: unknown): void {
  if (error instanceof PgnotionError) {
    process.stderr.write(`pgnotion: ${error.message}\n\nwhat to do: ${error.remedy}\n(${error.code})\n`);
    return;
  }
  const detail = error instanceof Error && process.env.LOG_LEVEL === 'debug' ? `\n${framesOf(error)}` : '';
  process.stderr.write(
    `pgnotion: ${messageOf(error)}${detail}\n\nwhat to do: this was not foreseen; LOG_LEVEL=debug shows where it happened\n`,
  );
}
