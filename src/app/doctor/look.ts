import { knownError } from '../../model/connection-lost.ts';
import type { Look } from '../../model/doctor/facts.ts';
import { messageOf } from '../../model/errors.ts';
import { within } from '../../runtime/retry.ts';

/** Longer than a window of Notion's rate limit, which a daemon at work may have used up. */
const PATIENCE_MS = 75_000;

/** What a look brings; its failure is an answer too, and stops no other look. */
export async function look<T>(what: string, work: () => Promise<T>): Promise<Look<T>> {
  try {
    return { kind: 'seen', value: await within(PATIENCE_MS, what, work()) };
  } catch (error) {
    const known = knownError(error);
    return {
      kind: 'failed',
      code: known?.code ?? 'unexpected',
      message: known?.message ?? `${what}: ${messageOf(error)}`,
      remedy: known?.remedy ?? 'do what the message says, then run `pgnotion doctor` again',
    };
  }
}

export const unseen = <T>(why: string): Look<T> => ({ kind: 'skipped', why });
