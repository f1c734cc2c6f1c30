import type { Json } from '../model/change.ts';
import { members } from '../model/codecs/support.ts';
import { type DataSourceId, dataSourceId } from '../model/ids.ts';
import { optionsOf } from '../model/schema/options.ts';
import type { SchemaChanges } from '../model/sync-plan.ts';
import type { NotionClient, NotionDataSource } from './client.ts';
import type { SchemaProperty } from './response-schemas.ts';

type Properties = Readonly<Record<string, Json>>;
type SchemaClient = Pick<
  NotionClient,
  'createDatabase' | 'retrieveDatabase' | 'retrieveDataSource' | 'updateDataSource'
>;

/** Notion's schema as it would be: reads go to Notion once, writes stay here. */
export type SchemaRehearsal = {
  /** What `apply` does its work with. */
  readonly client: SchemaClient;
  /** How many requests it has made, as far as Notion would have seen them. */
  readonly requests: () => number;
  /** The data source as it is in Notion; undefined if it would be created. */
  readonly present: (id: DataSourceId) => NotionDataSource | undefined;
  readonly changes: (id: DataSourceId) => SchemaChanges;
};

type Held = {
  readonly before: NotionDataSource | null;
  now: NotionDataSource;
};

/** Property and option ids that Notion has not given: no page has a value of them. */
const COMING = 'to be created ';
export const isComing = (id: string): boolean => id.startsWith(COMING);

/** Carries out what `apply` would do to databases, without doing it: so that it is told and priced by the very code that does it. */
export function rehearseSchema(
  real: Pick<NotionClient, 'retrieveDataSource' | 'retrieveDatabase'>,
): SchemaRehearsal {
  const held = new Map<DataSourceId, Held>();
  let requests = 0;
  let made = 0;
  const next = (): string => {
    made += 1;
    return `${COMING}${made}`;
  };
  const find = async (
    id: DataSourceId,
    ask: Parameters<typeof real.retrieveDataSource>[1],
  ): Promise<Held> => {
    const known = held.get(id);
    if (known !== undefined) return known;
    const before = await real.retrieveDataSource(id, ask);
    const one = { before, now: before };
    held.set(id, one);
    return one;
  };
  return {
    client: {
      retrieveDatabase: (id, ask) => {
        requests += 1;
        return real.retrieveDatabase(id, ask);
      },
      retrieveDataSource: async (id, ask) => {
        requests += 1;
        return (await find(id, ask)).now;
      },
      createDatabase: async ({ title, properties }) => {
        requests += 1;
        const id = comingSource(held.size);
        const now = { id, databaseId: id, title, properties: changed({}, properties, next), inTrash: false };
        held.set(id, { before: null, now });
        return { databaseId: id, dataSourceId: id };
      },
      updateDataSource: async (id, { properties }, ask) => {
        requests += 1;
        const one = await find(id, ask);
        one.now = { ...one.now, properties: changed(one.now.properties, properties, next) };
        return one.now;
      },
    },
    requests: () => requests,
    present: (id) => held.get(id)?.before ?? undefined,
    changes: (id) => changesOf(held.get(id)),
  };
}

/** An id that Notion gives to nothing. */
const comingSource = (number: number): DataSourceId =>
  dataSourceId(`00000000000000000000${String(number).padStart(12, '0')}`);

/** The properties after a request. A request calls a property by its id or by its name. */
function changed(
  before: NotionDataSource['properties'],
  request: Properties,
  next: () => string,
): NotionDataSource['properties'] {
  const after: Record<string, SchemaProperty> = { ...before };
  for (const [called, schemaJson] of Object.entries(request)) {
    const type = Object.keys(members(schemaJson) ?? {}).find((key) => key !== 'description') ?? '';
    const known = Object.entries(before).find(([name, { id }]) => id === called || name === called);
    const [name, id] =
      known === undefined ? [called, type === 'title' ? 'title' : next()] : [known[0], known[1].id];
    const options = optionsOf(schemaJson, type).map((option) => ({ id: next(), ...option }));
    const config = { ...members(members(schemaJson)?.[type]), ...(options.length > 0 ? { options } : {}) };
    after[name] = { id, type, [type]: config };
  }
  return after;
}

function changesOf(held: Held | undefined): SchemaChanges {
  const before = held?.before?.properties ?? {};
  const now = Object.entries(held?.now.properties ?? {});
  return {
    properties: now
      .filter(([name]) => !Object.hasOwn(before, name))
      .map(([name, property]) => ({
        name,
        type: property.type,
        options: optionsOf(property, property.type).length,
      })),
    options: now.flatMap(([property, schema]) => {
      if (!Object.hasOwn(before, property)) return [];
      const names = optionsOf(schema, schema.type).flatMap(({ id, name }) =>
        id !== undefined && isComing(id) ? [name] : [],
      );
      return names.length === 0 ? [] : [{ property, names }];
    }),
  };
}
