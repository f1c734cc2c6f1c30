import { randomBytes } from 'node:crypto';
import type { Log } from '../runtime/log.ts';
import type { Actions } from './actions.ts';
import { isLoopback } from './addresses.ts';
import type { Inside } from './api.ts';
import { dashboardPages } from './dashboard.ts';
import type { DashboardParts, SettingsView } from './dashboard-parts.ts';
import { createLoginLimit } from './login-limit.ts';
import type { Queries } from './queries.ts';
import { noToken } from './refusal.ts';
import { createSessions } from './session.ts';

export type InsideOptions = {
  readonly host: string;
  /** ADMIN_TOKEN; null if it is not set. */
  readonly token: string | null;
  readonly readOnly: boolean;
  readonly settings: SettingsView;
  readonly log: Log;
};

/** What the daemon offers to those who have the token, while it can. */
type Offered = {
  readonly queries: () => Queries | null;
  readonly actions: () => Actions | null;
  readonly readiness: DashboardParts['readiness'];
  readonly stop: AbortSignal;
};

const SHORT_TOKEN = 16;

/**
 * The dashboard and the API, and how to tell who listens where they are. Null where others could reach them and nobody was
 * given a token: a token of our own making would be known to whoever reads the log, which may be many.
 */
export function createInside(
  { host, token, readOnly, settings, log }: InsideOptions,
  { queries, actions, readiness, stop }: Offered,
): { readonly inside: Inside | null; readonly greet: (address: string) => void } {
  if (token === null && !isLoopback(host)) {
    const { code, message, remedy } = noToken();
    return { inside: null, greet: () => log.warn({ code, remedy }, message) };
  }
  const made = token ?? randomBytes(24).toString('base64url');
  const parts = { queries, settings, readiness };
  const inside: Inside = {
    host,
    sessions: createSessions(made, { readOnly }),
    limit: createLoginLimit(),
    logSaysToken: token === null,
    log,
    parts,
    actions,
    pages: dashboardPages(parts, log),
    stop,
  };
  const greet = (address: string): void => {
    if (token === null)
      log.info(
        `the dashboard is at ${address}; its token until the next start: ${made} (or set ADMIN_TOKEN)`,
      );
    else if (token.length < SHORT_TOKEN)
      log.warn(
        { remedy: 'set ADMIN_TOKEN to a long random text, such as `openssl rand -hex 32` makes' },
        `ADMIN_TOKEN has fewer than ${SHORT_TOKEN} characters, so it can be guessed`,
      );
  };
  return { inside, greet };
}
