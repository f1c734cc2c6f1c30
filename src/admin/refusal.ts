import type { Context } from 'hono';
import { PgnotionError } from '../model/errors.ts';
import { sentences } from '../model/sentences.ts';

type Status = 400 | 401 | 403 | 404 | 409 | 413 | 429 | 503;

/** Why a request is not done, with what to do: JSON for a program, a text for whoever sees it in a browser. */
export function refuse(c: Context, status: Status, error: PgnotionError): Response {
  const { code, message, remedy } = error;
  return isForProgram(c)
    ? c.json({ code, message, remedy }, status)
    : c.text(sentences(message, remedy), status);
}

export const isForProgram = (c: Context): boolean =>
  c.req.path.startsWith('/api/') || (c.req.header('accept') ?? '').includes('application/json');

export const notLoggedIn = (): PgnotionError =>
  new PgnotionError({
    code: 'admin_token_wrong',
    message: 'this needs the token of the admin port, and none or a wrong one was given',
    remedy: 'log in at /login, or send the header `Authorization: Bearer` with the value of ADMIN_TOKEN',
  });

export const tooManyLogins = (seconds: number): PgnotionError =>
  new PgnotionError({
    code: 'admin_login_limited',
    message: `too many wrong tokens came from this address, or from all together, within a minute`,
    remedy: `wait ${seconds} s, then send the value of ADMIN_TOKEN`,
  });

export const notMeant = (): PgnotionError =>
  new PgnotionError({
    code: 'admin_csrf',
    message: 'the request does not come from a page of this daemon, or from one of a session that is over',
    remedy:
      'load the page again and repeat it; a program sends `Authorization: Bearer` with ADMIN_TOKEN instead of a cookie',
  });

export const readOnlyPort = (): PgnotionError =>
  new PgnotionError({
    code: 'admin_read_only',
    message: 'the daemon was started with --read-only, so nothing can be changed here',
    remedy: 'use the command line, or start the daemon without --read-only',
  });

export const foreignHost = (host: string): PgnotionError =>
  new PgnotionError({
    code: 'admin_host_foreign',
    message: 'the admin port listens on this machine alone, and was asked for under a name of another',
    remedy: `open it as http://${host}, or have the proxy in front of it send the header \`Host: localhost\``,
  });

export const noToken = (): PgnotionError =>
  new PgnotionError({
    code: 'admin_token_missing',
    message:
      'the admin port can be reached from other machines and ADMIN_TOKEN is not set, so there is no dashboard and no API',
    remedy:
      'set ADMIN_TOKEN to a long random text, such as `openssl rand -hex 32` makes, and start again; or set ADMIN_HOST=127.0.0.1',
  });

export const stateUnread = (): PgnotionError =>
  new PgnotionError({
    code: 'admin_state_unread',
    message: 'PostgreSQL cannot be read now',
    remedy: 'see /readyz and the log for the reason, and try again',
    retryable: true,
  });

export const tooLarge = (bytes: number): PgnotionError =>
  new PgnotionError({
    code: 'admin_body_too_large',
    message: `the body of the request has more than ${bytes} bytes`,
    remedy: 'send less: no action of the API needs more',
  });

export const tooManyStreams = (most: number): PgnotionError =>
  new PgnotionError({
    code: 'admin_streams_limited',
    message: `${most} pages or programs listen to /api/events already`,
    remedy: 'close pages of the dashboard that nobody looks at, or ask /api/overview now and then',
    retryable: true,
  });
