import { randomInt } from 'node:crypto';
import { idAt, isObject, objectAt, stringAt } from './check.ts';
import { failed, invalid, notFound } from './errors.ts';
import { mergeOptions, statusOptions } from './options.ts';
import { convertValues } from './schema-values.ts';
import { pagesIn } from './sharing.ts';
import type { Store } from './store.ts';
import { type DataSource, type JsonObject, PLAIN_TYPES, type Property, type PropertyKind } from './types.ts';

type PlainType = (typeof PLAIN_TYPES)[number];
const isPlain = (type: string): type is PlainType => PLAIN_TYPES.some((plain) => plain === type);
const OTHER_TYPES = [
  'number',
  'select',
  'multi_select',
  'status',
  'relation',
  'unique_id',
  'formula',
  'rollup',
];

/** The type that a property object names, by `type` or by the only type's key that it has. */
export function typeIn(raw: JsonObject): string | undefined {
  if (typeof raw.type === 'string') return raw.type;
  return [...PLAIN_TYPES, ...OTHER_TYPES].find((type) => raw[type] !== undefined);
}

/** A property of a schema by its name or its id. Answers spell ids URL-encoded; what asks for one spells it decoded. */
export function findProperty(
  { behaviour }: Pick<Store, 'behaviour'>,
  properties: readonly Property[],
  key: string,
): Property | undefined {
  return (
    properties.find((property) => property.name === key) ??
    properties.find((property) => decodeURIComponent(property.id) === key) ??
    (behaviour.encodedIdsInBodies ? properties.find((property) => property.id === key) : undefined)
  );
}

const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ~';
const SIGNS = ':;<>?@[]^{}|=';

/** An id like Notion's, percent-encoded and unique within the schema. One sign at least makes the spellings differ. */
function propertyId(taken: readonly Property[]): string {
  const any = (alphabet: string): string => alphabet.charAt(randomInt(alphabet.length));
  const plain = [any(SIGNS), any(LETTERS), any(LETTERS + SIGNS), any(LETTERS)];
  const id = encodeURIComponent((randomInt(2) === 0 ? plain : plain.toReversed()).join(''));
  return taken.some((property) => property.id === id) ? propertyId(taken) : id;
}

/** Reads a schema entry; `old` is the property that it changes, whose options live on. */
function parseKind(
  store: Store,
  raw: JsonObject,
  { path, ds, old }: { readonly path: string; readonly ds: DataSource; readonly old: Property | null },
): PropertyKind {
  const type = typeIn(raw);
  if (type === undefined) throw failed(`${path}.type`, 'defined', undefined);
  if (isPlain(type)) return { type };
  const body = raw[type] === undefined ? {} : objectAt(raw[type], `${path}.${type}`);
  const at = `${path}.${type}`;
  switch (type) {
    case 'number':
      return { type, format: body.format === undefined ? 'number' : stringAt(body.format, `${at}.format`) };
    case 'select':
    case 'multi_select': {
      const before = old !== null && 'options' in old ? old.options : [];
      if (body.options === undefined) return { type, options: before };
      const merged = mergeOptions(before, body.options, `${at}.options`, store.behaviour.renamedOptions);
      const kept = store.behaviour.omittedOptions === 'kept' ? before : [];
      return { type, options: [...kept.filter((one) => !merged.some(({ id }) => id === one.id)), ...merged] };
    }
    case 'status':
      return parseStatus(store, old, body.options, `${at}.options`);
    case 'relation':
      return parseRelation(store, body, at, old);
    case 'unique_id':
      return { type, prefix: typeof body.prefix === 'string' ? body.prefix : null };
    case 'formula':
      return { type, expression: typeof body.expression === 'string' ? body.expression : '' };
    case 'rollup':
      return parseRollup(store, body, at, ds);
    default:
      throw invalid(
        `body failed validation: ${path}.type should be a known property type, instead was \`"${type}"\`.`,
      );
  }
}

function parseStatus(store: Store, old: Property | null, options: unknown, at: string): PropertyKind {
  const how = store.behaviour.statusOptions;
  if (how === 'refused' && options !== undefined) throw failed(at, 'not present', options);
  const given = how === 'ignored' ? undefined : options;
  return { type: 'status', ...statusOptions(old?.type === 'status' ? old : null, given, at) };
}

function parseRelation(store: Store, body: JsonObject, at: string, old: Property | null): PropertyKind {
  if (body.data_source_id === undefined && body.database_id !== undefined) {
    throw failed(`${at}.data_source_id`, 'defined', undefined);
  }
  const dataSourceId = idAt(body.data_source_id, `${at}.data_source_id`);
  const target = store.dataSources.get(dataSourceId);
  if (target?.shared !== true) throw notFound('data source', dataSourceId);
  const same = old?.type === 'relation' && old.dataSourceId === dataSourceId;
  // `mirror` is filled in once the other end's property exists.
  return {
    type: 'relation',
    dataSourceId,
    mirror: same && body.single_property === undefined ? old.mirror : null,
  };
}

function parseRollup(store: Store, body: JsonObject, at: string, ds: DataSource): PropertyKind {
  const key = body.relation_property_id ?? body.relation_property_name;
  const relation = findProperty(store, ds.properties, stringAt(key, `${at}.relation_property_name`));
  if (relation?.type !== 'relation') throw invalid(`${String(key)} is not a relation property that exists.`);
  const targets = store.dataSources.get(relation.dataSourceId)?.properties ?? [];
  const wanted = body.rollup_property_id ?? body.rollup_property_name;
  const target = findProperty(store, targets, stringAt(wanted, `${at}.rollup_property_name`));
  if (target === undefined) throw invalid(`${String(wanted)} is not a property that exists.`);
  return {
    type: 'rollup',
    relationId: relation.id,
    targetId: target.id,
    function: stringAt(body.function, `${at}.function`),
  };
}

/** Applies `properties` of a create or an update to a data source: add, change, rename, remove (null). */
export function applySchema(store: Store, dataSourceId: string, raw: unknown, path: string): void {
  const entries = Object.entries(objectAt(raw, path));
  checkOptionCount(store, entries, path);
  // A rollup looks at a relation that the same request may add.
  const late = ([, value]: [string, unknown]): number =>
    isObject(value) && typeIn(value) === 'rollup' ? 1 : 0;
  for (const [key, value] of entries.sort((a, b) => late(a) - late(b))) {
    applyProperty(store, dataSourceId, { key, value, path: `${path}.${key}` });
  }
  const after = store.dataSources.get(dataSourceId)?.properties ?? [];
  if (after.length > 500) throw invalid('A data source can have at most 500 properties.');
}

/** Refuses a request that lists more options than one may, all of its properties together. */
function checkOptionCount(store: Store, entries: readonly [string, unknown][], path: string): void {
  const most = store.behaviour.optionsPerRequest;
  let total = 0;
  for (const [key, value] of entries) {
    const type = isObject(value) ? typeIn(value) : undefined;
    const body = isObject(value) && type !== undefined ? value[type] : undefined;
    const options = isObject(body) && Array.isArray(body.options) ? body.options : [];
    total += options.length;
    if (total > most) {
      throw invalid(
        `body failed validation: ${path}.${key}.${type}.options.length should be ≤ \`${most}\`, instead was \`${total}\`.`,
      );
    }
  }
}

function applyProperty(
  store: Store,
  dataSourceId: string,
  { key, value, path }: { readonly key: string; readonly value: unknown; readonly path: string },
): void {
  const ds = store.dataSources.get(dataSourceId);
  if (ds === undefined) throw notFound('data source', dataSourceId);
  const old = findProperty(store, ds.properties, key);
  if (value === null) {
    if (old === undefined) throw invalid(`${key} is not a property that exists.`);
    removeProperty(store, ds, old);
    return;
  }
  const body = objectAt(value, path);
  const name = body.name === undefined ? (old?.name ?? key) : stringAt(body.name, `${path}.name`);
  if (name === '') throw failed(`${path}.name`, 'a non-empty string', '');
  if (ds.properties.some((other) => other.name === name && other.id !== old?.id)) {
    throw invalid(`Cannot rename or create a property: the name ${name} is taken.`);
  }
  const description = typeof body.description === 'string' ? body.description : (old?.description ?? null);
  const type = typeIn(body);
  if (old !== undefined && type === undefined) {
    putProperty(store, ds, { ...old, name, description });
    return;
  }
  if (old !== undefined && (old.type === 'title') !== (type === 'title')) {
    throw invalid('Cannot change a title property to or from another type.');
  }
  if (old === undefined && type === 'title' && ds.properties.some((property) => property.type === 'title')) {
    throw invalid('A data source can have only one title property.');
  }
  const id = old?.id ?? (type === 'title' ? 'title' : propertyId([...ds.properties, ...(ds.removed ?? [])]));
  const property: Property = {
    id,
    name,
    description,
    ...parseKind(store, body, { path, ds, old: old ?? null }),
  };
  putProperty(store, ds, property);
  if (old !== undefined) convertValues(store, dataSourceId, old, property);
  if (property.type === 'unique_id' && old?.type !== 'unique_id') numberPages(store, dataSourceId, id);
  if (property.type === 'relation') linkMirror(store, dataSourceId, property, body);
}

function putProperty(store: Store, ds: DataSource, property: Property): void {
  const known = ds.properties.some((other) => other.id === property.id);
  const properties = known
    ? ds.properties.map((other) => (other.id === property.id ? property : other))
    : [...ds.properties, property];
  store.dataSources.put({ ...ds, properties });
}

/** Deletes a property. Its pages keep what they hold of it, unseen, in case a person restores it. */
function removeProperty(store: Store, ds: DataSource, property: Property): void {
  if (property.type === 'title') throw invalid('Cannot delete the title property.');
  const properties = ds.properties.filter((other) => other.id !== property.id);
  store.dataSources.put({ ...ds, properties, removed: [...(ds.removed ?? []), property] });
  if (property.type !== 'relation' || property.mirror === null) return;
  setMirror(store, property.dataSourceId, property.mirror, null);
}

/** Brings a deleted property back under its id, by its name (the last one that had it) or its id. */
export function restoreProperty(store: Store, dataSourceId: string, key: string): void {
  const ds = store.dataSources.get(dataSourceId);
  const removed = ds?.removed ?? [];
  const property = findProperty(store, removed.toReversed(), key);
  if (ds === undefined || property === undefined) throw invalid(`${key} is not a property that was deleted.`);
  if (ds.properties.some((other) => other.name === property.name))
    throw invalid(`Cannot rename or create a property: the name ${property.name} is taken.`);
  const rest = removed.filter((other) => other !== property);
  store.dataSources.put({ ...ds, properties: [...ds.properties, property], removed: rest });
  if (property.type === 'relation' && property.mirror !== null)
    setMirror(store, property.dataSourceId, property.mirror, property.id);
}

/** Ties the other end's property to this one, or makes it stand alone. */
function setMirror(store: Store, dataSourceId: string, id: string, mirror: string | null): void {
  const other = store.dataSources.get(dataSourceId);
  const end = other?.properties.find((one) => one.id === id);
  if (other !== undefined && end?.type === 'relation') putProperty(store, other, { ...end, mirror });
}

function numberPages(store: Store, dataSourceId: string, id: string): void {
  const pages = pagesIn(store, dataSourceId);
  pages.forEach((page, index) => {
    store.pages.put({ ...page, values: { ...page.values, [id]: { type: 'unique_id', number: index + 1 } } });
  });
  const ds = store.dataSources.get(dataSourceId);
  if (ds !== undefined) store.dataSources.put({ ...ds, nextNumber: pages.length + 1 });
}

/** Makes the other end of a relation that is to show on both sides. */
function linkMirror(store: Store, dataSourceId: string, property: Property, body: JsonObject): void {
  if (property.type !== 'relation' || property.mirror !== null) return;
  const config = isObject(body.relation) ? body.relation : {};
  if (config.dual_property === undefined && config.type !== 'dual_property') return;
  const target = store.dataSources.get(property.dataSourceId);
  if (target === undefined) return;
  const dual = isObject(config.dual_property) ? config.dual_property : {};
  const source = store.dataSources.get(dataSourceId);
  const title = source?.title.map((run) => (run.type === 'text' ? run.content : '')).join('') ?? '';
  const wanted = typeof dual.synced_property_name === 'string' ? dual.synced_property_name : null;
  const base = wanted ?? `Related to ${title} (${property.name})`;
  const taken = target.properties.find((other) => other.name === base);
  if (wanted !== null && taken !== undefined)
    throw invalid(`Cannot create a property: the name ${wanted} is taken.`);
  const mirrorId = propertyId([...target.properties, ...(target.removed ?? [])]);
  putProperty(store, target, {
    id: mirrorId,
    name: taken === undefined ? base : `${base} 1`,
    description: null,
    type: 'relation',
    dataSourceId,
    mirror: property.id,
  });
  const fresh = store.dataSources.get(dataSourceId);
  if (fresh !== undefined) putProperty(store, fresh, { ...property, mirror: mirrorId });
}
