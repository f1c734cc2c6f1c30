import { messageOf, PgnotionError } from '../../model/errors.ts';
import { pageId } from '../../model/ids.ts';
import { ABANDONED_MS, FORGOTTEN_MS, MARK, markIn } from '../../model/probe/plan.ts';
import type { Ask } from '../../notion/client.ts';
import { NotionFailure, unlessGone } from '../../notion/error-classification.ts';
import { pageTitle } from '../../notion/probe-client.ts';
import { forgetScratch, readScratch, type Scratch } from '../../state/evidence.ts';
import { emptyUnlessGone, findByMark } from './scratch.ts';
import type { Session } from './session.ts';
import { mayPass } from './tried.ts';

/** Before a request of the removal is made again that failed in a way that may pass. */
const AGAIN_MS: readonly number[] = [1_000, 4_000];

/** One request of the removal, which takes away what is there and can be made as often as it takes. */
async function insist<T>({ clock, removing }: Session, request: (ask: Ask) => Promise<T>): Promise<T> {
  for (let tried = 0; ; tried += 1) {
    try {
      return await request(removing());
    } catch (error) {
      const ms = AGAIN_MS[tried];
      if (ms === undefined || !mayPass(error)) throw error;
      await clock.sleep(ms, new AbortController().signal);
    }
  }
}

/**
 * Moves the scratch page to the trash with all that is in it, and looks whether it is there. `hidden`: Notion shows the page
 * no more, which is no evidence that it is gone, and it stays on record.
 */
export async function removeScratch(
  session: Session,
  { mark, page, database }: Pick<Scratch, 'mark' | 'database'> & { readonly page: string },
): Promise<'removed' | 'hidden'> {
  const { client, notion, store } = session;
  const databases = database === null ? await databasesIn(session, page) : [database];
  // Notion trashes them with their page; each on its own, so that nothing rests on that.
  for (const id of databases)
    await insist(session, (ask) => client.trashDatabase(id, ask).catch(alreadyGone));
  await insist(session, (ask) => notion.setTrash(pageId(page), true, ask).catch(alreadyGone));
  const left = await insist(session, (ask) => notion.retrievePage(pageId(page), ask).catch(unlessGone));
  if (left === null) return 'hidden';
  if (!left.inTrash) throw leftBehind(page, null);
  await forgetScratch(store, mark);
  return 'removed';
}

async function databasesIn(session: Session, page: string): Promise<readonly string[]> {
  const { children } = await insist(session, (ask) =>
    session.client.childrenOf(page, null, ask).catch(emptyUnlessGone),
  );
  return children.flatMap(({ kind, id }) => (kind === 'database' ? [id] : []));
}

/** What is in the trash already, or deleted for good, need not go there: the look afterwards tells. */
function alreadyGone(error: unknown): void {
  const isRefused = error instanceof NotionFailure && [400, 404].includes(error.errorClass.status ?? 0);
  if (!isRefused) throw error;
}

export const leftBehind = (page: string | null, cause: unknown): PgnotionError =>
  new PgnotionError({
    code: 'probe_left_behind',
    message: `the scratch page of the probe could not be removed${page === null ? '' : ` (${page})`}${cause === null ? '' : `: ${messageOf(cause)}`}`,
    remedy: 'run `pgnotion doctor` when both sides can be reached: it removes the page',
    retryable: true,
    cause,
  });

/** What Notion does not show may be deleted for good, or not shared any more: it does not tell the two apart. */
export const leftHidden = (pages: readonly string[]): PgnotionError =>
  new PgnotionError({
    code: 'probe_page_hidden',
    message: `Notion does not show the scratch page of a probe any more: ${pages.join(', ')}`,
    remedy:
      'nothing to do if somebody deleted it for good; otherwise share the page above it with the connection again and run `pgnotion doctor`, which removes it, or delete it in Notion by hand',
  });

export type Leftovers = {
  readonly removed: number;
  /** Pages that Notion does not show any more. */
  readonly hidden: readonly string[];
};

/** Removes what probes before this one have left, whatever ended them. */
export async function removeLeftovers(session: Session, parent: string | null): Promise<Leftovers> {
  const { store, graceMs } = session;
  let removed = 0;
  const hidden: string[] = [];
  for (const scratch of await readScratch(store)) {
    const page =
      scratch.page ??
      (parent === null
        ? null
        : await insist(session, (ask) => findByMark(session, parent, scratch.mark, ask)));
    if (page === null) {
      if (scratch.sentAgoMs > graceMs) await forgetScratch(store, scratch.mark);
    } else if ((await removeScratch(session, { ...scratch, page })) === 'removed') removed += 1;
    else if (scratch.sentAgoMs > FORGOTTEN_MS) await forgetScratch(store, scratch.mark);
    else hidden.push(page);
  }
  return { removed, hidden };
}

/** The same for pages that no state remembers any more: those of this connection that are too old to be in use. */
export async function removeStrays(session: Session, connection: string): Promise<number> {
  const { client, clock } = session;
  const known = new Set((await readScratch(session.store)).map(({ mark }) => mark));
  const pages = await client.searchPages(MARK, session.ask());
  const old = clock.wall().getTime() - ABANDONED_MS;
  let removed = 0;
  for (const page of pages) {
    const mark = markIn(pageTitle(page));
    const isOurs = page.createdBy === connection && page.createdTime.getTime() < old;
    if (mark === null || known.has(mark) || !isOurs || page.inTrash) continue;
    await removeScratch(session, { mark, page: page.id, database: null });
    removed += 1;
  }
  return removed;
}
