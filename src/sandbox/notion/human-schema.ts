import { editSchema, freshSource } from './databases.ts';
import type { House } from './door.ts';
import { invalid } from './errors.ts';
import { findOption, isColor, optionName } from './options.ts';
import type { Deed } from './pages.ts';
import { findProperty, restoreProperty } from './schema.ts';
import { convertValues } from './schema-values.ts';
import type { JsonObject, Option, OptionProperty, Property } from './types.ts';
import { addOption } from './values.ts';

/** What a person does to the properties of a data source and to their options. Properties go by name or decoded id. */
export type SchemaActions = {
  readonly renameProperty: (dataSourceId: string, from: string, to: string) => void;
  /** Adds a property with a schema entry of the API, such as `{number: {}}`. */
  readonly addProperty: (dataSourceId: string, name: string, config: JsonObject) => void;
  /** Gives a property another type, with a schema entry of the API; values that do not fit are lost. */
  readonly retypeProperty: (dataSourceId: string, name: string, config: JsonObject) => void;
  readonly deleteProperty: (dataSourceId: string, name: string) => void;
  /** Brings the last deleted property of that name (or id) back: with its id, its options and its values. */
  readonly restoreProperty: (dataSourceId: string, name: string) => void;
  /** Works for select, multi_select and status, as do all acts on options. Names are compared ignoring case. */
  readonly addOption: (dataSourceId: string, property: string, option: string) => void;
  /** The option keeps its id, and the pages that have it keep it. */
  readonly renameOption: (dataSourceId: string, property: string, from: string, to: string) => void;
  /** Empties the pages that had it; a status falls back to the default. */
  readonly deleteOption: (dataSourceId: string, property: string, option: string) => void;
  readonly recolourOption: (dataSourceId: string, property: string, option: string, color: string) => void;
  /** Puts an option at another place of the list, 0 being the first. */
  readonly reorderOption: (dataSourceId: string, property: string, option: string, place: number) => void;
  /** Puts a status option into another group: `To-do`, `In progress` or `Complete`. */
  readonly regroupOption: (dataSourceId: string, property: string, option: string, group: string) => void;
};

/** `sourceId` reads an id as it was given, or refuses it. */
export function schemaActions(
  house: House,
  deed: () => Deed,
  sourceId: (raw: string) => string,
): SchemaActions {
  const { store } = house;
  const edit = (raw: string, properties: JsonObject): void => {
    store.transact(() => editSchema(deed(), sourceId(raw), properties));
  };
  return {
    renameProperty: (raw, from, to) => edit(raw, { [from]: { name: to } }),
    addProperty: (raw, name, config) => edit(raw, { [name]: config }),
    retypeProperty: (raw, name, config) => {
      propertyOf(house, sourceId(raw), name);
      edit(raw, { [name]: config });
    },
    deleteProperty: (raw, name) => edit(raw, { [name]: null }),
    restoreProperty: (raw, name) => {
      const id = sourceId(raw);
      store.transact(() => {
        restoreProperty(store, id, name);
        editSchema(deed(), id, {});
      });
    },
    ...optionActions(house, deed, sourceId),
  };
}

type OptionActions = Pick<
  SchemaActions,
  'addOption' | 'renameOption' | 'deleteOption' | 'recolourOption' | 'reorderOption' | 'regroupOption'
>;

function optionActions(house: House, deed: () => Deed, sourceId: (raw: string) => string): OptionActions {
  const { store } = house;
  const options = (raw: string, name: string, change: (property: OptionProperty) => OptionProperty): void =>
    store.transact(() => changeOptions(deed(), sourceId(raw), name, change));
  return {
    addOption: (raw, name, option) => {
      const id = sourceId(raw);
      const property = optionPropertyOf(propertyOf(house, id, name));
      const wanted = freeName(property, option);
      store.transact(() => addOption(store, id, { id: property.id, name: wanted }));
    },
    renameOption: (raw, name, from, to) =>
      options(raw, name, (property) => {
        const { id } = optionOf(property, from);
        return replaceOption(property, id, { name: freeName(property, to, id) });
      }),
    deleteOption: (raw, name, option) =>
      options(raw, name, (property) => withoutOption(property, optionOf(property, option).id)),
    recolourOption: (raw, name, option, color) =>
      options(raw, name, (property) => {
        if (!isColor(color)) throw invalid(`${color} is not a color.`);
        return replaceOption(property, optionOf(property, option).id, { color });
      }),
    reorderOption: (raw, name, option, place) =>
      options(raw, name, (property) => {
        const moved = optionOf(property, option);
        const rest = property.options.filter(({ id }) => id !== moved.id);
        return { ...property, options: rest.toSpliced(place, 0, moved) };
      }),
    regroupOption: (raw, name, option, group) =>
      options(raw, name, (property) => regrouped(property, optionOf(property, option).id, group)),
  };
}

/** Changes a property's options; values whose option is gone are emptied, and the data source counts as edited. */
function changeOptions(
  deed: Deed,
  dataSourceId: string,
  name: string,
  change: (property: OptionProperty) => OptionProperty,
): void {
  const { store, at, by } = deed;
  const source = freshSource(deed, dataSourceId);
  const old = optionPropertyOf(findProperty(store, source.properties, name));
  const next = change(old);
  const properties = source.properties.map((one) => (one.id === old.id ? next : one));
  store.dataSources.put({ ...source, properties, lastEditedTime: at, lastEditedBy: by });
  convertValues(store, dataSourceId, old, next);
}

export function propertyOf(house: House, dataSourceId: string, name: string): Property {
  const { store } = house;
  const property = findProperty(store, store.dataSources.get(dataSourceId)?.properties ?? [], name);
  if (property === undefined) throw invalid(`${name} is not a property that exists.`);
  return property;
}

function optionPropertyOf(property: Property | undefined): OptionProperty {
  if (property === undefined) throw invalid('The property does not exist.');
  if (!('options' in property)) throw invalid(`${property.name} has no options.`);
  return property;
}

function optionOf(property: OptionProperty, name: string): Option {
  const found = findOption(property.options, name);
  if (found === undefined) throw invalid(`${name} is not an option.`);
  return found;
}

/** The name, if no other option has it. */
function freeName(property: OptionProperty, raw: string, own?: string): string {
  const name = optionName(raw, 'option.name');
  const taken = findOption(
    property.options.filter(({ id }) => id !== own),
    name,
  );
  if (taken !== undefined) throw invalid(`Select option names must be unique: ${name}`);
  return name;
}

const replaceOption = (property: OptionProperty, id: string, change: Partial<Option>): OptionProperty => ({
  ...property,
  options: property.options.map((option) => (option.id === id ? { ...option, ...change } : option)),
});

function withoutOption(property: OptionProperty, id: string): OptionProperty {
  const options = property.options.filter((option) => option.id !== id);
  if (property.type !== 'status') return { ...property, options };
  if (options.length === 0) throw invalid('A status property must keep an option.');
  const groups = property.groups.map((group) => ({
    ...group,
    optionIds: group.optionIds.filter((one) => one !== id),
  }));
  return { ...property, options, groups };
}

function regrouped(property: OptionProperty, id: string, name: string): OptionProperty {
  if (property.type !== 'status') throw invalid(`${property.name} has no groups.`);
  if (!property.groups.some((group) => group.name === name)) throw invalid(`Invalid status group: ${name}`);
  const groups = property.groups.map((group) => {
    const rest = group.optionIds.filter((one) => one !== id);
    return { ...group, optionIds: group.name === name ? [...rest, id] : rest };
  });
  return { ...property, groups };
}
