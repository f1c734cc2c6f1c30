import { randomBytes } from 'node:crypto';
import { PgnotionError } from '../../model/errors.ts';
import { type DataSourceId, pageId } from '../../model/ids.ts';
import { ABANDONED_MS, initialSchema, MARK, markIn, scratchTitle } from '../../model/probe/plan.ts';
import type { Ask } from '../../notion/client.ts';
import { parentHidden } from '../../notion/create-database.ts';
import { createOnce } from '../../notion/create-once.ts';
import { isGone, NotionFailure, unlessGone } from '../../notion/error-classification.ts';
import { pageTitle } from '../../notion/probe-client.ts';
import { forgetScratch, linkScratch, noteScratch, readScratch, type Scratch } from '../../state/evidence.ts';
import type { Session } from './session.ts';

/** Where the probe works: a page under the parent, and a database in it. */
export type Place = {
  readonly mark: string;
  readonly page: string;
  readonly database: string;
  readonly dataSource: DataSourceId;
};

/** Longer lists of a parent's pages are left to the search. */
const MOST_CHILDREN_ASKED = 3;

/** Makes the scratch page, whose mark is stored before the request leaves. Throws PgnotionError `probe_unanswered`. */
export async function createScratch(session: Session, parent: string): Promise<Place> {
  const { client, store, notion, graceMs } = session;
  const mark = randomBytes(8).toString('hex');
  const made = await createOnce<string>({
    graceMs,
    // The mark is new, so nobody has asked for this page before.
    find: async () => ({ kind: 'absent' }),
    intent: {
      sentAgoMs: null,
      begin: () => noteScratch(store, mark),
      failed: async (_, isOver) => {
        if (isOver) await forgetScratch(store, mark);
      },
    },
    send: async (begin) => ({
      kind: 'made',
      thing: (await client.createPageIn(parent, scratchTitle(mark), session.ask(begin))).id,
    }),
    byId: async (id) => (await notion.retrievePage(pageId(id), session.ask())).id,
  });
  const page = await pageOf(session, parent, mark, made);
  await linkScratch(store, mark, { page });
  const schema = initialSchema();
  const title = `Probe ${mark}`;
  const database = await notion
    .createDatabase({ parentPageId: page, title, properties: schema }, session.ask())
    .catch((error: unknown) => committedDatabase(session, page, error));
  await linkScratch(store, mark, { database: database.databaseId });
  return { mark, page, database: database.databaseId, dataSource: database.dataSourceId };
}

type Made = Awaited<ReturnType<typeof createOnce<string>>>;

async function pageOf(session: Session, parent: string, mark: string, made: Made): Promise<string> {
  switch (made.kind) {
    case 'made':
    case 'found':
      return made.thing;
    case 'failed': {
      const { failure } = made;
      if (failure.errorClass.status === 404) throw parentHidden(parent, failure);
      if (failure.errorClass.effect === 'none') throw failure;
      const seen = await findByMark(session, parent, mark, session.ask());
      if (seen === null) throw unanswered(failure);
      return seen;
    }
    case 'waits':
      throw unanswered(null);
    default:
      return made satisfies never;
  }
}

const unanswered = (cause: NotionFailure | null): PgnotionError =>
  new PgnotionError({
    code: 'probe_unanswered',
    message: `whether Notion made the scratch page of the probe is not known${cause === null ? '' : `: ${cause.message}`}`,
    remedy: 'run `pgnotion doctor --probe` again: it looks for the page by its mark, and removes it',
    retryable: true,
    cause,
  });

/** The database that a lost answer was about stands in the scratch page, alone. */
async function committedDatabase(
  session: Session,
  page: string,
  error: unknown,
): Promise<{ readonly databaseId: string; readonly dataSourceId: DataSourceId }> {
  if (!(error instanceof NotionFailure) || error.errorClass.effect === 'none') throw error;
  const { children } = await session.client.childrenOf(page, null, session.ask());
  const id = error.errorClass.committedId ?? children.find(({ kind }) => kind === 'database')?.id;
  if (id === undefined) throw error;
  const [source] = (await session.notion.retrieveDatabase(id, session.ask())).dataSources;
  if (source === undefined) throw error;
  return { databaseId: id, dataSourceId: source.id };
}

/** The scratch page with this mark. The list of the parent's pages comes first: unlike the search it is not known to lag. */
async function findByMark(session: Session, parent: string, mark: string, ask: Ask): Promise<string | null> {
  let cursor: string | null = null;
  for (let asked = 0; asked < MOST_CHILDREN_ASKED; asked += 1) {
    const answer: Awaited<ReturnType<Session['client']['childrenOf']>> = await session.client
      .childrenOf(parent, cursor, ask)
      .catch(emptyUnlessGone);
    const child = answer.children.find(({ kind, title }) => kind === 'page' && markIn(title) === mark);
    if (child !== undefined) return child.id;
    cursor = answer.nextCursor;
    if (cursor === null) break;
  }
  const pages = await session.client.searchPages(`${MARK} ${mark}`, ask);
  return pages.find((page) => markIn(pageTitle(page)) === mark && !page.inTrash)?.id ?? null;
}

const emptyUnlessGone = (error: unknown): { readonly children: readonly []; readonly nextCursor: null } => {
  if (!isGone(error)) throw error;
  return { children: [], nextCursor: null };
};

/** Moves the scratch page to the trash with all that is in it, and looks whether it is there. */
export async function removeScratch(
  session: Session,
  { mark, page, database }: Pick<Scratch, 'mark' | 'database'> & { readonly page: string },
): Promise<void> {
  const { client, notion, store } = session;
  const databases = database === null ? await databasesIn(session, page) : [database];
  // Notion trashes them with their page; each on its own, so that nothing rests on that.
  for (const id of databases) await client.trashDatabase(id, session.removing()).catch(alreadyGone);
  await notion.setTrash(pageId(page), true, session.removing()).catch(alreadyGone);
  const left = await notion.retrievePage(pageId(page), session.removing()).catch(unlessGone);
  if (left !== null && !left.inTrash) throw leftBehind(page, null);
  await forgetScratch(store, mark);
}

async function databasesIn({ client, removing }: Session, page: string): Promise<readonly string[]> {
  const { children } = await client.childrenOf(page, null, removing()).catch(emptyUnlessGone);
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
    message: `the scratch page of the probe could not be removed${page === null ? '' : `: ${page}`}`,
    remedy: 'run `pgnotion doctor` when Notion can be reached: it removes the page',
    retryable: true,
    cause,
  });

/** Removes what probes before this one have left, whatever ended them. Gives how many pages that were. */
export async function removeLeftovers(session: Session, parent: string | null): Promise<number> {
  const { store, graceMs } = session;
  let removed = 0;
  for (const scratch of await readScratch(store)) {
    const page =
      scratch.page ??
      (parent === null ? null : await findByMark(session, parent, scratch.mark, session.removing()));
    if (page !== null) {
      await removeScratch(session, { ...scratch, page });
      removed += 1;
    } else if (scratch.sentAgoMs > graceMs) await forgetScratch(store, scratch.mark);
  }
  return removed;
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
