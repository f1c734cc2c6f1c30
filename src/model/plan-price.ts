import { type Contact, contactVerdict, readingDueMs } from './first-contact.ts';
import type { TableName } from './ids.ts';
import { CAUTIOUS } from './probe/assumptions.ts';

/** What one table has to go through until its first sync is over. */
export type TableLoad = {
  readonly table: TableName;
  /** How its database is met; null if it is known already. */
  readonly contact: Pick<Contact, 'origin' | 'knownBefore'> | null;
  /** The time up to which edits were seen is not known yet. */
  readonly lacksWatermark: boolean;
  /** Pages that are there now. */
  readonly pages: number;
  /** Pages of these that belong to no record and do not become one at the first reading. */
  readonly strangers: number;
  readonly creates: number;
  /** Rows whose pages wait for a person because they are so many: pages that show their keys are looked for all the same. */
  readonly held: number;
  /** Of the pages that are made, those that wait for the page of another table that is made first. */
  readonly waiting: number;
  /** Of the pages that are made, those whose relation is written by a second request, because its target is made later. */
  readonly secondPass: number;
  /** Requests that created pages take beyond their own: long relations, values that one request cannot hold. */
  readonly extra: number;
  readonly adopts: number;
  readonly adoptedWritten: number;
  /** Of these, those whose relation follows once its target has a page. */
  readonly adoptedLate: number;
  /** A field only comes from Notion, so that readings look at adopted pages that are not written to yet. */
  readonly looksAtAdopted: boolean;
  /** Pages that are joined with rows by what they hold. */
  readonly matches: number;
  /** Pages, among those that are adopted or joined, whose rows get a value of the page. */
  readonly toRows: number;
  readonly updates: number;
  /** Each page is looked at before it is written, whatever their number. */
  readonly looksAtEach: boolean;
  readonly edits: number;
  readonly trashes: number;
  readonly restores: number;
  readonly becomes: number;
  readonly missing: number;
};

export type PriceSettings = {
  readonly limit: { readonly requests: number; readonly windowMs: number };
  readonly intervalMs: number;
  readonly queryLagMs: number;
  readonly blackoutMs?: number;
  readonly overlapMs?: number;
  readonly wholePollPages: number;
  readonly batchSize: number;
};

/** One line of the account. */
export type Part = { readonly what: string; readonly requests: number };

export type Price = {
  readonly apply: { readonly requests: number; readonly seconds: number };
  readonly firstSync: {
    readonly requests: number;
    readonly seconds: number;
    readonly parts: readonly Part[];
    /** What the polls cost that go on meanwhile, and are counted in. */
    readonly polls: { readonly perInterval: number; readonly intervalSeconds: number };
  };
  readonly limit: { readonly requests: number; readonly seconds: number };
};

/** Results of a query, keys in a search for claimed pages, records in a batch of a first sync, pages looked at one by one. */
const PER_QUERY = 100;
const MASS_BATCH = 25;
const SMALL_BATCH = 5;
/** A listing of the edited pages before a batch asks for the archived ones apart, and is good for so many writes. */
const QUERIES_PER_LISTING = 2;
const QUERIES_PER_CLAIM = 2;
const WRITES_PER_LISTING = 60;
/** Pages without a record that are fetched one by one. */
const MOST_FETCHED = 2_000;
/** A whole listing of what was edited comes at least so often, and begins so long before the last one. */
const WHOLE_LISTING_MS = 300_000;
/** Patient requests leave a part of the window to live ones. */
const PATIENT_SHARE = 0.8;
/** What a request takes where the limit does not hold it back, four at a time. */
const REQUEST_MS = 300;
const SIDE_BY_SIDE = 4;

export const queriesFor = (results: number): number => Math.max(1, Math.ceil(results / PER_QUERY));

/** How long so many requests take: a window's worth leaves at once, and each further one a window later. */
export function secondsFor(requests: number, limit: PriceSettings['limit'], share = 1): number {
  if (requests === 0) return 0;
  const perWindow = Math.max(1, Math.floor(limit.requests * share));
  const windows = Math.floor((requests - 1) / perWindow);
  const rest = ((requests - windows * perWindow) * REQUEST_MS) / SIDE_BY_SIDE;
  return (windows * limit.windowMs + Math.min(rest, limit.windowMs)) / 1_000;
}

/** When the readings of a first contact begin and end, by the rules that the contact itself goes by. */
export function readingsOf(
  { contact, pages }: Pick<TableLoad, 'contact' | 'pages'>,
  queryLagMs: number,
  blackoutMs: number = CAUTIOUS.blackoutMs,
): { readonly readings: number; readonly ms: number } {
  if (contact === null) return { readings: 0, ms: 0 };
  const takesMs = queriesFor(pages) * REQUEST_MS;
  let now = 0;
  for (let readings = 1; ; readings += 1) {
    const beganAt = now;
    now += takesMs;
    const seen = { ...contact, readings, ageMs: now, beganMs: takesMs, endedMs: 0 };
    const reading = { pages, differences: readings === 1 ? pages : 0 };
    if (contactVerdict(seen, reading, queryLagMs, blackoutMs) !== 'read-again') return { readings, ms: now };
    now += readingDueMs({ ...seen, beganMs: now - beganAt }, queryLagMs, blackoutMs);
  }
}

const listingsFor = (writes: number): number => QUERIES_PER_LISTING * Math.ceil(writes / WRITES_PER_LISTING);

/** Requests that look at pages before they are written. */
function looksBefore({ looksAtEach, lacksWatermark, pages }: TableLoad, writes: number): number {
  // The first page that is there tells the time up to which edits were seen.
  if (writes <= SMALL_BATCH || looksAtEach || (lacksWatermark && pages === 0)) return writes;
  return listingsFor(writes);
}

/** Searches for pages that show the keys of rows which have none: only in a database that others may have written to. */
function claimsOf({ contact, creates, held, waiting }: TableLoad, batchSize: number): number {
  if (creates + held === 0 || contact === null || contact.origin === 'made') return 0;
  const batch = Math.min(MASS_BATCH, batchSize);
  return QUERIES_PER_CLAIM * (Math.ceil((creates + held) / batch) + Math.ceil(waiting / batch));
}

/**
 * A reading that meets an adopted page before its first write looks at it once more. What fits into one window is written
 * by then; after that, writes go three to one before looks.
 */
function looksAmidWrites(
  { adopts, adoptedWritten, looksAtAdopted }: TableLoad,
  limit: PriceSettings['limit'],
): number {
  if (!looksAtAdopted) return 0;
  const each = 1 + adoptedWritten / Math.max(1, adopts);
  const left = Math.max(0, adopts - Math.floor(limit.requests / each));
  return Math.min(left, Math.ceil((left * each) / 3));
}

function readingParts(load: TableLoad, { queryLagMs, blackoutMs, limit }: PriceSettings): number {
  const { readings } = readingsOf(load, queryLagMs, blackoutMs);
  const fetched = load.contact !== null && load.strangers <= MOST_FETCHED ? load.strangers : 0;
  // A poll follows each reading but the first.
  const polls = Math.max(0, readings - 1);
  const queries = (load.lacksWatermark ? 1 : 0) + (readings + polls) * queriesFor(load.pages);
  return queries + fetched + load.missing + looksAmidWrites(load, limit);
}

/** `isLong`: a poll has seen the pages by the time that relations follow, so that they need not be looked at one by one. */
const writesOf = (load: TableLoad, isLong: boolean): number =>
  load.creates +
  load.extra +
  load.secondPass +
  looksBefore({ ...load, lacksWatermark: load.lacksWatermark && !isLong }, load.secondPass) +
  load.updates +
  looksBefore(load, load.updates);

/** Requests for which somebody waits: they have all of the window. */
const livesOf = (load: TableLoad): number =>
  load.adopts +
  load.adoptedWritten +
  // Those that are written together ask for the edited pages, beside the look at each.
  (load.adoptedWritten > SMALL_BATCH ? listingsFor(load.adoptedWritten) : 0) +
  // A look when they are joined, and the write of the key; what is written together asks for the edited pages together.
  2 * load.matches +
  listingsFor(load.matches) +
  // The way back looks at each once more.
  load.toRows +
  // Their targets come one by one, so that each is looked at again before its relation is written.
  2 * load.adoptedLate +
  // A look once it has been left alone, another one before its key is written to it, and that write.
  3 * load.becomes +
  load.edits +
  load.trashes +
  looksBefore(load, load.trashes) +
  4 * load.restores;

/** What one poll of a table costs: small ones are read whole, of others the newest edits are listed. */
export function pollOf(pages: number, wholePollPages: number): number {
  if (pages <= wholePollPages) return queriesFor(pages);
  // While its own pages come up it is polled half as often, and two answers show that nothing else is new.
  return 1;
}

/** The polls that begin while the first sync lasts, after those that begin it. */
function pollsDuring(loads: readonly TableLoad[], seconds: number, settings: PriceSettings): number {
  const intervals = Math.floor((seconds * 1_000) / settings.intervalMs);
  const listings = Math.floor((seconds * 1_000) / WHOLE_LISTING_MS);
  const perSecond = settings.limit.requests / (settings.limit.windowMs / 1_000);
  const listed = (perSecond * (WHOLE_LISTING_MS + (settings.overlapMs ?? CAUTIOUS.overlapMs))) / 1_000;
  return loads.reduce((sum, load) => {
    const pages = load.pages + load.creates;
    const whole = pages > settings.wholePollPages ? listings * queriesFor(Math.min(pages, listed)) : 0;
    return sum + intervals * pollOf(pages, settings.wholePollPages) + whole;
  }, 0);
}

/** While a mass waits, polls have what it leaves of each window, of which the first is spent on what comes before. */
function roomForPolls(seconds: number, others: number, limit: PriceSettings['limit']): number {
  const windows = (seconds * 1_000) / limit.windowMs;
  if (windows < 1) return Number.POSITIVE_INFINITY;
  const free = Math.ceil(limit.requests * (1 - PATIENT_SHARE));
  return Math.floor(Math.max(0, free - others) + (windows - 1) * free);
}

const sumOf = (loads: readonly TableLoad[], of: (load: TableLoad) => number): number =>
  loads.reduce((sum, load) => sum + of(load), 0);

export type Fixed = {
  /** What `apply` asks, all told. */
  readonly apply: number;
  /** What a start asks before anything is synced. */
  readonly start: number;
  /** A listing of the workspace's people. */
  readonly people: number;
  /** Pages of the Sync Log. */
  readonly syncLog: number;
  /** Comments that tell people why a page is left as it is. */
  readonly comments: number;
};

/** How many requests `apply` and the first sync make, and how long they take at the limit. */
export function priceOfPlan(loads: readonly TableLoad[], fixed: Fixed, settings: PriceSettings): Price {
  const { limit, queryLagMs, blackoutMs, batchSize } = settings;
  const reading = sumOf(loads, (load) => readingParts(load, settings));
  const claims = sumOf(loads, (load) => claimsOf(load, batchSize));
  const creates = sumOf(loads, (load) => load.creates);
  const isLong = secondsFor(creates, limit, PATIENT_SHARE) * 1_000 > settings.intervalMs;
  const writes = sumOf(loads, (load) => writesOf(load, isLong));
  const lives = sumOf(loads, livesOf);
  const contactMs = Math.max(0, ...loads.map((load) => readingsOf(load, queryLagMs, blackoutMs).ms));
  const reports = fixed.syncLog + fixed.comments;
  const isNothing = reading + claims + writes + lives + reports === 0;
  let polls = 0;
  let seconds = 0;
  // Polls take of the window, so that all takes longer, and more of them come.
  for (let round = 0; round < 8 && !isNothing; round += 1) {
    const patient = secondsFor(writes + claims + reports, limit, PATIENT_SHARE);
    const all = fixed.start + fixed.people + reading + claims + writes + lives + reports + polls;
    seconds = Math.max(contactMs / 1_000 + patient, secondsFor(all, limit));
    const others = fixed.apply + fixed.start + fixed.people + reading;
    polls = Math.min(pollsDuring(loads, seconds, settings), roomForPolls(seconds, others, limit));
  }
  const parts: readonly Part[] = [
    { what: 'checks at the start', requests: fixed.start },
    { what: 'reading what is there', requests: reading + fixed.people },
    { what: 'looking for pages of rows', requests: claims },
    { what: 'pages of rows, made and written', requests: writes + lives },
    { what: 'the Sync Log and comments', requests: reports },
    { what: 'polls meanwhile', requests: polls },
  ];
  const perInterval = sumOf(loads, (load) => pollOf(load.pages + load.creates, settings.wholePollPages));
  return {
    apply: { requests: fixed.apply, seconds: rounded(secondsFor(fixed.apply, limit)) },
    firstSync: {
      requests: parts.reduce((sum, { requests }) => sum + requests, 0),
      seconds: rounded(seconds),
      parts: parts.filter(({ requests }) => requests > 0),
      polls: { perInterval, intervalSeconds: settings.intervalMs / 1_000 },
    },
    limit: { requests: limit.requests, seconds: limit.windowMs / 1_000 },
  };
}

const rounded = (seconds: number): number => Math.ceil(seconds);
