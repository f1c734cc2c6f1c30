import { messageOf } from '../model/errors.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { textRuns } from '../model/texts.ts';
import { ABSENT, FIRST_LOOK_MS, type Seen } from '../model/unanswered.ts';
import type { NotionClient } from '../notion/client.ts';
import { createOnce } from '../notion/create-once.ts';
import { isGone, NotionFailure, stopsAll } from '../notion/error-classification.ts';
import type { Log } from '../runtime/log.ts';
import { backoff, keepTrying, pause } from '../runtime/retry.ts';
import {
  awaitPage,
  dropCommentIntent,
  dueNotices,
  intendComment,
  intendShown,
  type Notice,
  noteCommented,
  noteShown,
  postponeNotice,
  remindNotices,
  settleNotice,
} from '../state/notices.ts';
import { advanceBase, recordsByPage } from '../state/records.ts';
import { keepRefusedField, refusedOfTable } from '../state/refused-fields.ts';
import { propertyKey, type Source } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';

/** What telling people of refused edits works with. */
type NoticeContext = {
  readonly store: Store;
  readonly notion: NotionClient;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  readonly sourceOf: (table: TableName) => Promise<Source>;
  readonly botId: string;
  /** Whether a failure is that of the connection to PostgreSQL, and not of what was asked for. */
  readonly isConnectionLost: (error: unknown) => boolean;
  /** How long a comment that nobody answered may still come true. */
  readonly createGraceMs: number;
  readonly log: Log;
};

const ASK = { priority: 'bookkeeping' } as const;
const LOOK_MS = 1_000;
const RETRY = { firstMs: 2_000, maxMs: 300_000 };
/** Comments' times are rounded down to the minute, and clocks differ. */
const CLOCKS_MS = 600_000;

const UNKNOWN_ID = '';

/** When a comment was last refused to the connection, by `performance.now`: it is tried again some time later. */
type Manners = { refusedAt: number };
const COMMENT_AGAIN_MS = 60_000;

/**
 * Tells people in Notion why an edit of theirs was refused, for ever: in the status property where the mapping has one,
 * and by one comment for each refusal. Costs nothing while nothing is refused, and gives way to all other requests.
 */
export async function runNotices(context: NoticeContext, signal: AbortSignal): Promise<void> {
  const manners: Manners = { refusedAt: Number.NEGATIVE_INFINITY };
  await context.store.transaction((sql) => remindNotices(sql, null));
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        const due = await dueNotices(context.store);
        // Side by side: each of them waits at the door behind everything else.
        const told = await Promise.allSettled(due.map((notice) => tell(context, manners, notice)));
        const failed = told.find((each) => each.status === 'rejected');
        if (failed) throw failed.reason;
        healthy();
        if (due.length === 0) await pause(LOOK_MS, signal);
      }
    },
    { name: 'notices', log: context.log, signal, mayPass: () => true },
  );
}

async function tell(context: NoticeContext, manners: Manners, notice: Notice): Promise<void> {
  const table = context.tables.get(notice.table);
  if (table === undefined) return wait(context, notice.page, null);
  try {
    const record = (await recordsByPage(context.store, [notice.page])).get(notice.page);
    // Its properties are not those of the mapping now, or it cannot be reached.
    if (record?.state === 'away_moved' || record?.state === 'away_hidden')
      return context.store.transaction((sql) => awaitPage(sql, notice.page));
    await showUnlessRefused(context, table, notice);
    const waitMs = await comment(context, manners, notice);
    await context.store.transaction((sql) =>
      waitMs === null ? settleNotice(sql, notice) : postponeNotice(sql, notice.page, waitMs),
    );
  } catch (error) {
    if (stopsAll(error) || context.isConnectionLost(error)) throw error;
    await afterFailure(context, notice, error);
  }
}

/** A status property that Notion refuses stands in the failures; the comment is made all the same. */
async function showUnlessRefused(
  context: NoticeContext,
  table: ResolvedTable,
  notice: Notice,
): Promise<void> {
  const property = table.statusProperty;
  const refused = await refusedOfTable(context.store, table.name);
  if (property === null || refused.some(({ field, own }) => own && field === property)) return;
  try {
    await show(context, table, notice);
  } catch (error) {
    if (!(error instanceof NotionFailure) || error.errorClass.status !== 400) throw error;
    const { code, message, remedy, retry } = error.errorClass;
    if (retry !== 'never' || code === 'notion_page_in_trash') throw error;
    const reason = `Notion refuses the property ${JSON.stringify(property)}: ${message}`;
    const about = { table: table.name, key: null, field: property, own: true, value: null, schema: null };
    await context.store.transaction((sql) => keepRefusedField(sql, { ...about, code, reason, remedy }));
    context.log.warn({ table: table.name, field: property, reason: message }, 'a field was refused');
  }
}

/** Writes the status property. The same text twice does no harm, so a doubtful write is simply made again. */
async function show(
  context: NoticeContext,
  table: ResolvedTable,
  { page, wanted, shown }: Notice,
): Promise<void> {
  const property = table.statusProperty;
  if (property === null || shown === wanted) return;
  const source = await context.sourceOf(table.name);
  const properties = { [propertyKey(source, property) ?? property]: { rich_text: textRuns(wanted) } };
  const beforeLeaving = () => context.store.transaction((sql) => intendShown(sql, page));
  const answer = await context.notion.updatePage({ id: page, properties }, { ...ASK, beforeLeaving });
  const record = (await recordsByPage(context.store, [page])).get(page);
  await context.store.transaction(async (sql) => {
    await noteShown(sql, page, wanted);
    // The page's time moved by our own hand.
    if (record !== undefined)
      await advanceBase(sql, record, { row: {}, page: {}, pageEditedAt: answer.lastEditedTime });
  });
}

/** Makes the refusal's one comment. Gives the milliseconds after which to look again, or null. */
async function comment(context: NoticeContext, manners: Manners, notice: Notice): Promise<number | null> {
  const { refusal, comment: text, commented, page } = notice;
  if (refusal === null || text === null || commented === refusal) return null;
  const { store, notion } = context;
  const note = async (id: string | null): Promise<null> => {
    await store.transaction((sql) => noteCommented(sql, notice, id));
    return null;
  };
  const created = await createOnce<string, 'mended' | 'not allowed'>({
    intent: {
      sentAgoMs: notice.sentAgoMs,
      begin: () => intendOrStop(store, notice),
      failed: async (_, isOver) => {
        if (isOver) await store.transaction((sql) => dropCommentIntent(sql, page));
      },
    },
    find: () => findComment(context, notice),
    send: async (beforeLeaving) => {
      if (performance.now() - manners.refusedAt < COMMENT_AGAIN_MS)
        return { kind: 'unsent', why: 'not allowed' };
      const made = await notion.createComment(page, text, { ...ASK, beforeLeaving }).catch(unlessMended);
      return made === null ? { kind: 'unsent', why: 'mended' } : { kind: 'made', thing: made.id };
    },
    byId: async (id) => id,
    graceMs: context.createGraceMs,
  });
  switch (created.kind) {
    case 'made':
    case 'found':
      return note(created.thing);
    case 'waits':
      return created.ms;
    case 'unsent':
      return created.why === 'mended' ? null : note(null);
    case 'failed':
      return afterRefusedComment(context, manners, created.failure, note);
    default:
      return created satisfies never;
  }
}

class Mended extends Error {}

/** The edit may have been mended while its comment waited for its turn. */
async function intendOrStop(store: Store, notice: Notice): Promise<void> {
  if (!(await store.transaction((sql) => intendComment(sql, notice)))) throw new Mended();
}

function unlessMended(error: unknown): null {
  if (error instanceof Mended) return null;
  throw error;
}

async function afterRefusedComment(
  context: NoticeContext,
  manners: Manners,
  failure: NotionFailure,
  note: (id: null) => Promise<null>,
): Promise<number | null> {
  const { effect, status } = failure.errorClass;
  if (effect !== 'none') return FIRST_LOOK_MS;
  if (status !== 403) throw failure;
  manners.refusedAt = performance.now();
  context.log.warn(
    { reason: failure.message },
    'the connection may not comment: refused edits are told in the status property alone',
  );
  return note(null);
}

/** Looks for a comment that nobody has confirmed. Who may not read comments never makes a second one. */
async function findComment({ notion, botId }: NoticeContext, notice: Notice): Promise<Seen<string>> {
  try {
    const comments = await notion.listComments(notice.page, ASK);
    const since = (notice.sentAt?.getTime() ?? 0) - CLOCKS_MS;
    const found = comments.find(
      ({ id, text, createdBy, createdTime }) =>
        createdBy === botId &&
        text === notice.comment &&
        createdTime.getTime() >= since &&
        !notice.known.includes(id),
    );
    return found === undefined ? ABSENT : { kind: 'found', thing: found.id };
  } catch (error) {
    if (error instanceof NotionFailure && error.errorClass.status === 403)
      return { kind: 'found', thing: UNKNOWN_ID };
    throw error;
  }
}

/** A page that Notion does not show is told once it can be seen; what is refused for good is tried again at the next start. */
async function afterFailure(context: NoticeContext, notice: Notice, error: unknown): Promise<void> {
  const { retry, afterMs } =
    error instanceof NotionFailure ? error.errorClass : ({ retry: 'later', afterMs: null } as const);
  if (isGone(error)) return context.store.transaction((sql) => awaitPage(sql, notice.page));
  const reason = messageOf(error);
  if (retry === 'never') {
    context.log.warn({ table: notice.table, page: notice.page, reason }, 'a page could not be told');
    return wait(context, notice.page, null);
  }
  context.log.debug({ table: notice.table, page: notice.page, reason }, 'a page is told later');
  return wait(context, notice.page, afterMs ?? backoff(notice.attempts + 1, RETRY));
}

const wait = (context: NoticeContext, page: PageId, ms: number | null): Promise<void> =>
  context.store.transaction((sql) => postponeNotice(sql, page, ms));
