import { getConnInfo } from '@hono/node-server/conninfo';
import { type Context, Hono } from 'hono';
import type { Log } from '../runtime/log.ts';
import { siteSafe } from './back.ts';
import { dropSessionCookie, sessionCookie, setSessionCookie } from './cookie.ts';
import { readFields } from './fields.ts';
import type { LoginLimit } from './login-limit.ts';
import { loginPage } from './pages/login.ts';
import type { Sessions } from './session.ts';

export type LoginParts = {
  readonly sessions: Sessions;
  readonly limit: LoginLimit;
  /** The token was made at the start, and stands in the log. */
  readonly logSaysToken: boolean;
  readonly log: Log;
};

/** `GET` and `POST /login`, and `POST /logout`. */
export function loginRoutes({ sessions, limit, logSaysToken, log }: LoginParts): Hono {
  const app = new Hono();
  const page = (c: Context, status: 200 | 401 | 403 | 429, failed: string | null, back: string) =>
    c.html(loginPage({ failed, back: siteSafe(back), logSaysToken }), status);
  app.get('/login', (c) => page(c, 200, null, c.req.query().back ?? '/'));
  app.post('/login', async (c) => {
    const { token = '', name = '', back = '/' } = await readFields(c);
    if (isCrossSite(c)) return page(c, 403, 'This login came from another site. Log in here.', back);
    const address = addressOf(c);
    const seconds = limit.wait(address);
    if (seconds > 0) {
      c.header('retry-after', String(seconds));
      return page(c, 429, `Too many wrong tokens. Try again in ${seconds} s.`, back);
    }
    const value = sessions.open(token, name);
    if (value === null) {
      limit.failed(address);
      log.warn({ address }, 'a login with a wrong token was refused');
      return page(c, 401, 'This token is wrong.', back);
    }
    limit.succeeded(address);
    setSessionCookie(c, value);
    return c.redirect(siteSafe(back), 303);
  });
  // Nobody is harmed who is logged out by somebody else, and the cookie comes from our own pages only.
  app.post('/logout', (c) => {
    const value = sessionCookie(c);
    if (value !== null) sessions.close(value);
    dropSessionCookie(c);
    return c.redirect('/login', 303);
  });
  return app;
}

/** Browsers say so of themselves; what says nothing is no browser of today, and has no login to be tricked into. */
const isCrossSite = (c: Context): boolean =>
  !['same-origin', 'none', undefined].includes(c.req.header('sec-fetch-site'));

/** Whose connection it is; undefined where there is none, in a test of the routes alone. */
export function addressOf(c: Context): string | undefined {
  try {
    return getConnInfo(c).remote.address;
  } catch {
    return undefined;
  }
}
