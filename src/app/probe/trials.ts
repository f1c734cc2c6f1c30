import type { Json } from '../../model/change.ts';
import type { PageId } from '../../model/ids.ts';
import {
  affordable,
  lagOfTrial,
  lookTimes,
  type QueryLook,
  type Trial,
  type TrialLag,
} from '../../model/probe/lag.ts';
import { LOOK_EVERY, PROPERTY } from '../../model/probe/plan.ts';
import type { NotionPage } from '../../notion/client.ts';
import { NotionFailure, stopsAll } from '../../notion/error-classification.ts';
import { propertiesByName } from '../../notion/probe-client.ts';
import type { QueryAnswer } from '../../notion/query-response.ts';
import type { Place } from './scratch.ts';
import type { Session, Timed } from './session.ts';
import { again, mayPass } from './tried.ts';

type Written = {
  readonly answeredMs: number;
  readonly page: PageId;
  /** As the answer shows it. */
  readonly shown?: NotionPage;
};

/** A write, and how a query shows that it has seen it. */
export type Write = {
  readonly id: string;
  /** Null if there is nothing to write to: an earlier write has failed. */
  readonly send: () => Promise<Written | null>;
  /** It makes a page: made twice, there is one page more, of which no query is asked. */
  readonly isNew?: boolean;
  /** Null for a page that must not be listed any more; otherwise the least round that it must show. */
  readonly round: number | null;
};

/** All that one query, with its further pages, has listed. */
export type Listing = { readonly askedMs: number; readonly pages: readonly NotionPage[] };

export type Trials = {
  readonly lags: readonly TrialLag[];
  /** The pages that were written, by the write's id. */
  readonly written: ReadonlyMap<string, PageId>;
  readonly listings: readonly Listing[];
  /** What the answers to the writes show. */
  readonly shown: readonly NotionPage[];
};

type Looks = {
  /** Made after the last write, at these times. */
  readonly times: readonly number[];
  /** Requests that have to be left for what follows. */
  readonly reserve: number;
};

/** A scratch database has a dozen pages, and a query may be cut shorter. */
const MOST_PAGES_ASKED = 3;

export async function list(session: Session, { dataSource }: Place): Promise<Listing> {
  const pages: NotionPage[] = [];
  let askedMs: number | null = null;
  let cursor: string | null = null;
  for (let asked = 0; asked < MOST_PAGES_ASKED; asked += 1) {
    const from: { readonly cursor?: string } = cursor === null ? {} : { cursor };
    const input = { dataSourceId: dataSource, ...from };
    const answer: Timed<QueryAnswer> = await session.timed((ask) => session.notion.query(input, ask));
    askedMs ??= answer.askedMs;
    pages.push(...answer.value.pages);
    cursor = answer.value.nextCursor;
    if (cursor === null) break;
  }
  return { askedMs: askedMs ?? session.clock.now(), pages };
}

const shows = (listing: Listing, { round }: Write, page: PageId): boolean => {
  const listed = listing.pages.find(({ id }) => id === page);
  if (round === null) return listed === undefined;
  return listed !== undefined && roundIn(listed) >= round;
};

function roundIn(page: NotionPage): number {
  const value = propertiesByName(page)[PROPERTY.round] as { readonly number?: Json } | undefined;
  return typeof value?.number === 'number' ? value.number : 0;
}

/** Makes the writes, and looks until queries show all of them, or the looks are used up. */
export async function tryWrites(
  session: Session,
  place: Place,
  writes: readonly Write[],
  { times, reserve }: Looks,
): Promise<Trials> {
  const trials: Trial[] = [];
  const written = new Map<string, PageId>();
  const listings: Listing[] = [];
  const shown: NotionPage[] = [];
  const look = async (): Promise<void> => void listings.push(await list(session, place));
  for (const [at, write] of writes.entries()) {
    const done = await attempt(session, write);
    if (done !== null) {
      trials.push({ id: write.id, answeredMs: done.answeredMs });
      written.set(write.id, done.page);
      if (done.shown !== undefined) shown.push(done.shown);
    }
    if ((at + 1) % LOOK_EVERY === 0 && at + 1 < writes.length && session.left() > reserve) await look();
  }
  const done = writes.flatMap((write) => {
    const page = written.get(write.id);
    return page === undefined ? [] : [{ write, page }];
  });
  const seenIn = (listing: Listing): ReadonlySet<string> =>
    new Set(done.filter(({ write, page }) => shows(listing, write, page)).map(({ write }) => write.id));
  const isAllSeen = (): boolean => {
    const last = listings.at(-1);
    return last !== undefined && seenIn(last).size === done.length;
  };
  const endedMs = session.clock.now();
  for (const ms of affordable([0, ...times], session.left() - reserve)) {
    if (session.left() <= reserve) break;
    await waitUntil(session, endedMs + ms);
    await look();
    if (isAllSeen()) break;
  }
  const looks: readonly QueryLook[] = listings.map((listing) => ({
    askedMs: listing.askedMs,
    shown: seenIn(listing),
  }));
  return { lags: trials.map((trial) => lagOfTrial(trial, looks)), written, listings, shown };
}

export async function waitUntil({ clock, signal }: Session, at: number): Promise<void> {
  const ms = at - clock.now();
  if (ms > 0) await clock.sleep(ms, signal);
  signal.throwIfAborted();
}

/**
 * A write that fails by itself is no trial; what would meet every other one as well ends the probe. One that may pass is made
 * once more, unless the first may have been carried out and would be what queries show.
 */
async function attempt(session: Session, write: Write): Promise<Written | null> {
  try {
    return await write.send().catch((error: unknown) => {
      const isDone = error instanceof NotionFailure && error.errorClass.effect !== 'none';
      if (!mayPass(error) || (isDone && !write.isNew)) throw error;
      return again(session, write.send);
    });
  } catch (error) {
    if (!(error instanceof NotionFailure) || stopsAll(error)) throw error;
    session.log.debug({ write: write.id, reason: error.message }, 'a trial of the probe failed');
    return null;
  }
}

/** When to look after changes, by what the trials before have shown. */
export function timesFor(before: readonly TrialLag[], count: number, untilMs: number): readonly number[] {
  const most = Math.max(0, ...before.map(({ atLeastMs, atMostMs }) => atMostMs ?? atLeastMs * 1.5));
  const sorted = before.map(({ atLeastMs }) => atLeastMs).sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return lookTimes(count, Math.min(untilMs, Math.max(10_000, most * 1.3)), middle);
}
