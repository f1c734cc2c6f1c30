import { NotionFailure } from '../notion/error-classification.ts';
import { backoff } from '../runtime/retry.ts';
import { endRefusedKind, keepRefusedKind, type RequestKind } from '../state/refused-requests.ts';
import type { DeliverContext, Delivered, Delivery } from './context.ts';

/** What this run knows of refusals of whole kinds of requests; what the state holds outlives it. */
export type RefusedRequests = {
  /** Records that were refused since a request of their kind last passed. */
  readonly refused: Map<string, Set<string>>;
  /** Records that are refused while others of their kind pass: theirs is a failure of their own. */
  readonly own: Set<string>;
  /** Until when nothing of a kind is sent, by `performance.now`, and how often it was refused. */
  readonly blocked: Map<string, { readonly until: number; readonly tries: number }>;
  /** Kinds that have passed since the start, and were not refused since. */
  readonly passing: Set<string>;
};

export const createRefusedRequests = (): RefusedRequests => ({
  refused: new Map(),
  own: new Set(),
  blocked: new Map(),
  passing: new Set(),
});

const WAIT = { firstMs: 1_000, maxMs: 15_000 };
const MOST_OWN = 1_000;
const NEXT_FIRST_MS = 300;
/** So many records refused one after the other, and none accepted between them, are no accident. */
const ENOUGH = 2;
/** What Notion says of a missing capability; several refusals show it without the words. */
const CAPABILITY = /insufficient permissions|capabilit/i;

type About = Pick<Delivery, 'entry' | 'table'>;

const recordOf = ({ entry }: About): string => `${entry.table}/${entry.key}`;

/** The codes that refuse all requests of a kind, and for how much of it. */
function scopeOf(error: unknown, kind: RequestKind): 'all' | 'table' | 'unclear' | null {
  if (!(error instanceof NotionFailure)) return null;
  const { code, message } = error.errorClass;
  if (code === 'notion_block_limit') return 'all';
  if (code === 'row_limit_exceeded') return kind === 'create' ? 'table' : null;
  if (code !== 'restricted_resource') return null;
  return CAPABILITY.test(message) ? 'all' : 'unclear';
}

/** Whether requests of this kind wait for one that is tried in their stead. */
export function waitsForKind(
  { refusedRequests }: DeliverContext,
  kind: RequestKind,
  about: About,
): Delivered | null {
  const until = Math.max(
    refusedRequests.blocked.get(kind)?.until ?? 0,
    refusedRequests.blocked.get(`${kind} ${about.table.name}`)?.until ?? 0,
  );
  const ms = until - performance.now();
  return ms > 0 && !refusedRequests.own.has(recordOf(about))
    ? { kind: 'postponed', ms: Math.ceil(ms) }
    : null;
}

/**
 * What a refusal means that may be of a whole kind of requests: then it is the connection's state, said once, and the
 * record waits. Null if it is the record's own.
 */
export async function afterKindRefused(
  context: DeliverContext,
  kind: RequestKind,
  about: About,
  error: unknown,
): Promise<Delivered | null> {
  const scope = scopeOf(error, kind);
  const record = recordOf(about);
  const { refusedRequests } = context;
  if (scope === null || !(error instanceof NotionFailure) || refusedRequests.own.has(record)) return null;
  const name = scope === 'table' ? `${kind} ${about.table.name}` : kind;
  const refused = refusedRequests.refused.get(name) ?? new Set<string>();
  if (refused.size < MOST_OWN) refused.add(record);
  refusedRequests.refused.set(name, refused);
  refusedRequests.passing.delete(kind);
  if (scope === 'unclear' && refused.size < ENOUGH) return null;
  const tries = (refusedRequests.blocked.get(name)?.tries ?? 0) + 1;
  const waitMs = backoff(tries, WAIT);
  refusedRequests.blocked.set(name, { until: performance.now() + waitMs, tries });
  const { code, remedy, message: reason } = error.errorClass;
  const table = scope === 'table' ? about.table.name : null;
  const isNews = await context.store.transaction((sql) =>
    keepRefusedKind(sql, { kind, table }, { code, reason, remedy }, waitMs),
  );
  if (isNews)
    context.log.error({ kind, table, code, reason, remedy }, 'Notion refuses a whole kind of requests');
  // Another record is tried next: one that alone is refused must not stand for all.
  return { kind: 'postponed', ms: waitMs + NEXT_FIRST_MS };
}

/** A request of the kind has passed: what waited goes on, and who was refused meanwhile has a failure of its own. */
export async function kindPassed(context: DeliverContext, kind: RequestKind, about: About): Promise<void> {
  const { refusedRequests } = context;
  refusedRequests.own.delete(recordOf(about));
  if (refusedRequests.passing.has(kind)) return;
  refusedRequests.passing.add(kind);
  for (const name of [kind, `${kind} ${about.table.name}`]) {
    const others = [...(refusedRequests.refused.get(name) ?? [])].filter(
      (record) => record !== recordOf(about),
    );
    const wasAlone = others.length === 1;
    for (const record of wasAlone && refusedRequests.own.size < MOST_OWN ? others : [])
      refusedRequests.own.add(record);
    refusedRequests.refused.delete(name);
    refusedRequests.blocked.delete(name);
  }
  const ended = await endRefusedKind(context.store, kind, about.table.name);
  if (ended) context.log.info({ kind }, 'Notion takes this kind of requests again');
}
