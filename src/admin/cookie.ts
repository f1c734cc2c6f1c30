import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { SESSION_MS } from './session.ts';

const NAME = 'pgnotion_session';

const isEncrypted = (c: Context): boolean =>
  new URL(c.req.url).protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https';

const optionsFor = (c: Context) =>
  ({ path: '/', httpOnly: true, sameSite: 'Strict', secure: isEncrypted(c) }) as const;

/** Scripts cannot read it, other sites cannot send it, and by way of a proxy with TLS it never goes without. */
export const setSessionCookie = (c: Context, value: string): void =>
  setCookie(c, NAME, value, { ...optionsFor(c), maxAge: SESSION_MS / 1_000 });

export const sessionCookie = (c: Context): string | null => getCookie(c, NAME) ?? null;

export const dropSessionCookie = (c: Context): void => void deleteCookie(c, NAME, optionsFor(c));
