import { isLogged, messageOf, PgnotionError } from '../model/errors.ts';
import { sentences } from '../model/sentences.ts';
import type { Log } from './log.ts';

/** Waits `ms`, or less if the signal comes first. Never rejects: look at the signal afterwards. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish, { once: true });
  });
}

/**
 * What `work` gives; `work` itself goes on if it takes longer than `ms`. Throws PgnotionError `no_answer` (retryable)
 * then.
 */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(noAnswer(what, ms)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

const noAnswer = (what: string, ms: number): PgnotionError =>
  new PgnotionError({
    code: 'no_answer',
    message: `${what}: no answer within ${ms} ms`,
    remedy:
      'try again once it answers: the server is busy or gone, the network has fallen silent, or another session holds a lock that this one waits for (see pg_stat_activity)',
    retryable: true,
  });

/** The wait before try number `attempt` (from 1): doubling from `firstMs`, capped, with half of it random. */
export function backoff(
  attempt: number,
  limits: { firstMs: number; maxMs: number },
  random = Math.random,
): number {
  const full = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full / 2 + (full / 2) * random());
}

/** When to look again for a page that Notion does not show: ever more seldom, because it may be gone for good. */
export const hiddenWaitMs = (attempt: number): number =>
  backoff(attempt, { firstMs: 30_000, maxMs: 86_400_000 });

/** Whether a failure may pass: ours say so themselves; what we do not know (a broken socket) may. */
export const mayPass = (error: unknown): boolean => !(error instanceof PgnotionError) || error.retryable;

/** `keepTrying` waits no longer than this between two tries, unless it is told otherwise. */
export const LONGEST_WAIT_MS = 15_000;

/**
 * Runs `work` again and again after failures that may pass, waiting longer each time, until it returns or the
 * signal comes. `work` calls its argument when it is healthy, so that the next failure starts from a short wait.
 * Rethrows what no retry can mend.
 */
export async function keepTrying(
  work: (healthy: () => void) => Promise<void>,
  options: {
    readonly name: string;
    readonly log: Log;
    readonly signal: AbortSignal;
    readonly maxMs?: number;
    /** Which failures are worth another try; those that say so of themselves if left out. */
    readonly mayPass?: (error: unknown) => boolean;
  },
): Promise<void> {
  const teller = createTeller(options.name, options.log);
  let attempt = 0;
  while (!options.signal.aborted) {
    try {
      await work(() => {
        attempt = 0;
        teller.healthy();
      });
      return;
    } catch (error) {
      if (options.signal.aborted) return;
      if (!(options.mayPass ?? mayPass)(error)) throw error;
      attempt += 1;
      const waitMs = backoff(attempt, { firstMs: 250, maxMs: options.maxMs ?? LONGEST_WAIT_MS });
      teller.failed(error, attempt, waitMs);
      await pause(waitMs, options.signal);
    }
  }
}

/** Failures before this one may be a moment's. */
const LASTING_ATTEMPT = 3;

/**
 * A line for a failure that lasts, or that no waiting mends, one when it is over, and none for each try between: an outage
 * of a night must not bury what else happened in it.
 */
function createTeller(name: string, log: Log) {
  let told: string | null = null;
  return {
    healthy: (): void => {
      if (told === null) return;
      told = null;
      log.info(`${name} goes on`);
    },
    failed: (error: unknown, attempt: number, waitMs: number): void => {
      const own = error instanceof PgnotionError ? error : null;
      const reason = messageOf(error);
      const details = { attempt, waitMs, reason, ...(own && { code: own.code, remedy: own.remedy }) };
      const about = own?.code ?? reason;
      const needsPerson = own !== null && !own.retryable;
      if (isLogged(error) || told === about) {
        log.debug(details, `${name} failed, trying again`);
      } else if (needsPerson || attempt >= LASTING_ATTEMPT) {
        told = about;
        const rest = own === null ? null : own.remedy;
        const what = sentences(`${name} fails: ${reason}`, rest, 'it is tried until it works');
        log[needsPerson ? 'error' : 'warn'](details, what);
      } else {
        log.info(details, `${name} failed, trying again`);
      }
    },
  };
}
