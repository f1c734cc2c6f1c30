import { sentences } from '../model/sentences.ts';
import type { Log } from '../runtime/log.ts';
import { backoff } from '../runtime/retry.ts';
import { type ErrorClass, NotionFailure } from './error-classification.ts';

/** Keeps what Notion refuses everything for, or that it refuses nothing any more. Says whether anything changed. */
export type KeepRefusal = (
  refusal: { readonly code: string; readonly reason: string; readonly remedy: string } | null,
) => Promise<boolean>;

/**
 * While Notion refuses every request (a revoked token, a blocked connection), none leaves but one now and then, ever more
 * seldom, which shows whether that is over.
 */
export type RefusalGate = {
  /** Throws the refusal, unless the next request may be the one that is tried. */
  readonly check: (operation: string) => void;
  /** The same for a request that leaves now: it is the one. */
  readonly leave: (operation: string) => void;
  /** What a request was answered that left at `leftAt`, by `performance.now`. */
  readonly answered: (verdict: ErrorClass | null, leftAt: number) => Promise<void>;
};

const PROBES = { firstMs: 1_000, maxMs: 60_000 };

export function createRefusalGate(log: Log, keep: KeepRefusal = async () => false): RefusalGate {
  let refused: { readonly errorClass: ErrorClass; readonly sinceMs: number } | null = null;
  let nextAt = 0;
  let probes = 0;
  /** Whether any answer has shown that requests are taken; what an earlier process kept is out of date then. */
  let isKnown = false;
  const check = (operation: string): void => {
    if (refused === null || performance.now() >= nextAt) return;
    throw new NotionFailure({ ...refused.errorClass, effect: 'none' }, operation);
  };
  const wait = (): void => {
    probes += 1;
    nextAt = performance.now() + backoff(probes, PROBES);
  };
  const close = async (errorClass: ErrorClass): Promise<void> => {
    if (refused !== null) return;
    refused = { errorClass, sinceMs: performance.now() };
    isKnown = true;
    wait();
    const { code, message: reason, remedy, requestId } = errorClass;
    log.error(
      { code, reason, remedy, requestId },
      sentences(`Notion refuses every request (${code})`, remedy),
    );
    await keep({ code, reason, remedy });
  };
  const open = async (leftAt: number): Promise<void> => {
    // What left before the refusal says nothing of what came after it.
    if (isKnown && (refused === null || leftAt < refused.sinceMs)) return;
    const was = refused;
    refused = null;
    probes = 0;
    isKnown = true;
    const wasKept = await keep(null);
    if (was !== null || wasKept) log.info('Notion takes requests again');
  };
  return {
    check,
    leave: (operation) => {
      check(operation);
      if (refused !== null) wait();
    },
    answered: async (verdict, leftAt) => {
      if (verdict?.retry === 'stop') await close(verdict);
      else if (verdict === null || shows(verdict)) await open(leftAt);
    },
  };
}

/** Whether a failure shows that Notion knows the token: it has looked at what was asked for. */
const shows = ({ status }: ErrorClass): boolean =>
  status !== null && status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
