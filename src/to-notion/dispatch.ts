import { isLogged, messageOf } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { byRank, inTableOrder, tablesBefore } from '../model/table-order.ts';
import { BACKFILL, LIVE, type Urgency } from '../model/urgency.ts';
import { isReadBlocked } from '../postgres/row-statement-error.ts';
import { createPatience, type Patience } from '../runtime/patience.ts';
import { keepTrying, LONGEST_WAIT_MS } from '../runtime/retry.ts';
import type { Wake } from '../runtime/wake.ts';
import { claimDue, doMovesWait, restOf } from '../state/due.ts';
import type { OutboxEntry } from '../state/outbox.ts';
import { recountOutbox } from '../state/statistics.ts';
import type { ReadEntries } from './batch.ts';
import type { DeliverContext } from './context.ts';
import { deliverEntries, suspendFor, tryAfterLock } from './deliver.ts';
import { type Pairs, pairsOf } from './read-pairs.ts';
import { applyMoves } from './rekey.ts';
import { settleGone, settleQuiet } from './settle-quiet.ts';

/** How often the outbox is looked at when nobody rings: entries that SQL functions made due. */
const IDLE_MS = 2_000;
/** The same while deliveries are under way: asking for the next due time costs more than looking. */
const BUSY_MS = 500;
const LEAST_MS = 50;
/** Entries that are compared with their rows in one go, in search of those that need a request. */
const COMPARED = 1_000;
/** How many batches' worth are taken of a table whose last batch found news wherever it looked. */
const BATCHES = 4;
/** A change of a row whose earlier change is in a batch waits for all of it: a mass goes in small ones. */
const MASS_BATCH = 25;

export type DeliverOptions = {
  readonly urgency: Urgency;
  readonly batchSize: number;
  readonly wake: Wake;
  /** Names of records (`table/key`) that some loop has in hand. Shared by all loops. */
  readonly busy: Set<string>;
};

/** The batches that one loop has under way. */
type UnderWay = {
  readonly work: Set<Promise<void>>;
  readonly byTable: Map<TableName, number>;
  /** Tables whose batches failed as a whole: none of them keeps another waiting. */
  readonly broken: Patience<TableName>;
  /** How many entries are enough, of tables whose entries have news as a rule: the others are not looked through. */
  readonly enough: Map<TableName, number>;
};

/**
 * Outbox to Notion, for ever. One of these runs for each urgency, and each has a batch of every table under way, so that
 * neither a mass nor a table that fails stands in front of another change. Ends with the signal once what is in flight
 * has been recorded.
 */
export async function runDeliver(
  context: DeliverContext,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<void> {
  const underWay: UnderWay = {
    work: new Set(),
    byTable: new Map(),
    broken: createPatience({ firstMs: 250, maxMs: LONGEST_WAIT_MS }),
    enough: new Map(),
  };
  await keepTrying(
    async (healthy) => {
      try {
        while (!signal.aborted) {
          const started = await startDue(context, options, underWay, signal);
          healthy();
          const ms =
            started === 'all' ? BUSY_MS : started === 'some' ? 0 : await restMs(context, options, underWay);
          if (ms > 0) await options.wake.wait(ms, signal);
        }
      } finally {
        // None may go on behind the back of the next try.
        await Promise.all(underWay.work);
      }
    },
    { name: nameOf(options.urgency), log: context.log, signal, mayPass: () => true },
  );
}

const nameOf = (urgency: Urgency): string => `deliver ${['live', 'bulk', 'backfill'][urgency]}`;

/** 0: there is something to look for at once. */
async function restMs(
  context: DeliverContext,
  { urgency }: DeliverOptions,
  { work }: UnderWay,
): Promise<number> {
  const { ms, movesWait } =
    work.size > 0
      ? { ms: BUSY_MS, movesWait: await doMovesWait(context.store) }
      : await restOf(context.store, urgency);
  if (movesWait) {
    await applyMoves(context);
    return 0;
  }
  return Math.max(LEAST_MS, Math.min(ms ?? IDLE_MS, IDLE_MS));
}

/** What was found due: nothing, all that there is, or as much as one look gives. */
type Started = 'none' | 'all' | 'some';

/**
 * Starts a batch of each table that has due entries and room for one. In a first sync a table has its turn once those that its
 * relations point to have nothing due: its rows would only be looked at to wait for theirs.
 */
async function startDue(
  context: DeliverContext,
  options: DeliverOptions,
  underWay: UnderWay,
  signal: AbortSignal,
): Promise<Started> {
  const { tables } = context;
  if (options.urgency !== BACKFILL)
    return startAmong(context, options, underWay, { among: inTableOrder(tables.values()), signal });
  let started: Started = 'none';
  for (const rank of byRank(tables.values())) {
    const inHand = (name: TableName): boolean => (underWay.byTable.get(name) ?? 0) > 0;
    const among = rank.filter(({ name }) => !tablesBefore(tables, name).some(inHand));
    const found = await startAmong(context, options, underWay, { among, signal });
    if (found === 'some' || started === 'none') started = found;
  }
  return started;
}

async function startAmong(
  context: DeliverContext,
  options: DeliverOptions,
  underWay: UnderWay,
  { among, signal }: { readonly among: readonly ResolvedTable[]; readonly signal: AbortSignal },
): Promise<Started> {
  // While a kind of requests is refused, one record at a time shows whether it passes again.
  const most = options.urgency === LIVE && context.refusedRequests.blocked.size === 0 ? 2 : 1;
  const tables = among
    .map(({ name }) => name)
    .filter((name) => (underWay.byTable.get(name) ?? 0) < most && underWay.broken.mayTry(name));
  if (tables.length === 0) return 'none';
  const { urgency, busy } = options;
  const limit = Math.max(COMPARED, options.batchSize);
  const { enough: fewer } = underWay;
  const due = await claimDue(context.store, { tables, urgency, limit, fewer, busy: [...busy] });
  await recountOutbox(
    context.store,
    [...due.values()].reduce((sum, claimed) => sum + claimed.length, 0),
  );
  let started: Started = 'none';
  for (const [name, claimed] of due) {
    if (signal.aborted) break;
    // Another loop may have taken some since the question was asked.
    const entries = claimed.filter(({ key }) => !busy.has(`${name}/${key}`));
    if (entries.length === 0) continue;
    if (claimed.length === (fewer.get(name) ?? limit)) started = 'some';
    else if (started === 'none') started = 'all';
    begin(context, options, underWay, { name, entries, signal });
  }
  return started;
}

function begin(
  context: DeliverContext,
  options: DeliverOptions,
  { work, byTable, broken, enough }: UnderWay,
  {
    name,
    entries,
    signal,
  }: { readonly name: TableName; readonly entries: readonly OutboxEntry[]; readonly signal: AbortSignal },
): void {
  const batch = deliverBatch(context, options, { name, entries, signal })
    .then(
      (most) => {
        broken.passed(name);
        if (most === null) enough.delete(name);
        else enough.set(name, most);
      },
      (error: unknown) => {
        if (signal.aborted) return;
        const again = broken.failed(name);
        const level = isLogged(error) ? 'debug' : again.attempts < 3 ? 'info' : 'warn';
        const what = `${nameOf(options.urgency)} failed for a table, trying again`;
        context.log[level]({ table: name, ...again, reason: messageOf(error) }, what);
      },
    )
    .then(() => {
      work.delete(batch);
      byTable.set(name, (byTable.get(name) ?? 1) - 1);
      options.wake.ring();
    });
  work.add(batch);
  byTable.set(name, (byTable.get(name) ?? 0) + 1);
}

/**
 * Ends what needs no request, and delivers a batch of the others. Gives how many entries are enough for the next one; null if
 * most had no news, so that as many as possible are to be looked through.
 */
async function deliverBatch(
  context: DeliverContext,
  { urgency, batchSize, busy }: DeliverOptions,
  {
    name,
    entries,
    signal,
  }: { readonly name: TableName; readonly entries: readonly OutboxEntry[]; readonly signal: AbortSignal },
): Promise<number | null> {
  const inLane = { ...context, notion: context.notion.forLane(name) };
  const nameOfEntry = ({ key }: OutboxEntry): string => `${name}/${key}`;
  const hold = new Set(entries.map(nameOfEntry));
  for (const one of hold) busy.add(one);
  const settled = context.shapes.reading(
    name,
    entries.map(({ key }) => key),
  );
  const letGo = (some: Iterable<string>): void => {
    for (const one of some) {
      busy.delete(one);
      hold.delete(one);
    }
  };
  try {
    const size =
      context.refusedRequests.blocked.size > 0
        ? 1
        : urgency === LIVE
          ? batchSize
          : Math.min(batchSize, MASS_BATCH);
    const news = await newsAmong(inLane, name, { entries, size, signal });
    if (news === null) return null;
    const taken = new Set(news.entries.map(nameOfEntry));
    // Those that nobody has in hand may become live meanwhile.
    letGo([...hold].filter((one) => !taken.has(one)));
    await deliverEntries(inLane, news, signal);
    return news.entries.length * 2 > size ? size * BATCHES : null;
  } finally {
    settled();
    letGo([...hold]);
  }
}

/** The first entries that need more than a comparison, at most `size`; null if there are none. */
async function newsAmong(
  context: DeliverContext,
  name: TableName,
  {
    entries,
    size,
    signal,
  }: { readonly entries: readonly OutboxEntry[]; readonly size: number; readonly signal: AbortSignal },
): Promise<ReadEntries | null> {
  const source = await context.sourceOf(name);
  const table = context.tables.get(name);
  if (table === undefined) throw new Error(`no table ${name}`);
  const found: OutboxEntry[] = [];
  const portions: Pairs[] = [];
  // Most entries have news as a rule: more than a batch is read only where most of them had none.
  const enough = Math.ceil(size / 2);
  let step = size;
  // Rows that are locked against reading are found so below, where their entries are left for later.
  const present = await settleGone(context, table, entries).catch((error: unknown) =>
    isReadBlocked(error) ? entries : suspendFor(context, name, error),
  );
  if (present === null) return null;
  for (let at = 0; at < present.length && found.length < enough && !signal.aborted; ) {
    const some = present.slice(at, at + step);
    at += step;
    step = Math.max(size, MASS_BATCH * 4);
    const read = await settleQuiet(context, table, some).catch((error: unknown) =>
      isReadBlocked(error) ? tryAfterLock(context, some, error) : suspendFor(context, name, error),
    );
    if (read === null) return null;
    found.push(...read.news);
    portions.push(read.pairs);
  }
  const news = found.slice(0, size);
  return news.length === 0 ? null : { table, source, entries: news, pairs: pairsOf(news, portions) };
}
