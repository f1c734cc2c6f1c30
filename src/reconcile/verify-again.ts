import type { InFlightKind, Known } from '../model/verify.ts';
import { beside, passes, signatureOf } from '../model/verify.ts';
import { NotionFailure, stopsAll } from '../notion/error-classification.ts';
import { locatePage } from '../notion/locate.ts';
import { pause } from '../runtime/retry.ts';
import { isDaemonAlive, readUnderway } from '../state/in-flight.ts';
import { recordsByPage } from '../state/records.ts';
import { readSource } from '../state/sources.ts';
import {
  countSuspects,
  dropSuspects,
  dueSuspects,
  giveUpSuspects,
  keepFindings,
  noteSuspects,
  type Suspect,
} from '../state/verify.ts';
import type { Ref, VerifyTable } from './verify-context.ts';
import { type Judged, judgeGone, judgePages, judgeRows, pageRead } from './verify-judge.ts';

/** Each takes a request of its own. */
const AT_ONCE = 25;
const STEP_MS = 250;
/** How long what is under way may take to settle, beside what an edit takes to be noticed; then it counts as under way. */
const SETTLE_MS = 120_000;

export type InFlightCounts = Partial<Record<InFlightKind, number>>;

/**
 * Looks again at what looked different, each page by a request of its own. A difference is what is seen twice, as long apart
 * as the daemon takes to notice an edit, with nothing under way in between. Returns what is under way, by kind.
 */
export async function lookAgain(at: VerifyTable): Promise<InFlightCounts> {
  const { context, run, table } = at;
  const { store } = context;
  const counts: InFlightCounts = {};
  const count = (what: InFlightKind, more = 1): void => {
    counts[what] = (counts[what] ?? 0) + more;
  };
  const noticedMs = context.noticedMs(table);
  const deadline = performance.now() + SETTLE_MS + 3 * noticedMs;
  let looked = 0;
  for (;;) {
    if (context.signal.aborted) return counts;
    // Without a daemon nothing moves, and what differs now will differ later.
    const isAlive = await isDaemonAlive(store);
    const wait = { afterMs: isAlive ? noticedMs : 0, limit: AT_ONCE };
    const due = await dueSuspects(store, run, table.name, wait);
    if (due.length > 0) {
      await lookAtThese(at, due, isAlive, count);
      looked += due.length;
      context.tell(`${table.name}: looked again at ${looked}`);
    }
    if (performance.now() > deadline) {
      const given = await giveUpSuspects(store, run, table.name);
      if (given > 0) count('unsettled', given);
    }
    if (due.length === AT_ONCE) continue;
    if ((await countSuspects(store, run, table.name)) === 0) return counts;
    await pause(STEP_MS, context.signal);
  }
}

async function lookAtThese(
  at: VerifyTable,
  due: readonly Suspect[],
  isAlive: boolean,
  count: (what: InFlightKind) => void,
): Promise<void> {
  const { context, run, table } = at;
  const { store } = context;
  const judged = await judgeNow(at, due);
  // What was committed before the rows were read is in the outbox from here on.
  const isRead = !isAlive || (await context.readLog());
  const underway = await readUnderway(store, table.name, [...due, ...judged.values()]);
  const paused = (await readSource(store, table.name))?.pausedBy != null;
  const again: Suspect[] = [];
  const over: Suspect[] = [];
  for (const one of due) {
    const now = judged.get(one);
    if (now === undefined || (now.findings.length === 0 && now.known.length === 0)) {
      over.push(one);
      continue;
    }
    const known = [...now.known, ...underway(now), ...(paused ? [PAUSED] : [])];
    const left = beside(now.findings, known);
    const waits = !isRead || (isAlive && (known.some(passes) || isRecent(now, context.noticedMs(table))));
    const signature = waits ? `waits ${performance.now()}` : signatureOf(left, now.moved);
    if (waits || (left.length > 0 && signature !== one.signature)) again.push({ ...now, signature });
    else {
      over.push(one);
      await keepFindings(store, run, table.name, { findings: left, moved: now.moved });
      for (const what of new Set(known.map((each) => each.what))) count(what);
    }
  }
  const kept = new Set(again.map(refName));
  await dropSuspects(store, run, table.name, [...over, ...due.filter((one) => !kept.has(refName(one)))]);
  await noteSuspects(store, run, table.name, again);
}

/** Notion's times are floored to the minute, and its clock need not be ours. */
const MINUTE_MS = 90_000;

/** The page was written or edited a moment ago: the daemon may have yet to notice something of it. */
const isRecent = ({ editedAt }: Judged, noticedMs: number): boolean =>
  editedAt !== undefined && Date.now() - editedAt.getTime() < MINUTE_MS + noticedMs;

const FAILED: Known = { what: 'failures', fields: null };

/** A page that cannot be read says nothing of the others. */
function notReadable(error: unknown): null {
  if (stopsAll(error) || !(error instanceof NotionFailure)) throw error;
  return null;
}

const PAUSED: Known = { what: 'paused', fields: null };

const refName = ({ key, page }: Ref): string => page ?? `key ${key ?? ''}`;

/** What each suspect looks like now: a page is asked for, and its record and row are read after that. */
async function judgeNow(at: VerifyTable, due: readonly Suspect[]): Promise<ReadonlyMap<Suspect, Judged>> {
  const found = new Map<Suspect, Judged>();
  const byKey = due.filter(({ page }) => page === null);
  const rows = await judgeRows(
    at,
    byKey.flatMap(({ key }) => key ?? []),
  );
  for (const one of byKey) {
    const row = rows.find(({ key }) => key === one.key);
    if (row !== undefined) found.set(one, row);
  }
  await Promise.all(
    due.map(async (one) => {
      if (one.page === null) return;
      const judged = await judgeOne(at, one, one.page);
      if (judged !== null) found.set(one, judged);
    }),
  );
  return found;
}

async function judgeOne(
  at: VerifyTable,
  { key }: Ref,
  page: NonNullable<Ref['page']>,
): Promise<Judged | null> {
  const { context, table, source } = at;
  const ask = { priority: context.priority, lane: table.name };
  const located = await locatePage(context.notion, table, { at: source, id: page, ask }).catch(notReadable);
  if (located === null) return { key, page, findings: [], known: [FAILED], moved: null };
  if (located.kind !== 'here') {
    const where = located.kind === 'hidden' ? 'hidden' : located.away;
    return key === null ? null : judgeGone(at, { key, page }, where);
  }
  const record = (await recordsByPage(context.store, [page])).get(page);
  const settled =
    record?.state === 'linked' && record.table === table.name
      ? await context.settleRelations(located, { table, at: source, record }, ask)
      : located;
  if (settled === null) return null;
  const [judged] = await judgePages(at, [pageRead({ ...located, ...settled })]);
  return judged ?? null;
}
