import { awayOf } from '../model/away.ts';
import type { PageId } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { extraFields, readPage } from '../model/page.ts';
import type { NotionPage } from '../notion/client.ts';
import { noteExtras } from '../state/extras.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { SyncContext } from '../sync/context.ts';

/** Keeps which fields hold more than their values say: before such a one is written, its page is looked at. */
export async function noteExtraFields(
  { store }: Pick<SyncContext, 'store'>,
  table: ResolvedTable,
  { dataSource, properties }: Source,
  {
    pages,
    records,
  }: { readonly pages: readonly NotionPage[]; readonly records: ReadonlyMap<PageId, SyncRecord> },
): Promise<void> {
  const noted = pages.flatMap((page) => {
    const record = records.get(page.id);
    // The properties of a page that was moved are not those of its record.
    if (record?.table !== table.name || awayOf(page, dataSource) !== null) return [];
    const extras = extraFields(readPage(table, properties, page.properties));
    return sameJson(record.extras, extras) ? [] : [{ page: page.id, extras }];
  });
  if (noted.length > 0) await store.transaction((sql) => noteExtras(sql, noted));
}
