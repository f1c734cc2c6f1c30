import type { Context, MiddlewareHandler } from 'hono';
import { sessionCookie } from './cookie.ts';
import { CSRF_FIELD, CSRF_HEADER, isMeant } from './csrf.ts';
import { readFields } from './fields.ts';
import { addressOf } from './login.ts';
import type { LoginLimit } from './login-limit.ts';
import { isForProgram, notLoggedIn, notMeant, readOnlyPort, refuse, tooManyLogins } from './refusal.ts';
import type { AdminVariables, Session, Sessions } from './session.ts';

type Checks = { readonly sessions: Sessions; readonly limit: LoginLimit };

/** Lets through whoever is logged in or sends the token, and a change only if it is meant and may be made. */
export const sessionCheck =
  (checks: Checks): MiddlewareHandler<AdminVariables> =>
  async (c, next) => {
    const session = sessionOf(c, checks);
    if (session instanceof Response) return session;
    if (!['GET', 'HEAD'].includes(c.req.method)) {
      if (session.readOnly) return refuse(c, 403, readOnlyPort());
      const given = c.req.header(CSRF_HEADER) ?? (await readFields(c).catch(() => null))?.[CSRF_FIELD];
      if (!isMeant(session, given)) return refuse(c, 403, notMeant());
    }
    c.set('session', session);
    return next();
  };

function sessionOf(c: Context, { sessions, limit }: Checks): Session | Response {
  const bearer = /^Bearer +(.*\S) *$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (bearer !== undefined) return ofBearer(c, bearer, { sessions, limit });
  const cookie = sessionCookie(c);
  const session = cookie === null ? null : sessions.ofCookie(cookie);
  if (session !== null) return session;
  if (['GET', 'HEAD'].includes(c.req.method) && !isForProgram(c)) {
    const { pathname, search } = new URL(c.req.url);
    const back =
      pathname === '/' && search === '' ? '' : `?${new URLSearchParams({ back: pathname + search })}`;
    return c.redirect(`/login${back}`, 303);
  }
  c.header('www-authenticate', 'Bearer');
  return refuse(c, 401, notLoggedIn());
}

/** Else the limit of the login could be had around by asking here. */
function ofBearer(c: Context, token: string, { sessions, limit }: Checks): Session | Response {
  const address = addressOf(c);
  const seconds = limit.wait(address);
  if (seconds > 0) {
    c.header('retry-after', String(seconds));
    return refuse(c, 429, tooManyLogins(seconds));
  }
  const session = sessions.ofBearer(token);
  if (session !== null) return session;
  limit.failed(address);
  c.header('www-authenticate', 'Bearer');
  return refuse(c, 401, notLoggedIn());
}
