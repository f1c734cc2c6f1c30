import { staleDecisions } from '../state/conflicts.ts';
import { editsOf } from '../state/edits.ts';
import type { InboundContext } from './context.ts';
import { inspectAgain } from './detect.ts';

/** How often decisions that are not over are looked for, and how old one is then. */
export const DECISION_MS = 5_000;
/** What was decided and is not over by now may have lost its object on the way: the page shows it. */
export async function lookAtDecided(context: InboundContext, signal: AbortSignal): Promise<void> {
  for (const { table, page } of await staleDecisions(context.store, DECISION_MS / 1_000)) {
    if (signal.aborted) return;
    const edit = (await editsOf(context.store, [page])).get(page) ?? null;
    await inspectAgain(context, table, page, edit);
  }
}
