import { arrayAt, booleanAt, idAt, objectAt, stringAt } from './check.ts';
import { parseDate } from './dates.ts';
import { failed, invalid, notFound } from './errors.ts';
import { parseFiles } from './files.ts';
import { findOption, newOption, optionName } from './options.ts';
import { parseRuns } from './richtext.ts';
import { findProperty, typeIn } from './schema.ts';
import { isReachable } from './sharing.ts';
import type { Store } from './store.ts';
import type { OptionProperty, Property, Value } from './types.ts';

/** Reads the `properties` of a write, by property id. Options that it names for the first time are created. */
export function parseValues(store: Store, dataSourceId: string, raw: unknown): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>();
  for (const [key, given] of Object.entries(objectAt(raw, 'body.properties'))) {
    const property = findProperty(store, store.dataSources.get(dataSourceId)?.properties ?? [], key);
    if (property === undefined) throw invalid(`${key} is not a property that exists.`);
    const path = `body.properties.${key}`;
    const body = objectAt(given, path);
    const type = typeIn(body);
    if (type === undefined) throw failed(`${path}.${property.type}`, 'defined', undefined);
    if (type !== property.type) throw invalid(`${property.name} is expected to be ${property.type}.`);
    values.set(
      property.id,
      parseValue(store, dataSourceId, { property, raw: body[type], path: `${path}.${type}` }),
    );
  }
  return values;
}

function parseValue(
  store: Store,
  dataSourceId: string,
  { property, raw, path }: { readonly property: Property; readonly raw: unknown; readonly path: string },
): Value {
  switch (property.type) {
    case 'title':
    case 'rich_text':
      return { type: property.type, runs: parseRuns(raw, path) };
    case 'number':
      if (raw !== null && typeof raw !== 'number') throw failed(path, 'a number', raw);
      return { type: 'number', number: raw === null ? null : roundedTo(store.behaviour.numberDigits, raw) };
    case 'checkbox':
      return { type: 'checkbox', checked: booleanAt(raw, path) };
    case 'select':
      return {
        type: 'select',
        optionId: raw === null ? null : chooseOption(store, dataSourceId, { id: property.id, raw, path }),
      };
    case 'status':
      return { type: 'status', optionId: raw === null ? null : existingStatus(property, raw, path) };
    case 'multi_select': {
      const chosen = arrayAt(raw, path).map((item, index) =>
        chooseOption(store, dataSourceId, { id: property.id, raw: item, path: `${path}[${index}]` }),
      );
      return { type: 'multi_select', optionIds: [...new Set(chosen)] };
    }
    case 'date':
      return { type: 'date', date: raw === null ? null : parseDate(raw, path, store.behaviour) };
    case 'url':
    case 'email':
    case 'phone_number':
      return {
        type: property.type,
        text: parseText(raw, path, property.type === 'url' ? 2000 : store.behaviour.contactLength),
      };
    case 'relation':
      return { type: 'relation', pageIds: parseRelation(store, property.dataSourceId, raw, path) };
    case 'people':
      return { type: 'people', userIds: parsePeople(store, raw, path) };
    case 'files':
      return { type: 'files', files: parseFiles(store, raw, path) };
    default:
      throw invalid(
        `body failed validation: body.properties.${property.name} is a ${property.type} property, which cannot be written.`,
      );
  }
}

const roundedTo = (digits: number, number: number): number =>
  digits >= 17 ? number : Number(number.toPrecision(digits));

function parseText(raw: unknown, path: string, max: number): string | null {
  if (raw === null) return null;
  const text = stringAt(raw, path, max);
  if (text === '')
    throw invalid(`body failed validation: ${path}.length should be ≥ \`1\`, instead was \`0\`.`);
  return text;
}

function optionProperty(store: Store, dataSourceId: string, id: string): OptionProperty | undefined {
  const property = store.dataSources.get(dataSourceId)?.properties.find((one) => one.id === id);
  return property !== undefined && 'options' in property ? property : undefined;
}

function chooseOption(
  store: Store,
  dataSourceId: string,
  { id, raw, path }: { readonly id: string; readonly raw: unknown; readonly path: string },
): string {
  const body = objectAt(raw, path);
  // An earlier element of the same write may have added an option: look at the schema as it is now.
  const property = optionProperty(store, dataSourceId, id);
  const options = property?.options ?? [];
  if (body.id !== undefined) {
    const known = options.find((option) => option.id === stringAt(body.id, `${path}.id`));
    if (known === undefined) throw invalid(`Invalid option id: ${String(body.id)}.`);
    return known.id;
  }
  const name = optionName(body.name, `${path}.name`);
  const found = findOption(options, name);
  return (
    found?.id ??
    addOption(store, dataSourceId, {
      id,
      name,
      color: typeof body.color === 'string' ? body.color : undefined,
    })
  );
}

/** Adds an option to a select, multi_select or status property and gives its id. */
export function addOption(
  store: Store,
  dataSourceId: string,
  { id, name, color }: { readonly id: string; readonly name: string; readonly color?: string | undefined },
): string {
  const ds = store.dataSources.get(dataSourceId);
  const property = optionProperty(store, dataSourceId, id);
  if (ds === undefined || property === undefined)
    throw invalid('Options can only be added to a property that has some.');
  const option = newOption(name, property.options.length, color);
  const grown = { ...property, options: [...property.options, option] };
  const next: Property =
    grown.type === 'status'
      ? {
          ...grown,
          groups: grown.groups.map((group, place) =>
            place === 0 ? { ...group, optionIds: [...group.optionIds, option.id] } : group,
          ),
        }
      : grown;
  store.dataSources.put({ ...ds, properties: ds.properties.map((one) => (one.id === id ? next : one)) });
  return option.id;
}

function existingStatus(property: OptionProperty, raw: unknown, path: string): string {
  const body = objectAt(raw, path);
  if (body.id !== undefined) {
    const known = property.options.find((option) => option.id === body.id);
    if (known === undefined)
      throw invalid(`Invalid status option. Status option id "${String(body.id)}" does not exist.`);
    return known.id;
  }
  const name = stringAt(body.name, `${path}.name`, 100);
  const found = findOption(property.options, name);
  if (found === undefined) throw invalid(`Invalid status option. Status option "${name}" does not exist.`);
  return found.id;
}

function parseRelation(store: Store, target: string, raw: unknown, path: string): readonly string[] {
  const ids = arrayAt(raw, path).map((item, index) => {
    const at = `${path}[${index}]`;
    return idAt(objectAt(item, at).id, `${at}.id`);
  });
  for (const id of ids) {
    const page = store.pages.get(id);
    if (page === undefined || !isReachable(store, page)) throw notFound('page', id);
    if (page.parent.type !== 'data_source_id' || page.parent.dataSourceId !== target) {
      throw invalid(`Page with ID ${id} is not in the data source that this relation points to.`);
    }
  }
  return [...new Set(ids)];
}

function parsePeople(store: Store, raw: unknown, path: string): readonly string[] {
  const ids = arrayAt(raw, path).map((item, index) => {
    const at = `${path}[${index}]`;
    return idAt(objectAt(item, at).id, `${at}.id`);
  });
  for (const id of ids) if (store.users.get(id) === undefined) throw notFound('user', id);
  return [...new Set(ids)];
}
