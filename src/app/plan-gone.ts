import type { PageId, RowKey } from '../model/ids.ts';
import type { PostgresDeletePolicy, ResolvedTable } from '../model/mapping.ts';
import { presentEach } from '../postgres/read-rows.ts';
import { existingKeys } from '../postgres/rows.ts';
import { recordKeys } from '../state/record-keys.ts';
import { linkedPages, recordsByKey, recordsByPage } from '../state/records.ts';
import type { PagesSeen } from './plan-pages.ts';
import { rowSample, type TableWalk } from './plan-walk.ts';

const AT_ONCE = 1_000;
const LOOKED_UP = 500;
/** Notion takes no more pages in a database. */
const MOST_PAGES = 250_000;

export const policyName = (policy: PostgresDeletePolicy): string =>
  typeof policy === 'object' ? `mark ${JSON.stringify(policy.mark)}` : policy;

/** Records whose row is gone, or is left out by the table's query or condition: their pages leave too. */
export async function walkGone(walk: TableWalk): Promise<void> {
  const { table, store, db, counter } = walk;
  for await (const keys of recordKeys(store, table.name, AT_ONCE)) {
    const { present, broken } = await presentEach(db, table, keys);
    const gone = keys.filter((key) => !present.has(key) && !broken.has(key));
    const there = await existingKeys(db, table, gone);
    const records = await recordsByKey(store, table.name, gone);
    for (const key of gone) {
      const record = records.get(key);
      if (record?.state !== 'linked' || policyOf(table, key, there) === 'ignore') continue;
      counter.add('trash', rowSample(table, key, record.baseRow));
    }
  }
}

const policyOf = (
  { onRowFiltered, onPostgresDelete }: ResolvedTable,
  key: RowKey,
  there: ReadonlySet<RowKey>,
): PostgresDeletePolicy => (there.has(key) ? onRowFiltered : onPostgresDelete);

/** Linked pages that a whole reading did not show. */
export async function noteMissing(walk: TableWalk, { met, gaps }: PagesSeen): Promise<void> {
  const { table, store, counter } = walk;
  if (gaps > 0) return;
  const absent = (await linkedPages(store, table.name, MOST_PAGES)).filter((page: PageId) => !met.has(page));
  for (let at = 0; at < absent.length; at += LOOKED_UP) {
    const records = await recordsByPage(store, absent.slice(at, at + LOOKED_UP));
    for (const [page, { key, baseRow }] of records)
      counter.add('missing', { ...rowSample(table, key, baseRow), page });
  }
}
