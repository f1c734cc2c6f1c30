import { createHash, randomBytes } from 'node:crypto';
import { cutText } from '../model/texts.ts';
import { isSameSecret } from '../runtime/same-secret.ts';

/** Who asks, once it is known that they may. */
export type Session = {
  /** What a form sends back as `_csrf`, and a script in the header `x-csrf-token`. */
  readonly csrf: string;
  /** Nobody may change anything (`start --read-only`). */
  readonly readOnly: boolean;
  /** As the audit names them: `admin`, or `admin (Ada)`. */
  readonly actor: string;
  /** Whether a browser holds it; a program that sends the token with each request needs no CSRF token. */
  readonly by: 'cookie' | 'bearer';
  /** Comes when whoever holds it logs out. */
  readonly ended: AbortSignal;
  /** Whether it has ended, by that or by its age. */
  readonly isOver: () => boolean;
};

/** What the context of a request holds behind the check of the session. */
export type AdminVariables = { readonly Variables: { session: Session } };

export type Sessions = {
  /** The value of the cookie, or null if the token is wrong. */
  readonly open: (token: string, name: string) => string | null;
  readonly ofCookie: (value: string) => Session | null;
  readonly ofBearer: (token: string) => Session | null;
  readonly close: (value: string) => void;
};

/** As long as a working day: whoever comes back tomorrow logs in again. */
export const SESSION_MS = 12 * 3_600_000;
const MOST_SESSIONS = 200;
const MOST_NAME = 60;

type Kept = { readonly session: Session; readonly until: number; readonly end: () => void };

/**
 * Sessions live in memory, by the digest of their random name, so a restart ends them, and they end by themselves.
 * `now` is a clock in milliseconds.
 */
export function createSessions(
  token: string,
  { readOnly = false, now = Date.now }: { readonly readOnly?: boolean; readonly now?: () => number } = {},
): Sessions {
  const kept = new Map<string, Kept>();
  const close = (id: string): void => {
    kept.get(id)?.end();
    kept.delete(id);
  };
  const tidy = (): void => {
    for (const [id, { until }] of kept) if (until <= now()) close(id);
    // The oldest are the first.
    for (const id of kept.keys()) {
      if (kept.size < MOST_SESSIONS) return;
      close(id);
    }
  };
  return {
    open: (given, name) => {
      if (!isSameSecret(given, token)) return null;
      tidy();
      const value = randomName();
      const [until, ending] = [now() + SESSION_MS, new AbortController()];
      const isOver = (): boolean => ending.signal.aborted || until <= now();
      const who = { csrf: randomName(), actor: actorOf(name), by: 'cookie' } as const;
      const session: Session = { ...who, readOnly, ended: ending.signal, isOver };
      kept.set(digestOf(value), { session, until, end: () => ending.abort() });
      return value;
    },
    ofCookie: (value) => {
      const found = kept.get(digestOf(value));
      return found === undefined || found.until <= now() ? null : found.session;
    },
    ofBearer: (given) => (isSameSecret(given, token) ? { ...BEARER, readOnly } : null),
    close: (value) => close(digestOf(value)),
  };
}

/** A program sends the token with each request, so that there is nothing that could end. */
const BEARER = {
  csrf: '',
  actor: 'admin (API)',
  by: 'bearer',
  ended: new AbortController().signal,
  isOver: () => false,
} as const;

const randomName = (): string => randomBytes(32).toString('base64url');

const digestOf = (value: string): string => createHash('sha256').update(value).digest('base64url');

/** The name that a person gave at the login, for the audit. It proves nothing: all hold the same token. */
export function actorOf(name: string): string {
  const plain = cutText(
    name
      .replaceAll(/[\p{C}()]/gu, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim(),
    MOST_NAME,
  );
  return plain === '' ? 'admin' : `admin (${plain})`;
}
