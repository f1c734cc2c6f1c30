import { type DatabaseCount, databaseCounts } from './human-databases.ts';
import { namesOf } from './render.ts';
import { plainOf } from './richtext.ts';
import type { Committed, Store } from './store.ts';
import { type TableRow, tableRows } from './table-rows.ts';
import { isBinned, schemaKey } from './table-view.ts';
import type { Comment, DataSource, Page } from './types.ts';

/** What the page for people learns of a change: what it needs to show it, and no more. */
export type FeedEvent = {
  /** Of the workspace. An answer of this version or a later one knows of the change already. */
  readonly version: number;
  /** The rows that changed, as they are now. */
  readonly rows: readonly TableRow[];
  /** Pages came, went or moved, or too much changed to list: the window is to be asked for again. */
  readonly reload: boolean;
  readonly schema: boolean;
  readonly schemaKey: string | null;
  /** The databases whose entry in the list changed, and all ids in order where the list itself did. */
  readonly databases: readonly DatabaseCount[];
  readonly order: readonly string[] | null;
  /** New comments, which may be what the connection has to say of an edit. */
  readonly comments: readonly { readonly pageId: string; readonly author: string; readonly text: string }[];
};

export type Feed = {
  /** Tells of changes from now on, beginning with the list of the databases. Gives the way to end it. */
  readonly subscribe: (dataSourceId: string | null, send: (event: FeedEvent) => void) => () => void;
  readonly close: () => void;
};

/** Changes that come close together are told together. */
const GAP_MS = 100;
const MOST_ROWS = 20;
const MOST_TEXT = 400;

type Watch = {
  readonly source: string | null;
  readonly send: (event: FeedEvent) => void;
  /** What it knows of each database, as it was sent. */
  readonly known: Map<string, string>;
};

/** Tells whoever looks at the page for people of what changes. */
export function makeFeed(store: Store): Feed {
  const watches = new Set<Watch>();
  let pending: Committed[] = [];
  let timer: NodeJS.Timeout | undefined;
  let last = 0;
  const flush = (): void => {
    timer = undefined;
    last = performance.now();
    const changes = joined(pending);
    pending = [];
    for (const watch of watches) watch.send(eventFor(store, watch, changes));
  };
  store.onCommit((changes) => {
    if (watches.size === 0) return;
    pending.push(...changes);
    timer ??= setTimeout(flush, Math.max(0, last + GAP_MS - performance.now())).unref();
  });
  return {
    subscribe: (source, send) => {
      const watch: Watch = { source, send, known: new Map() };
      watches.add(watch);
      send(eventFor(store, watch, []));
      return () => watches.delete(watch);
    },
    close: () => clearTimeout(timer),
  };
}

/** One change for each entity: from what it was at first to what it is at last. */
function joined(changes: readonly Committed[]): readonly Committed[] {
  const byKey = new Map<string, Committed>();
  for (const change of changes) {
    const key = `${change.table} ${change.id}`;
    byKey.set(key, { ...change, before: (byKey.get(key) ?? change).before });
  }
  return [...byKey.values()];
}

type PageChange = { readonly before: Page | undefined; readonly after: Page | undefined };

function eventFor(store: Store, watch: Watch, changes: readonly Committed[]): FeedEvent {
  const source = watch.source === null ? undefined : store.dataSources.get(watch.source);
  const pages = ofTable(changes, 'pages') as readonly PageChange[];
  const here = pages.filter(({ before, after }) => isIn(source, before) || isIn(source, after));
  const comments = ofTable(changes, 'comments').flatMap(({ after }) =>
    after !== undefined && isIn(source, store.pages.get((after as Comment).pageId)) ? [after as Comment] : [],
  );
  const ids = new Set([
    ...here.flatMap(({ after }) => (isIn(source, after) ? [after.id] : [])),
    ...comments.map(({ pageId }) => pageId),
  ]);
  const listed = source !== undefined && ids.size <= MOST_ROWS;
  return {
    version: store.version(),
    rows: listed
      ? tableRows(
          store,
          source.properties,
          [...ids].flatMap((id) => store.pages.get(id) ?? []),
        )
      : [],
    reload: !listed || here.some(comesOrGoes) || pages.some((change) => isShownElsewhere(source, change)),
    schema: changes.some(
      ({ table, id }) => table === 'users' || (table === 'dataSources' && id === source?.id),
    ),
    schemaKey: source === undefined ? null : schemaKey(source),
    ...listNews(store, watch.known),
    comments: comments.map((comment) => ({
      pageId: comment.pageId,
      author: store.users.get(comment.createdBy)?.name ?? '',
      text: plainOf(comment.runs, namesOf(store)).slice(0, MOST_TEXT),
    })),
  };
}

const ofTable = (changes: readonly Committed[], table: string): readonly Committed[] =>
  changes.filter((change) => change.table === table);

const isIn = (source: DataSource | undefined, page: Page | undefined): page is Page =>
  source !== undefined && page?.parent.type === 'data_source_id' && page.parent.dataSourceId === source.id;

/** Whether a page is new, gone, moved, or changed between the table and its bin. */
const comesOrGoes = ({ before, after }: PageChange): boolean =>
  before === undefined ||
  after === undefined ||
  JSON.stringify(before.parent) !== JSON.stringify(after.parent) ||
  isBinned(before) !== isBinned(after) ||
  before.inTrash !== after.inTrash;

/** Whether the table shows the page's title in a relation, and it may be another now. */
function isShownElsewhere(source: DataSource | undefined, { before, after }: PageChange): boolean {
  const parent = (after ?? before)?.parent;
  if (source === undefined || parent?.type !== 'data_source_id') return false;
  const isTarget = source.properties.some(
    (property) => property.type === 'relation' && property.dataSourceId === parent.dataSourceId,
  );
  return (
    isTarget &&
    before !== undefined &&
    (after === undefined ||
      before.inTrash !== after.inTrash ||
      before.shared !== after.shared ||
      before.values.title !== after.values.title)
  );
}

function listNews(store: Store, known: Map<string, string>): Pick<FeedEvent, 'databases' | 'order'> {
  const counts = databaseCounts(store);
  const order = counts.map(({ dataSourceId }) => dataSourceId);
  const isSame = order.length === known.size && order.every((id) => known.has(id));
  const databases = counts.filter((count) => known.get(count.dataSourceId) !== JSON.stringify(count));
  known.clear();
  for (const count of counts) known.set(count.dataSourceId, JSON.stringify(count));
  return { databases, order: isSame ? null : order };
}
