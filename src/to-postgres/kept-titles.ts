import type { RowImage } from '../model/change.ts';
import type { Told } from '../model/errors.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { rowItems } from '../model/shown-value.ts';
import { titlesOf } from '../state/titles.ts';
import type { SyncContext } from '../sync/context.ts';

/** What the row keeps in a relation whose edit was refused, by the titles of the records that it points to. */
export async function withTitles(
  { store, tables }: Pick<SyncContext, 'store' | 'tables'>,
  table: ResolvedTable,
  row: RowImage,
  told: readonly Told[],
): Promise<readonly Told[]> {
  const all: Told[] = [];
  for (const one of told) {
    const field = table.fields.find(({ property }) => property === one.property);
    const related = field?.relatedTable === undefined ? undefined : tables.get(field.relatedTable);
    const title = related?.fields.find(({ type }) => type === 'title')?.property;
    const keys = field === undefined ? [] : rowItems(field, row[field.property] ?? null);
    if (one.kept !== undefined || related === undefined || title === undefined || keys.length === 0) {
      all.push(one);
      continue;
    }
    const titles = await titlesOf(store, related.name, title, { keys, pages: [] });
    all.push({ ...one, kept: keys.map((key) => titles.ofKey(key) ?? `record ${key}`).join(', ') });
  }
  return all;
}
