import { messageOf, PgnotionError } from '../model/errors.ts';
import type { PageId, TableName } from '../model/ids.ts';
import { NotionFailure, stopsAll } from '../notion/error-classification.ts';
import type { Unread } from '../notion/pages.ts';
import type { UnreadablePage } from '../notion/query-response.ts';
import { isConnectionLost } from '../postgres/connection-lost.ts';
import { backoff } from '../runtime/retry.ts';
import type { Failure } from '../state/outbox.ts';
import { clearPageFailure, failuresOf, keepPageFailure, type PageFailure } from '../state/page-failures.ts';
import { recordsByPage } from '../state/records.ts';
import type { SyncContext } from '../sync/context.ts';

const RETRY = { firstMs: 2_000, maxMs: 600_000 };

/** A page that is looked at, and what is known of it before. */
type LookedAt = {
  readonly table: TableName;
  readonly page: PageId;
  readonly url?: string | null;
  readonly editedAt?: Date;
};

/** Whether a failure is nobody's own: that of Notion or PostgreSQL as a whole, or of the connection to either. */
const concernsAll = (error: unknown): boolean => stopsAll(error) || isConnectionLost(error);

/**
 * Looks at one page in such a way that what fails there is that page's failure: kept with its reason, tried again later
 * and ever less often, and nothing to any other page (invariant 16). `look` gives the fields that it could not read.
 */
export async function onItsOwn(
  context: SyncContext,
  at: LookedAt,
  failed: PageFailure | undefined,
  look: () => Promise<readonly Unread[]>,
): Promise<void> {
  try {
    const unread = await look();
    if (unread.length > 0)
      return await keep(context, at, { failed, failure: unreadFields(at, unread), unread });
    // What was not tried now has not passed.
    if (failed !== undefined && (failed.fields.length === 0 || failed.due))
      await context.store.transaction((sql) => clearPageFailure(sql, at.page));
  } catch (error) {
    if (concernsAll(error)) throw error;
    await keep(context, at, { failed, failure: failedPage(at, error), unread: [] });
  }
}

/** As `onItsOwn`, for a page of which nothing has been asked for yet. */
export async function lookOnItsOwn(
  context: SyncContext,
  at: LookedAt,
  look: () => Promise<readonly Unread[]>,
): Promise<void> {
  const failed = (await failuresOf(context.store, [at.page])).get(at.page);
  // A look on its own asks for everything.
  await onItsOwn(context, at, failed && { ...failed, due: true }, look);
}

/** Whether a page that failed as a whole is left alone for now: its time has not come, and nobody has edited it since. */
export const waitsForItsTime = (failed: PageFailure | undefined, editedAt: Date | null): boolean =>
  failed !== undefined &&
  !failed.due &&
  failed.fields.length === 0 &&
  (editedAt === null || failed.editedAt === null || editedAt.getTime() === failed.editedAt.getTime());

async function keep(
  context: SyncContext,
  at: LookedAt,
  {
    failed,
    failure,
    unread,
  }: {
    readonly failed: PageFailure | undefined;
    readonly failure: Failure;
    readonly unread: readonly Unread[];
  },
): Promise<void> {
  const record = (await recordsByPage(context.store, [at.page])).get(at.page);
  const attempts = (failed?.attempts ?? 0) + 1;
  const what = {
    page: at.page,
    table: record?.table ?? at.table,
    key: record?.key ?? null,
    fields: unread.map(({ field }) => field),
    editedAt: at.editedAt ?? null,
  };
  await context.store.transaction((sql) => keepPageFailure(sql, what, failure, backoff(attempts, RETRY)));
  const level = attempts === 1 ? 'warn' : 'debug';
  context.log[level](
    { table: what.table, key: what.key, page: at.page, attempts, ...failure },
    'a page failed; it is tried again, and all others go on',
  );
}

/** Keeps that pages of a listing could not be read; the listing goes on without them. */
export async function keepUnreadable(
  context: SyncContext,
  table: TableName,
  pages: readonly UnreadablePage[],
): Promise<void> {
  for (const { id, message } of pages) {
    if (id === null) {
      context.log.warn(
        { table, reason: message },
        'a page that Notion listed cannot be read, nor told by its id',
      );
      continue;
    }
    const failed = (await failuresOf(context.store, [id])).get(id);
    if (waitsForItsTime(failed, null)) continue;
    await keep(
      context,
      { table, page: id },
      { failed, failure: failedPage({ table, page: id }, unreadable(message)), unread: [] },
    );
  }
}

const unreadable = (message: string): PgnotionError =>
  new PgnotionError({
    code: 'notion_answer_unreadable',
    message: `Notion's answer cannot be read: ${message}`,
    remedy: AGAIN,
    retryable: true,
  });

const addressOf = ({ page, url }: LookedAt): string =>
  url ?? `https://app.notion.com/p/${page.replaceAll('-', '')}`;

const AGAIN =
  'nothing to do: it is tried again by itself; if it stays, open the page in Notion, or report it there';

/** Notion could not answer: nobody has to do anything about that. */
const isPassing = (error: PgnotionError): boolean => error instanceof NotionFailure && error.retryable;

function failedPage(at: LookedAt, error: unknown): Failure {
  const known = error instanceof PgnotionError;
  return {
    code: known ? error.code : codeOf(error),
    reason: `the page ${addressOf(at)} could not be looked at: ${messageOf(error)}`,
    remedy: known && !isPassing(error) ? error.remedy : AGAIN,
  };
}

function unreadFields(at: LookedAt, unread: readonly Unread[]): Failure {
  const [first] = unread;
  const reasons = unread.map(({ field, error }) => `${JSON.stringify(field)}: ${messageOf(error)}`);
  return {
    code: first?.error instanceof PgnotionError ? first.error.code : 'unexpected',
    reason: `properties of the page ${addressOf(at)} could not be read: ${reasons.join('; ')}`,
    remedy: AGAIN,
  };
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? `sql_${code}` : 'unexpected';
}
