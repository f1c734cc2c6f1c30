import { randomBytes } from 'node:crypto';
import { PgnotionError } from '../../model/errors.ts';
import { type DataSourceId, pageId } from '../../model/ids.ts';
import { initialSchema, MARK, markIn, scratchTitle } from '../../model/probe/plan.ts';
import type { Ask } from '../../notion/client.ts';
import { parentHidden, parentInTrash } from '../../notion/create-database.ts';
import { createOnce } from '../../notion/create-once.ts';
import { isGone, isInTrash, NotionFailure } from '../../notion/error-classification.ts';
import { pageTitle } from '../../notion/probe-client.ts';
import { forgetScratch, linkScratch, noteScratch } from '../../state/evidence.ts';
import type { Session } from './session.ts';
import { again, mayPass } from './tried.ts';

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
  const create = () =>
    notion.createDatabase({ parentPageId: page, title, properties: schema }, session.ask());
  const database = await create()
    .catch((error: unknown) => {
      const isUndone = error instanceof NotionFailure && error.errorClass.effect === 'none';
      if (!isUndone || !mayPass(error)) throw error;
      return again(session, create);
    })
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
      if (failure.errorClass.effect === 'none') throw parentFault(parent, failure);
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

/** Why Notion makes no page there; what is wrong with the parent itself is told as such. */
function parentFault(parent: string, failure: NotionFailure): PgnotionError {
  if (failure.errorClass.status === 404) return parentHidden(parent, failure);
  if (isInTrash(failure)) return parentInTrash(parent, failure);
  if (failure.errorClass.status !== 400) return failure;
  return new PgnotionError({
    code: 'probe_parent_refused',
    message: `Notion makes no page under NOTION_PARENT_PAGE_ID, which is ${parent}: ${failure.message}`,
    remedy: 'set NOTION_PARENT_PAGE_ID to the id or the address of a page, not of a database',
    cause: failure,
  });
}

export const unanswered = (cause: NotionFailure | null): PgnotionError =>
  new PgnotionError({
    code: 'probe_unanswered',
    message: `whether Notion made the scratch page of the probe is not known${cause === null ? '' : `: ${cause.message}`}`,
    remedy: 'run `pgnotion doctor` in some minutes: it looks for the page by its mark, and removes it',
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
export async function findByMark(
  session: Session,
  parent: string,
  mark: string,
  ask: Ask,
): Promise<string | null> {
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

export const emptyUnlessGone = (
  error: unknown,
): { readonly children: readonly []; readonly nextCursor: null } => {
  if (!isGone(error)) throw error;
  return { children: [], nextCursor: null };
};
