import type { PageId, TableName } from '../model/ids.ts';
import type { Wake } from '../runtime/wake.ts';
import { staleDecisions } from '../state/conflicts.ts';
import { dueEdits, editsOf, nextEditMs, type WaitingEdit } from '../state/edits.ts';
import { tablesWithPairs } from '../state/matches.ts';
import { ripeDoubts } from '../state/operations.ts';
import { dueFailures } from '../state/page-failures.ts';
import type { InboundContext } from './context.ts';
import { inspectAgain } from './detect.ts';
import { type Hints, lookAtHints } from './hints.ts';
import { linkPairs } from './link-pairs.ts';
import type { TwoWayRelations } from './two-way-relations.ts';

/** How often decisions that are not over are looked for, and how old one is then. */
const DECISION_MS = 5_000;
/** How many pages with a lost write, or that failed, are looked at in one go. */
const DOUBTS = 20;
/** How often waiting edits are looked for when nobody rings: retries asked for in SQL. */
const IDLE_MS = 2_000;
/** The same while pages are looked at. */
const BUSY_MS = 500;
const LEAST_MS = 50;

export type LookAgainOptions = {
  readonly wake: Wake;
  /** Pages that somebody saw a person's edit on; emptied as they are looked at. */
  readonly hints: Hints;
  readonly twoWayRelations: TwoWayRelations;
  /** Counts up without jumps. */
  readonly steadyMs: () => number;
};

/** A page to look at: `edit` is what is known of its values, undefined if that is to be read first. */
type Look = { readonly table: TableName; readonly page: PageId; readonly edit?: WaitingEdit | null };

/** The walks under way, by what they walk over. One that fails ends the round. */
type Walks = {
  readonly running: Map<string, Promise<void>>;
  readonly begin: (name: string, work: () => Promise<void>) => void;
  /** Throws what a walk failed of, once all others are over. */
  readonly check: () => Promise<void>;
};

/**
 * Looks, for ever, at the pages that were hinted at or had to wait. Those of each table are walked over by themselves,
 * side by side with all others, so that thousands of edits in one data source delay none in another.
 */
export async function lookAtWaiting(
  context: InboundContext,
  options: LookAgainOptions,
  signal: AbortSignal,
  healthy: () => void,
): Promise<void> {
  const walks = createWalks(options.wake);
  let lookedAt = options.steadyMs();
  try {
    while (!signal.aborted) {
      await walks.check();
      const decisions = options.steadyMs() - lookedAt > DECISION_MS;
      if (decisions) lookedAt = options.steadyMs();
      await beginWalks(context, walks, decisions, signal);
      for (const table of await tablesWithPairs(context.store))
        walks.begin(`matching pages of ${table}`, () => linkPairs(context, table, signal));
      for (const table of options.hints.tables())
        walks.begin(`hints of ${table ?? 'any table'}`, () =>
          lookAtHints(context, options.hints, { twoWayRelations: options.twoWayRelations, table, signal }),
        );
      healthy();
      const due = walks.running.size > 0 ? BUSY_MS : ((await nextEditMs(context.store)) ?? IDLE_MS);
      await options.wake.wait(Math.max(LEAST_MS, Math.min(due, IDLE_MS)), signal);
    }
  } finally {
    await Promise.all(walks.running.values());
  }
}

function createWalks(wake: Wake): Walks {
  const running = new Map<string, Promise<void>>();
  const failures: unknown[] = [];
  return {
    running,
    begin: (name, work) => {
      if (running.has(name)) return;
      const walk = work()
        .catch((error: unknown) => void failures.push(error))
        .then(() => {
          running.delete(name);
          wake.ring();
        });
      running.set(name, walk);
    },
    check: async () => {
      if (failures.length === 0) return;
      await Promise.all(running.values());
      throw failures[0];
    },
  };
}

const waitingOf = (table: TableName): string => `waiting pages of ${table}`;

async function beginWalks(
  context: InboundContext,
  walks: Walks,
  decisions: boolean,
  signal: AbortSignal,
): Promise<void> {
  const busy = [...context.tables.keys()].filter((table) => walks.running.has(waitingOf(table)));
  const looks = await waitingLooks(context, busy, decisions);
  for (const [table, some] of Map.groupBy(looks, (look) => look.table)) {
    if (busy.includes(table)) continue;
    walks.begin(waitingOf(table), async () => {
      for (const { page, edit } of some) {
        if (signal.aborted) return;
        const known = edit === undefined ? await editOf(context, page) : edit;
        await inspectAgain(context, { name: table, page, edit: known });
      }
    });
  }
}

async function waitingLooks(
  { store }: InboundContext,
  busy: readonly TableName[],
  decisions: boolean,
): Promise<readonly Look[]> {
  const edits = (await dueEdits(store, busy)).map((edit) => ({ ...edit, edit }));
  const failures = await dueFailures(store, DOUBTS, busy);
  const doubts = (await ripeDoubts(store, DOUBTS, busy)).map((look) => ({ ...look, edit: null }));
  // What was decided and is not over by now may have lost its object on the way: the page shows it.
  const stale = decisions ? await staleDecisions(store, DECISION_MS / 1_000) : [];
  return [...edits, ...failures, ...doubts, ...stale];
}

const editOf = async ({ store }: InboundContext, page: PageId): Promise<WaitingEdit | null> =>
  (await editsOf(store, [page])).get(page) ?? null;
