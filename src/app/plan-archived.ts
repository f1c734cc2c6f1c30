import { readPage } from '../model/page.ts';
import { scan } from '../notion/scan.ts';
import { findKeys } from '../postgres/keys.ts';
import { putAwayAmong } from '../state/put-away.ts';
import { recordsByKey, recordsByPage } from '../state/records.ts';
import { typedIn } from '../to-postgres/keyed-page.ts';
import type { Place } from './plan-link.ts';
import { pageSample, type TableWalk } from './plan-walk.ts';

/** Archived pages are those of the rows whose keys they show, so that these get no others; what else is archived is left alone. */
export async function meetArchived(walk: TableWalk, place: Place): Promise<void> {
  const { table, db, store, adopted, counter } = walk;
  const listing = scan(walk.notion, {
    dataSource: place.dataSource,
    by: 'created_time',
    from: null,
    priority: 'live',
    isArchived: true,
    onGap: () => undefined,
    onUnreadable: () => undefined,
  });
  for await (const batch of listing) {
    const seen = batch.map((page) => ({ page, image: readPage(table, place.ids, page.properties).image }));
    const records = await recordsByPage(
      store,
      batch.map(({ id }) => id),
    );
    const putAway = await putAwayAmong(
      store,
      batch.map(({ id }) => id),
    );
    const keys = await findKeys(
      db,
      table,
      seen.flatMap(({ image }) => typedIn({ table, image }) ?? []),
    );
    const owners = await recordsByKey(
      store,
      table.name,
      [...keys.values()].map(({ key }) => key),
    );
    for (const { page, image } of seen) {
      const found = keys.get(typedIn({ table, image }) ?? '');
      if (
        found?.exists !== true ||
        records.has(page.id) ||
        putAway.has(page.id) ||
        owners.has(found.key) ||
        adopted.has(found.key)
      )
        continue;
      adopted.set(found.key, page.id);
      counter.add('adopt', pageSample(table, page.id, image, { key: found.key, note: 'archived' }));
    }
  }
}
