import { awayOf } from '../model/away.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { ResolvedField } from '../model/mapping.ts';
import { isPageAway } from '../model/record-state.ts';
import {
  missingTargets,
  rivalTargets,
  type SettledRelations,
  settleRelations,
  showsAgain,
} from '../model/relation-targets.ts';
import type { Ask, NotionClient } from '../notion/client.ts';
import { isGone } from '../notion/error-classification.ts';
import { locatePage, type SettleRelations } from '../notion/locate.ts';
import { saveUnshown } from '../state/away.ts';
import { lookSoon } from '../state/edits.ts';
import { markRestore } from '../state/outbox.ts';
import { advanceBase, recordsByPage } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';

type Ends = {
  readonly store: Store;
  readonly notion: NotionClient;
  readonly sourceOf: (table: TableName) => Promise<Source>;
  /** Whoever only compares leaves everything as it is. */
  readonly readOnly?: boolean;
};

/** How many related pages are asked for at once, and how many answers are kept. */
const SIDE_BY_SIDE = 4;
const MOST_LOOKS = 1_000;

/**
 * Decides what an element that a relation does not show means. It was taken out by a person only if a GET, asked after the
 * page was read, finds the related page alive, and the page, read once more, still does not show it.
 */
export function createSettleRelations(ends: Ends): SettleRelations {
  const looks = createLooks(ends);
  return async (seen, { table, at, record }, ask) => {
    const missing = missingTargets(table.fields, record.basePage, seen.image, record.unshown);
    const rivals = rivalTargets(table.fields, record.basePage, seen.image);
    const away = new Set<PageId>();
    for (const { field, pages } of rivals)
      for (const page of await awayAmong(ends, looks, field, { pages, since: seen.page.askedAt, ask }))
        away.add(page);
    if (missing.length === 0 && !showsAgain(table.fields, seen.image, record.unshown)) {
      const { basePage, unshown } = record;
      return { page: seen.page, image: seen.image, unshown, basePage, away };
    }
    let live = false;
    let whole = seen;
    const look = async (all: typeof missing, since: number): Promise<void> => {
      for (const { field, pages } of all) {
        const found = await awayAmong(ends, looks, field, { pages, since, ask });
        for (const page of found) away.add(page);
        live ||= found.size < pages.length;
      }
    };
    await look(missing, seen.page.askedAt);
    if (live) {
      const now = await locatePage(ends.notion, table, { at, id: seen.page.id, ask });
      if (now.kind !== 'here') return null;
      whole = now;
      await look(missingTargets(table.fields, record.basePage, now.image, record.unshown), now.page.askedAt);
    }
    const settled = settleRelations(table.fields, record.basePage, {
      image: whole.image,
      known: record.unshown,
      isAway: (page) => away.has(page),
    });
    if (!ends.readOnly) await keep(ends.store, { table: table.name, key: record.key as RowKey }, settled);
    return {
      page: whole.page,
      image: settled.image,
      unshown: { ...record.unshown, ...settled.unshown },
      basePage: { ...record.basePage, ...settled.interrupted },
      away,
    };
  };
}

async function keep(
  store: Store,
  pair: { readonly table: TableName; readonly key: RowKey },
  { unshown, interrupted }: SettledRelations,
): Promise<void> {
  const fields = Object.keys(interrupted);
  if (fields.length + Object.keys(unshown).length === 0) return;
  await store.transaction(async (sql) => {
    await saveUnshown(sql, pair, unshown);
    if (fields.length === 0) return;
    await advanceBase(sql, pair, { row: {}, page: interrupted });
    await markRestore(sql, { table: pair.table, key: pair.key, fields });
  });
}

/** Whether a page is a live one of a data source, by a GET that was not asked before `since`. */
type Looks = (page: PageId, at: Source, since: number, ask: Ask) => Promise<boolean>;

function createLooks({ notion }: Ends): Looks {
  // Many pages that lose the same related page are looked at side by side: it is asked for once.
  const known = new Map<PageId, { readonly at: number; readonly live: Promise<boolean> }>();
  return (page, { dataSource }, since, ask) => {
    const old = known.get(page);
    if (old !== undefined && old.at >= since) return old.live;
    const live = notion.retrievePage(page, ask).then(
      (found) => awayOf(found, dataSource) === null,
      (error: unknown) => {
        if (isGone(error)) return false;
        known.delete(page);
        throw error;
      },
    );
    if (known.size >= MOST_LOOKS) known.clear();
    known.set(page, { at: performance.now(), live });
    return live;
  };
}

async function awayAmong(
  { store, sourceOf, readOnly }: Ends,
  looks: Looks,
  { relatedTable }: ResolvedField,
  { pages, since, ask }: { readonly pages: readonly PageId[]; readonly since: number; readonly ask: Ask },
): Promise<ReadonlySet<PageId>> {
  const records = await recordsByPage(store, pages);
  const away = new Set<PageId>();
  for (let from = 0; from < pages.length; from += SIDE_BY_SIDE) {
    const some = pages.slice(from, from + SIDE_BY_SIDE);
    await Promise.all(
      some.map(async (page) => {
        const record = records.get(page);
        const table = record?.table ?? relatedTable;
        if (table === undefined || (record !== undefined && isPageAway(record.state)))
          return void away.add(page);
        if (await looks(page, await sourceOf(table), since, ask)) return;
        away.add(page);
        // Nobody has noticed yet that it left: from then on its state says so, and costs no request.
        if (record?.state === 'linked' && !readOnly)
          await store.transaction((sql) => lookSoon(sql, { table, key: record.key, page }));
      }),
    );
  }
  return away;
}
