import type { Json } from '../model/change.ts';
import { members } from '../model/codecs/support.ts';
import type { Fault } from '../model/errors.ts';
import type { DataSourceId, TableName } from '../model/ids.ts';
import { filterMark, markProperty, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import { type Identified, identify } from '../model/schema/identify.ts';
import type { KnownSchema, WantedProperty } from '../model/schema/known.ts';
import { MOST_OPTIONS, newOption, optionsOf } from '../model/schema/options.ts';
import { absent } from '../model/schema/remedies.ts';
import type { NotionDataSource } from './response-schemas.ts';

/** What `apply` has to do for one table. Nothing is ever removed, renamed or given another type. */
type DatabasePlan = {
  readonly title: string;
  /** Properties to create the database with; null if it exists. */
  readonly create: Readonly<Record<string, Json>> | null;
  /** Properties and options to add to what exists (or will, once created), by their names in the configuration. */
  readonly update: Readonly<Record<string, Json>>;
  readonly ids: Readonly<Record<string, string>>;
  readonly waiting: readonly WantedProperty[];
  readonly faults: readonly Fault[];
};

/** The data sources that exist, by table. */
export type Sources = ReadonlyMap<TableName, DataSourceId>;

function wantedField(field: ResolvedField, sources: Sources): WantedProperty {
  const { property, type, codec, shape, relatedTable } = field;
  const setting = field.source.kind === 'key' ? { setting: 'idProperty' } : {};
  if (relatedTable === undefined)
    return { property, type, field, ...setting, schemaJson: codec.schema(shape, field) };
  const relatedDataSource = sources.get(relatedTable);
  if (relatedDataSource === undefined)
    return { property, type, field, schemaJson: null, waitsFor: relatedTable };
  const schemaJson = codec.schema(shape, { ...field, relatedDataSource });
  return { property, type, field, schemaJson, relatedDataSource };
}

const ownProperty = (
  property: string | null,
  type: 'rich_text' | 'date' | 'checkbox',
  setting: string,
): WantedProperty | null =>
  property === null ? null : { property, type, schemaJson: { [type]: {} }, setting };

/** All properties that a table needs in Notion: its fields, and pgnotion's own unless they are fields. */
export function wantedProperties(table: ResolvedTable, sources: Sources): readonly WantedProperty[] {
  const fields = table.fields.map((field) => wantedField(field, sources));
  const own: WantedProperty[] = [
    ownProperty(table.idProperty, 'rich_text', 'idProperty'),
    ownProperty(table.lastSyncedProperty, 'date', 'lastSyncedProperty'),
    ownProperty(table.statusProperty, 'rich_text', 'statusProperty'),
    ownProperty(markProperty(table), 'checkbox', 'onPostgresDelete.mark'),
    ownProperty(filterMark(table), 'checkbox', 'onRowFiltered.mark'),
  ].flatMap((property) => property ?? []);
  return [...fields, ...own.filter(({ property }) => !fields.some((field) => field.property === property))];
}

const entries = (wanted: readonly WantedProperty[]): Record<string, Json> =>
  Object.fromEntries(
    wanted.flatMap(({ property, type, schemaJson }) =>
      schemaJson ? [[property, withinLimit(schemaJson, type)]] : [],
    ),
  );

/** A property can be made with as many options as one request takes; others are added by the first page that uses them. */
function withinLimit(schemaJson: Json, type: string): Json {
  const options = optionsOf(schemaJson, type);
  if (options.length <= MOST_OPTIONS) return schemaJson;
  return { [type]: { options: options.slice(0, MOST_OPTIONS).map(newOption) } };
}

const optionCount = (schemaJson: Json): number =>
  Object.keys(members(schemaJson) ?? {}).reduce((sum, type) => sum + optionsOf(schemaJson, type).length, 0);

/** Properties in requests of which none holds more options than Notion takes. */
export function inRequests(properties: Readonly<Record<string, Json>>): readonly Record<string, Json>[] {
  const requests: { properties: Record<string, Json>; options: number }[] = [];
  for (const [name, schemaJson] of Object.entries(properties)) {
    const options = optionCount(schemaJson);
    const fitting = requests.find((request) => request.options + options <= MOST_OPTIONS);
    if (fitting === undefined) requests.push({ properties: { [name]: schemaJson }, options });
    else {
      fitting.properties[name] = schemaJson;
      fitting.options += options;
    }
  }
  return requests.map((request) => request.properties);
}

function planCreate(table: ResolvedTable, wanted: readonly WantedProperty[]): DatabasePlan {
  // Whatever can be is made at once, in the order of the mapping, which is that of the columns in Notion.
  const isLate = ({ type, schemaJson }: WantedProperty): boolean =>
    type === 'relation' && schemaJson === null;
  const others = wanted.filter((want) => !isLate(want));
  // The title has no rival in a database that is yet to be made, whatever it is called.
  const faults = [
    ...others.filter(({ schemaJson }) => schemaJson === null).flatMap((want) => absent(want, []) ?? []),
    ...others.filter(isTitleId).map(titleIdTaken),
  ];
  const titled = others.some(({ type }) => type === 'title');
  const creatable = others.filter((want) => !isTitleId(want));
  const [create = {}, ...later] = inRequests({
    ...(titled ? {} : { Name: { title: {} } }),
    ...entries(creatable),
  });
  return {
    title: table.title,
    create,
    update: Object.assign({}, ...later) as Record<string, Json>,
    ids: {},
    waiting: wanted.filter(isLate),
    faults,
  };
}

/** Every title property has the id `title`, so that a request which adds another property of that name means the title. */
const isTitleId = ({ property, type }: WantedProperty): boolean => property === 'title' && type !== 'title';

const titleIdTaken = ({ property }: WantedProperty): Fault => ({
  path: property,
  message: `a property called ${JSON.stringify(property)} cannot be added: that is the id of the title property`,
  remedy: 'call the field otherwise in the configuration, or add the property by hand in Notion',
});

/** What has to be added to a table's data source. `known` is what was known of it. Pure. */
export function planUpdate(
  table: ResolvedTable,
  actual: NotionDataSource,
  sources: Sources,
  known: KnownSchema = {},
): DatabasePlan & { readonly identified: Identified } {
  const identified = identify(wantedProperties(table, sources), known, actual.properties);
  const { ids, missing, waiting, missingOptions, faults } = identified;
  const options = missingOptions.flatMap(({ property, schemaJson }) =>
    schemaJson === null ? [] : [[property, schemaJson] as const],
  );
  const trashed: Fault = {
    path: table.name,
    drift: 'database_trashed',
    message: `the data source ${JSON.stringify(actual.title)} is in the trash`,
    remedy:
      'restore it in Notion, or run `pgnotion reset TABLE --yes` and `pgnotion apply`, which makes a new one',
  };
  return {
    title: table.title,
    create: null,
    update: { ...entries(missing), ...Object.fromEntries(options) },
    ids,
    waiting,
    faults: actual.inTrash ? [trashed, ...faults] : faults,
    identified,
  };
}

/**
 * What has to be done so that `table` has all that it needs in Notion. `actual` is its data source, null if there
 * is none; `sources` are those of all tables, as far as they exist. A relation waits for the database that it points to, which
 * may be its own: two tables may point to each other. Pure.
 */
export const planDatabase = (
  table: ResolvedTable,
  actual: NotionDataSource | null,
  sources: Sources,
  known: KnownSchema = {},
): DatabasePlan =>
  actual === null
    ? planCreate(table, wantedProperties(table, sources))
    : planUpdate(table, actual, sources, known);
