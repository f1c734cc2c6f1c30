import type { Writable } from 'node:stream';
import { pino } from 'pino';
import { framesOf, messageOf } from '../model/errors.ts';

export type Log = pino.Logger;

/**
 * JSON lines on stderr, so that stdout stays for data; coloured lines where a person watches.
 * Members that may hold a secret are replaced wherever they turn up (invariant 14).
 */
export function createLog(options: { readonly level: string; readonly pretty?: boolean }): Log {
  const settings = settingsOf(options.level);
  if (options.pretty ?? process.stderr.isTTY) {
    return pino({
      ...settings,
      transport: { target: 'pino-pretty', options: { destination: 2, ignore: 'pid,hostname' } },
    });
  }
  return pino(settings, pino.destination({ dest: 2, sync: true }));
}

/** Lines for a person, through a stream of this process: to a terminal that shows something else as well. */
export async function createTerminalLog(level: string, destination: Writable): Promise<Log> {
  const { default: pretty } = await import('pino-pretty');
  // It knows NO_COLOR too, and what kind of terminal it is.
  const colorize = process.stderr.isTTY && process.stderr.hasColors();
  return pino(settingsOf(level), pretty({ destination, ignore: 'pid,hostname', colorize }));
}

const settingsOf = (level: string) => ({
  level,
  base: null,
  redact: {
    paths: ['token', '*.token', 'url', '*.url', 'authorization', '*.authorization', 'password', '*.password'],
    censor: '[secret]',
  },
  serializers: { err: loggedError },
});

/** An error of PostgreSQL's carries whole rows in its other members, which pino would write down. */
const loggedError = (error: unknown): unknown =>
  error instanceof Error
    ? { type: error.constructor.name, message: messageOf(error), stack: framesOf(error) }
    : error;

/** A log that says nothing, for tests and for commands that print their own words. */
export const silentLog = (): Log => pino({ level: 'silent' });
