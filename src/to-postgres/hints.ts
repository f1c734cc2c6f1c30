import { isLogged, messageOf } from '../model/errors.ts';
import type { PageId, TableName } from '../model/ids.ts';
import { tableFailure } from '../model/table-failure.ts';
import { editsOf } from '../state/edits.ts';
import { recordsByPage } from '../state/records.ts';
import type { InboundContext } from './context.ts';
import { inspectAgain } from './detect.ts';
import { affectedPages, type TwoWayRelations } from './two-way-relations.ts';

/** A page that somebody saw a change on. It says where to look, never what is there. */
export type Hint = {
  readonly page: PageId;
  /** Whose page it is if it is no record yet; null if only a record is of interest. */
  readonly table: TableName | null;
  /** Ids of the properties that changed: what two-way relations among them lead to is looked at as well. */
  readonly changed: 'all' | readonly string[];
  /** It is said to be in the trash. */
  readonly left: boolean;
  /** A webhook told of it, right after the person began to type. */
  readonly byWebhook: boolean;
};

/** Hints that wait, one for each page, and never more than a fixed number (invariant 12). */
export type Hints = {
  /** False if there are too many already: the polling finds what is dropped. */
  readonly add: (hint: Hint) => boolean;
  /** The tables that hints wait of; null for those that name none. */
  readonly tables: () => ReadonlySet<TableName | null>;
  /** Takes the oldest ones out, of one table if it is given. */
  readonly take: (most: number, table?: TableName | null) => readonly Hint[];
};

const MOST_HINTS = 5_000;
/** Of a page with more changed properties than this, all are taken for changed. */
const MOST_CHANGED = 20;

export function createHints(most = MOST_HINTS): Hints {
  const waiting = new Map<PageId, Hint>();
  return {
    add: (hint) => {
      const old = waiting.get(hint.page);
      if (old === undefined && waiting.size >= most) return false;
      waiting.set(hint.page, old === undefined ? hint : joined(old, hint));
      return true;
    },
    tables: () => new Set([...waiting.values()].map(({ table }) => table)),
    take: (count, table) => {
      const all = [...waiting.values()];
      const taken = (table === undefined ? all : all.filter((each) => each.table === table)).slice(0, count);
      for (const { page } of taken) waiting.delete(page);
      return taken;
    },
  };
}

function joined(old: Hint, hint: Hint): Hint {
  const changed =
    old.changed === 'all' || hint.changed === 'all' ? 'all' : [...new Set([...old.changed, ...hint.changed])];
  return {
    page: hint.page,
    table: hint.table ?? old.table,
    changed: changed !== 'all' && changed.length > MOST_CHANGED ? 'all' : changed,
    left: old.left || hint.left,
    byWebhook: old.byWebhook || hint.byWebhook,
  };
}

/** As many as the door to Notion lets through at once. */
const SIDE_BY_SIDE = 4;
const BATCH = 100;

/**
 * Looks at every page of a table that was hinted at, as it is this moment. What cannot be looked at now is left to the polling,
 * which meets it again: a hint is never more than an earlier look.
 */
export async function lookAtHints(
  context: InboundContext,
  hints: Hints,
  {
    twoWayRelations,
    table,
    signal,
  }: {
    readonly twoWayRelations: TwoWayRelations;
    readonly table: TableName | null;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  for (let batch = hints.take(BATCH, table); batch.length > 0; batch = hints.take(BATCH, table)) {
    for (let at = 0; at < batch.length && !signal.aborted; at += SIDE_BY_SIDE) {
      const some = batch.slice(at, at + SIDE_BY_SIDE);
      await Promise.all(some.map((hint) => lookAtHint(context, hints, { twoWayRelations, hint, batch })));
    }
  }
}

async function lookAtHint(
  context: InboundContext,
  hints: Hints,
  {
    twoWayRelations,
    hint,
    batch,
  }: { readonly twoWayRelations: TwoWayRelations; readonly hint: Hint; readonly batch: readonly Hint[] },
): Promise<void> {
  const { page } = hint;
  try {
    const record = (await recordsByPage(context.store, [page])).get(page);
    const name = record?.table ?? hint.table;
    if (name === null || (await context.sourceOf(name)).pausedBy !== null) return;
    const edit = (await editsOf(context.store, [page])).get(page) ?? null;
    // Of a page that is nothing of ours any more there is nothing to see.
    if (hint.left && record === undefined && edit === null) return;
    // The guard against mass deletion counts what left together, as it does for a whole reading.
    const together = batch.filter((each) => each.left && each.table === hint.table).length;
    await inspectAgain(
      context,
      { name, page, edit },
      {
        together: Math.max(together, 1),
        hinted: hint.byWebhook,
      },
    );
    if (hint.left) return;
    for (const end of await affectedPages(context, twoWayRelations, { name, page, changed: hint.changed }))
      hints.add({ ...end, changed: [], left: false, byWebhook: false });
  } catch (error) {
    // A table that no longer fits is the poll's to suspend.
    if (tableFailure(error) !== null || isLogged(error)) return;
    context.log.warn({ page, reason: messageOf(error) }, 'a hinted page could not be looked at; a poll will');
  }
}
