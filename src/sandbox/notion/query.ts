import { createHash, randomUUID } from 'node:crypto';
import type { Blackouts } from './blackouts.ts';
import { arrayAt, countAt, dashed, isObject, objectAt, stringAt } from './check.ts';
import { floorToMinute } from './dates.ts';
import { invalid } from './errors.ts';
import { comparable, type Ground, parseFilter } from './filter.ts';
import { findProperty } from './schema.ts';
import type { Store } from './store.ts';
import type { DataSource, JsonObject, Page } from './types.ts';

/** How long a cursor lives. */
const CURSOR_MS = 10 * 60_000;

type Session = {
  readonly query: string;
  readonly seed: string;
  readonly last: unknown;
  readonly served: number;
  readonly expires: number;
  /** What is to come, as far as it was put in order; null if nobody has yet. */
  readonly ahead: Ahead<unknown> | null;
  /** The state that the last page was read from; null if it could have changed by itself. */
  readonly state: string | null;
};

/** The rest of a scan in its order, of which `at` have been handed out. Good as long as the state is the same. */
type Ahead<T> = {
  readonly state: string;
  readonly items: readonly T[];
  readonly at: number;
  readonly rest: number;
};

/** Where scans left off. Lost on a restart: a cursor is nothing to keep. */
export type Cursors = {
  readonly open: (cursor: unknown, query: string, now: number) => Session | null;
  readonly issue: (session: Omit<Session, 'expires'>, now: number) => string;
  readonly expireAll: () => void;
};

export function makeCursors(): Cursors {
  const sessions = new Map<string, Session>();
  return {
    open: (cursor, query, now) => {
      if (cursor === undefined || cursor === null) return null;
      const session = typeof cursor === 'string' ? sessions.get(dashed(cursor) ?? cursor) : undefined;
      if (session === undefined || session.query !== query || session.expires < now) {
        throw invalid(`The start_cursor provided is invalid: ${String(cursor)}`);
      }
      return session;
    },
    issue: (session, now) => {
      for (const [id, old] of sessions) if (old.expires < now) sessions.delete(id);
      const id = randomUUID();
      sessions.set(id, { ...session, expires: now + CURSOR_MS });
      return id;
    },
    expireAll: () => sessions.clear(),
  };
}

/** How answers are cut, which whoever drives the sandbox may change. */
export type Cuts = { cap: number; shortPages: boolean; readonly blackouts: Blackouts };

type Slice<T> = {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
  readonly complete: boolean;
};

/** The first `count` in that order. A database of thousands is not sorted whole for each hundred of it. */
function first<T>(items: readonly T[], count: number, compare: (a: T, b: T) => number): T[] {
  const best = items.slice(0, count).sort(compare);
  for (const item of items.slice(count)) {
    const last = best.at(-1);
    if (last === undefined || compare(last, item) <= 0) continue;
    best.pop();
    best.splice(placeOf(best, item, compare), 0, item);
  }
  return best;
}

/** Behind all that come no later than it, as a stable sort has it. */
function placeOf<T>(sorted: readonly T[], item: T, compare: (a: T, b: T) => number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = sorted[middle] as T;
    if (compare(there, item) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** One page of a scan whose order holds together from its first item to its last. */
export function slice<T>(
  cursors: Cursors,
  cuts: Pick<Cuts, 'cap' | 'shortPages'>,
  now: number,
  scan: {
    readonly query: string;
    readonly items: () => readonly T[];
    /** As long as it is the same, so are the items; null if nobody can say. */
    readonly state?: string | null;
    readonly compare: (seed: string) => (a: T, b: T) => number;
    readonly cursor: unknown;
    readonly size: number;
  },
): Slice<T> {
  const session = cursors.open(scan.cursor, scan.query, now);
  const seed = session?.seed ?? randomUUID();
  const served = session?.served ?? 0;
  const size = Math.max(
    0,
    Math.min(cuts.shortPages ? Math.ceil(scan.size / 2) : scan.size, cuts.cap - served),
  );
  const { items, rest, ahead } = nextItems(scan, {
    session,
    seed,
    size,
    left: Math.max(0, cuts.cap - served),
  });
  const last = items.at(-1);
  const total = served + items.length;
  const more = rest > items.length && total < cuts.cap && last !== undefined;
  const state = scan.state ?? null;
  const nextCursor = more
    ? cursors.issue({ query: scan.query, seed, last, served: total, ahead, state }, now)
    : null;
  return { items, nextCursor, complete: served + rest <= cuts.cap };
}

type Next<T> = { readonly items: readonly T[]; readonly rest: number; readonly ahead: Ahead<T> | null };

/** The next items of a scan. While nothing changes, what a scan has yet to hand out is put in order once, not for each page. */
function nextItems<T>(
  scan: Pick<Parameters<typeof slice<T>>[3], 'items' | 'state' | 'compare'>,
  at: {
    readonly session: Session | null;
    readonly seed: string;
    readonly size: number;
    readonly left: number;
  },
): Next<T> {
  const { session, size } = at;
  const state = scan.state ?? null;
  const known = session?.ahead as Ahead<T> | null | undefined;
  if (known && known.state === state) return fromAhead(known, size);
  const compare = scan.compare(at.seed);
  const all = scan.items();
  // What has changed since is judged against the last item as it was when it was handed out.
  const rest = session === null ? all : all.filter((item) => compare(session.last as T, item) < 0);
  if (state !== null && session?.state === state)
    return fromAhead({ state, items: first(rest, at.left, compare), at: 0, rest: rest.length }, size);
  return { items: first(rest, size, compare), rest: rest.length, ahead: null };
}

function fromAhead<T>(ahead: Ahead<T>, size: number): Next<T> {
  const items = ahead.items.slice(ahead.at, ahead.at + size);
  const rest = ahead.rest - ahead.at;
  return { items, rest, ahead: { ...ahead, at: ahead.at + items.length } };
}

/** The answer's envelope. */
export const listAnswer = (
  type: string,
  cut: Slice<unknown>,
  results: readonly JsonObject[],
): JsonObject => ({
  object: 'list',
  results,
  next_cursor: cut.nextCursor,
  has_more: cut.nextCursor !== null,
  type,
  [type]: {},
  // Only what may be cut off says whether it was.
  ...(type === 'page_or_data_source' && {
    request_status: cut.complete
      ? { type: 'complete' }
      : { type: 'incomplete', incomplete_reason: 'query_result_limit_reached' },
  }),
});

const digest = (...parts: readonly unknown[]): string =>
  createHash('sha1').update(JSON.stringify(parts)).digest('hex');

/** The part of a query's answer that its body asks for; of a data source that is shared and not in the trash. */
export function queryPages(
  store: Store,
  cursors: Cursors,
  cuts: Cuts,
  { now, source, body }: { readonly now: number; readonly source: DataSource; readonly body: JsonObject },
): Slice<Page> {
  if (body.in_trash !== undefined || body.archived !== undefined) {
    throw invalid(
      'body failed validation: body.in_trash should be not present. Use search to list what is in the trash.',
    );
  }
  const ground: Ground = { store, schema: source.properties, now };
  const matches = body.filter === undefined ? () => true : parseFilter(ground, body.filter);
  const archived = body.is_archived === true;
  const items = (): Page[] =>
    store.pages
      .visibleIn(source.id, now)
      .filter((page) => page.shared && !page.inTrash && page.isArchived === archived)
      .filter((page) => !cuts.blackouts.hides(page, now) && matches(page));
  const rests = store.isSeen(now) && !cuts.blackouts.isAny(source.id, now);
  // Filters may speak of the present.
  const state = rests ? `${store.version()} ${cuts.cap} ${floorToMinute(now)}` : null;
  const size = countAt(body.page_size, 'body.page_size', 100, 100);
  const query = digest(source.id, body.filter ?? null, body.sorts ?? null, archived);
  const compare = parseSorts(ground, body.sorts);
  return slice(cursors, cuts, now, { query, items, state, compare, cursor: body.start_cursor, size });
}

type Key = (page: Page) => unknown;

function parseSorts(ground: Ground, raw: unknown): (seed: string) => (a: Page, b: Page) => number {
  const sorts = arrayAt(raw ?? [], 'body.sorts').map((item, index) => {
    const path = `body.sorts[${index}]`;
    const sort = objectAt(item, path);
    if (sort.direction !== 'ascending' && sort.direction !== 'descending') {
      throw invalid(
        `body failed validation: ${path}.direction should be \`"ascending"\` or \`"descending"\`, instead was \`${JSON.stringify(sort.direction)}\`.`,
      );
    }
    return { key: sortKey(ground, sort, path), sign: sort.direction === 'ascending' ? 1 : -1 };
  });
  return (seed) => {
    // What no sort decides comes in another order for each scan, since Notion promises none.
    const shuffle = memo((id) => scramble(seed + id));
    return (a, b) => {
      for (const { key, sign } of sorts) {
        const order = compareKeys(key(a), key(b), sign);
        if (order !== 0) return order;
      }
      return shuffle(a.id) - shuffle(b.id) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
    };
  };
}

function memo(make: (id: string) => number): (id: string) => number {
  const known = new Map<string, number>();
  return (id) => {
    const made = known.get(id) ?? make(id);
    known.set(id, made);
    return made;
  };
}

/** FNV-1a: cheap, and mixed well enough to look like no order. */
function scramble(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

export function sortKey(ground: Ground, sort: JsonObject, path: string): Key {
  if (sort.timestamp === 'created_time') return (page) => floorToMinute(page.createdTime);
  if (sort.timestamp === 'last_edited_time') return (page) => floorToMinute(page.lastEditedTime);
  const key = stringAt(sort.property, `${path}.property`);
  const property = findProperty(ground.store, ground.schema, key);
  if (property === undefined) throw invalid(`Could not find sort property with name or id: ${key}`);
  if (property.type === 'select' || property.type === 'status') {
    // Options sort as the schema lists them, not by name.
    return (page) => {
      const name = comparable(ground.store, page, property);
      const place = property.options.findIndex((option) => option.name === name);
      return place === -1 ? null : place;
    };
  }
  return (page) => comparable(ground.store, page, property);
}

/** Empty values come last, whatever the direction. */
export function compareKeys(a: unknown, b: unknown, sign: number): number {
  const [left, right] = [plainKey(a), plainKey(b)];
  if (left === null || right === null) return left === right ? 0 : left === null ? 1 : -1;
  if (typeof left === 'number' && typeof right === 'number') return sign * Math.sign(left - right);
  const [x, y] = [String(left), String(right)];
  return x === y ? 0 : sign * (x < y ? -1 : 1);
}

function plainKey(value: unknown): string | number | null {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (Array.isArray(value)) return value.length === 0 ? null : value.join(',');
  return isObject(value) ? JSON.stringify(value) : String(value);
}

/** What identifies a list's query, for its cursor. */
export const queryOf = digest;
