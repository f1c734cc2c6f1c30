import type { PageImage } from '../model/change.ts';
import type { PageId } from '../model/ids.ts';
import type { PostgresDeletePolicy } from '../model/mapping.ts';
import type { RestingPage } from '../model/record-state.ts';
import type { Ask } from '../notion/client.ts';
import { sendWrite } from '../notion/create-once.ts';
import { isGone, type NotionFailure } from '../notion/error-classification.ts';
import type { SyncRecord } from '../state/records.ts';
import { FIELD_REFUSED } from '../state/refused-fields.ts';
import { type RequestedOperation, requestOperation } from '../state/request-operation.ts';
import { propertyKey } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';
import type { SyncContext } from '../sync/context.ts';
import { assertNotWithDatabase } from '../sync/database-in-trash.ts';
import { hidden } from './away.ts';
import type { Deletion, Delivered } from './context.ts';
import { failureOf, urgencyOf } from './failure.ts';

/** How a policy puts a page away. Each can be repeated without harm. */
type AwayRequest = {
  readonly as: RestingPage;
  readonly after: Readonly<Record<string, boolean>>;
  /** The checkbox that it ticks. */
  readonly mark: string | null;
  readonly send: (ask: Ask) => Promise<unknown>;
};

export function awayRequestOf(
  { notion }: SyncContext,
  { source }: Pick<Deletion, 'source'>,
  page: PageId,
  policy: Exclude<PostgresDeletePolicy, 'ignore'>,
): AwayRequest {
  if (typeof policy === 'object') {
    const { mark } = policy;
    const properties = { [propertyKey(source, mark) ?? mark]: { checkbox: true } };
    return {
      as: 'marked',
      after: { [mark]: true },
      mark,
      send: (ask) => notion.updatePage({ id: page, properties }, ask),
    };
  }
  if (policy === 'archive')
    return {
      as: 'archived',
      after: { is_archived: true },
      mark: null,
      send: (ask) => notion.setArchived(page, true, ask),
    };
  return { as: 'trashed', after: {}, mark: null, send: (ask) => notion.setTrash(page, true, ask) };
}

/** What the audit tells of it. */
type AwayReason = {
  readonly kind: 'delete' | 'filter';
  readonly before: PageImage;
  /** Who decided it; null if nobody had to. */
  readonly by: string | null;
  /** Belongs to the moment before the request leaves. */
  readonly keep: (sql: Sql) => Promise<void>;
};

type PutAway =
  | { readonly kind: 'away'; readonly as: RestingPage }
  | { readonly kind: 'not'; readonly delivered: Delivered };

/** Sends the request, with its operation. A page that is in the trash by then was put there by hand, as was wanted. */
export async function putAway(
  context: SyncContext,
  delivery: Deletion,
  {
    record,
    request,
  }: { readonly record: SyncRecord & { readonly page: PageId }; readonly request: AwayRequest },
  { kind, before, by, keep }: AwayReason,
): Promise<PutAway> {
  const { entry, table } = delivery;
  const told: RequestedOperation = {
    direction: 'to-notion',
    table: table.name,
    key: entry.key,
    page: record.page,
    kind,
    before,
    after: request.after,
    ...(kind === 'delete' ? { row: { before: record.baseRow, after: null } } : {}),
    lsn: entry.lsn,
    changedAt: entry.changedAt,
    attempt: entry.attempts + 1,
    actor: by,
    approved: entry.approved || by !== null,
  };
  const operation = requestOperation(context.store, told, keep);
  const sent = await sendWrite(operation, (beforeLeaving) =>
    request.send({ priority: urgencyOf(entry), beforeLeaving }),
  );
  const done = (how: { readonly error?: string } = {}) =>
    context.store.transaction((sql) => operation.end(sql, { status: 'done', ...how }));
  if (sent.kind === 'answered') {
    await done();
    return { kind: 'away', as: request.as };
  }
  const { failure } = sent;
  if (await wasTrashed(context, delivery, record.page, failure)) {
    await done({ error: failure.message });
    return { kind: 'away', as: 'trashed' };
  }
  const delivered = isGone(failure) ? hidden(entry) : refusedMark(request.mark, failureOf(failure, entry));
  return { kind: 'not', delivered };
}

/** A mark that Notion refuses is told by the property's name, and tried again when the schema changes. */
function refusedMark(mark: string | null, outcome: Delivered): Delivered {
  if (mark === null || outcome.kind !== 'parked') return outcome;
  const reason = `Notion refuses the property ${JSON.stringify(mark)}: ${outcome.failure.reason}`;
  return { kind: 'parked', failure: { ...outcome.failure, code: FIELD_REFUSED, reason } };
}

/** A page in the trash takes neither a mark nor the archive. */
async function wasTrashed(
  context: SyncContext,
  place: Deletion,
  page: PageId,
  failure: NotionFailure,
): Promise<boolean> {
  if (failure.errorClass.status !== 400) return false;
  return isTrashed(context, place, page);
}

/** Whether a page is in the trash by itself. Rejects with `notion_database_in_trash` if its database is. */
export async function isTrashed(context: SyncContext, place: Deletion, page: PageId): Promise<boolean> {
  if (!(await context.notion.retrievePage(page, { priority: 'live' })).inTrash) return false;
  await assertNotWithDatabase(context, { ...place, page });
  return true;
}
