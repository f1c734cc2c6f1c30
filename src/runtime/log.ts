import { pino } from 'pino';
import { framesOf, messageOf } from '../model/errors.ts';

export type Log = pino.Logger;

/**
 * JSON lines on stderr, so that stdout stays for data; coloured lines where a person watches.
 * Members that may hold a secret are replaced wherever they turn up (invariant 14).
 */
export function createLog(options: { readonly level: string; readonly pretty?: boolean }): Log {
  const redact = {
    paths: ['token', '*.token', 'url', '*.url', 'authorization', '*.authorization', 'password', '*.password'],
    censor: '[secret]',
  };
  const settings = { level: options.level, base: null, redact, serializers: { err: loggedError } };
  if (options.pretty ?? process.stderr.isTTY) {
    return pino({
      ...settings,
      transport: { target: 'pino-pretty', options: { destination: 2, ignore: 'pid,hostname' } },
    });
  }
  return pino(settings, pino.destination({ dest: 2, sync: true }));
}

/** An error of PostgreSQL's carries whole rows in its other members, which pino would write down. */
const loggedError = (error: unknown): unknown =>
  error instanceof Error
    ? { type: error.constructor.name, message: messageOf(error), stack: framesOf(error) }
    : error;

/** A log that says nothing, for tests and for commands that print their own words. */
export const silentLog = (): Log => pino({ level: 'silent' });
