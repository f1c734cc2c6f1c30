import { randomUUID } from 'node:crypto';
import { objectAt } from './check.ts';
import { archivedEdit, invalid } from './errors.ts';
import { parseRuns } from './richtext.ts';
import { dataSourceOf, isTrashed, isTrashedSource } from './sharing.ts';
import type { Store } from './store.ts';
import type { DataSource, Page, PageParent, Value } from './types.ts';
import { parseValues } from './values.ts';

/** Who does something, and when. */
export type Deed = { readonly store: Store; readonly at: number; readonly by: string };

/** Makes a page; `properties` is in the API's shape. */
export function createPage(deed: Deed, parent: PageParent, properties: unknown): Page {
  const { store, at, by } = deed;
  const source = parent.type === 'data_source_id' ? store.dataSources.get(parent.dataSourceId) : undefined;
  if (source !== undefined && isTrashedSource(store, source)) throw archivedEdit();
  if (parent.type === 'page_id' && isTrashed(store, fresh(store, parent.pageId))) throw archivedEdit();
  const values =
    source === undefined ? parsePlain(properties) : parseValues(store, source.id, properties ?? {});
  const page: Page = {
    id: randomUUID(),
    seq: store.sequence(),
    parent,
    values: source === undefined ? {} : numbered(store, source.id),
    createdTime: at,
    createdBy: by,
    lastEditedTime: at,
    lastEditedBy: by,
    inTrash: false,
    isArchived: false,
    shared: true,
  };
  store.pages.put(page);
  setValues(store, page.id, values);
  return fresh(store, page.id);
}

/** A page outside of a data source has nothing but a title, which may come without its type's key. */
function parsePlain(properties: unknown): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>();
  for (const [key, given] of Object.entries(objectAt(properties ?? {}, 'body.properties'))) {
    if (key !== 'title') throw invalid(`${key} is not a property that exists.`);
    const path = 'body.properties.title';
    const raw = Array.isArray(given) ? given : objectAt(given, path).title;
    values.set('title', { type: 'title', runs: parseRuns(raw, path) });
  }
  return values;
}

function numbered(store: Store, dataSourceId: string): Readonly<Record<string, Value>> {
  const source = store.dataSources.get(dataSourceId);
  const property = source?.properties.find((one) => one.type === 'unique_id');
  if (source === undefined || property === undefined) return {};
  store.dataSources.put({ ...source, nextNumber: source.nextNumber + 1 });
  return { [property.id]: { type: 'unique_id', number: source.nextNumber } };
}

/** The page as it is now. */
export function fresh(store: Store, id: string): Page {
  const page = store.pages.get(id);
  if (page === undefined) throw new TypeError(`no page ${id}`);
  return page;
}

/** Writes property values, given in the API's shape, and moves the page's last edit. */
export function editPage(deed: Deed, id: string, properties: unknown): Page {
  const { store, at, by } = deed;
  const page = fresh(store, id);
  if (isTrashed(store, page)) throw archivedEdit();
  const source = dataSourceOf(store, page);
  const values = source === undefined ? parsePlain(properties) : parseValues(store, source.id, properties);
  if (values.size === 0) return page;
  setValues(store, id, values);
  store.pages.put({ ...fresh(store, id), lastEditedTime: at, lastEditedBy: by });
  return fresh(store, id);
}

function setValues(store: Store, id: string, values: ReadonlyMap<string, Value>): void {
  for (const [propertyId, value] of values) {
    const page = fresh(store, id);
    store.pages.put({ ...page, values: { ...page.values, [propertyId]: value } });
    if (value.type === 'relation') reflect(store, page, propertyId, value.pageIds);
  }
}

/** Keeps the other end of a two-way relation the same; the pages over there do not count as edited. */
function reflect(store: Store, page: Page, propertyId: string, now: readonly string[]): void {
  const property = dataSourceOf(store, page)?.properties.find((one) => one.id === propertyId);
  if (property?.type !== 'relation' || property.mirror === null) return;
  const mirror = property.mirror;
  const old = page.values[propertyId];
  const before = old?.type === 'relation' ? old.pageIds : [];
  for (const other of new Set([...before, ...now])) {
    const target = store.pages.get(other);
    if (target === undefined) continue;
    const held = target.values[mirror];
    const rest = (held?.type === 'relation' ? held.pageIds : []).filter((one) => one !== page.id);
    const pageIds = !now.includes(other)
      ? rest
      : before.includes(other) && held?.type === 'relation'
        ? held.pageIds
        : [...rest, page.id];
    store.pages.put({ ...target, values: { ...target.values, [mirror]: { type: 'relation', pageIds } } });
  }
}

/** Moves to and from the trash or the archive, locks and unlocks. None of it counts as an edit. */
export function setState(
  store: Store,
  id: string,
  state: { inTrash?: boolean; isArchived?: boolean; isLocked?: boolean },
): Page {
  store.pages.put({ ...fresh(store, id), ...state });
  return fresh(store, id);
}

/** Moves a page to another data source; what fits there by name and type stays. */
export function movePage(deed: Deed, id: string, target: DataSource): Page {
  const { store, at, by } = deed;
  const page = fresh(store, id);
  if (isTrashed(store, page)) throw archivedEdit();
  const source = dataSourceOf(store, page);
  if (source?.id === target.id) return page;
  const parent: PageParent = { type: 'data_source_id', dataSourceId: target.id };
  if (source === undefined) return becomeRow(deed, page, target);
  clearRelations(store, page);
  const kept: Record<string, Value> = { ...numbered(store, target.id) };
  for (const property of source.properties) {
    const match = target.properties.find((one) => one.name === property.name && one.type === property.type);
    const value = page.values[property.id];
    const bound = 'options' in property || property.type === 'relation' || property.type === 'unique_id';
    if (property.type === 'title' && value !== undefined) kept.title = value;
    else if (match !== undefined && value !== undefined && !bound) kept[match.id] = value;
  }
  store.pages.put({ ...fresh(store, id), parent, values: kept, lastEditedTime: at, lastEditedBy: by });
  carryOptions(store, page, source, target.id);
  return fresh(store, id);
}

/** Makes a plain page a row: what it held of that very schema before shows again. */
function becomeRow({ store, at, by }: Deed, page: Page, target: DataSource): Page {
  const known = Object.entries(page.values).filter(([id]) => target.properties.some((one) => one.id === id));
  const held = Object.fromEntries(known);
  const number = target.properties.find((one) => one.type === 'unique_id');
  const given = number !== undefined && held[number.id] === undefined ? numbered(store, target.id) : {};
  const parent: PageParent = { type: 'data_source_id', dataSourceId: target.id };
  const values = { ...given, ...held };
  const moved = { ...page, parent, values, lastEditedTime: at, lastEditedBy: by };
  store.pages.put(moved);
  return moved;
}

/** Makes a row a page below another page: it shows a title only, and holds the rest in case it comes back. */
export function makePlainPage(deed: Deed, id: string, parentId: string): Page {
  const { store, at, by } = deed;
  const page = fresh(store, id);
  if (isTrashed(store, page)) throw archivedEdit();
  const parent: PageParent = { type: 'page_id', pageId: parentId };
  store.pages.put({ ...page, parent, lastEditedTime: at, lastEditedBy: by });
  return fresh(store, id);
}

/** Options belong to a schema: a moved value finds, or makes, the option of the same name over there. */
function carryOptions(store: Store, page: Page, source: DataSource | undefined, targetId: string): void {
  for (const property of source?.properties ?? []) {
    if (!('options' in property)) continue;
    const value = page.values[property.id];
    const names = property.options
      .filter((option) =>
        value?.type === 'multi_select'
          ? value.optionIds.includes(option.id)
          : value !== undefined && 'optionId' in value && value.optionId === option.id,
      )
      .map((option) => ({ name: option.name }));
    const match = store.dataSources
      .get(targetId)
      ?.properties.find((one) => one.name === property.name && one.type === property.type);
    const [first] = names;
    if (match === undefined || first === undefined || !('options' in match)) continue;
    const known = match.options.some((option) => option.name.toLowerCase() === first.name.toLowerCase());
    if (match.type === 'status' && !known) continue;
    const raw = { [match.name]: { [match.type]: match.type === 'multi_select' ? names : first } };
    setValues(store, page.id, parseValues(store, targetId, raw));
  }
}

function clearRelations(store: Store, page: Page): void {
  for (const [propertyId, value] of Object.entries(page.values)) {
    if (value.type === 'relation')
      setValues(store, page.id, new Map([[propertyId, { ...value, pageIds: [] }]]));
  }
}

/** Copies a page with all of its values but its number, as the editor's "Duplicate" does. */
export function duplicatePage(deed: Deed, id: string): Page {
  const { store } = deed;
  const page = fresh(store, id);
  const copy = createPage(deed, page.parent, undefined);
  const values = Object.entries(page.values).filter(([, value]) => value.type !== 'unique_id');
  setValues(store, copy.id, new Map(values));
  return fresh(store, copy.id);
}

/** Removes a page for good, and with it every mention of it in a relation. */
export function deleteForever(store: Store, id: string): void {
  for (const page of store.pages.all()) {
    for (const [propertyId, value] of Object.entries(page.values)) {
      if (value.type !== 'relation' || !value.pageIds.includes(id)) continue;
      const pageIds = value.pageIds.filter((one) => one !== id);
      const held = fresh(store, page.id);
      store.pages.put({ ...held, values: { ...held.values, [propertyId]: { type: 'relation', pageIds } } });
    }
  }
  store.pages.remove(id);
}
