import { randomUUID } from 'node:crypto';
import { databaseVariable, type Environment } from '../../config/environment.ts';
import type { CapabilityLook, Look, NotionFacts, SourceLook } from '../../model/doctor/facts.ts';
import { PgnotionError } from '../../model/errors.ts';
import { type DataSourceId, dataSourceId, pageId, type TableName } from '../../model/ids.ts';
import { goesToNotion, type ResolvedTable, type TableMapping } from '../../model/mapping.ts';
import type { KnownSchema } from '../../model/schema/known.ts';
import { hiddenSource, seenSource } from '../../notion/apply-schema.ts';
import type { Ask, NotionClient, RequestInfo } from '../../notion/client.ts';
import { parentHidden, parentInTrash } from '../../notion/create-database.ts';
import { NotionFailure } from '../../notion/error-classification.ts';
import { planUpdate, type Sources } from '../../notion/schema.ts';
import { readInstallation } from '../../state/installation.ts';
import { readKnown } from '../../state/properties.ts';
import { readSources } from '../../state/sources.ts';
import type { Sql } from '../../state/sql.ts';
import { ownerOf } from '../installation-marks.ts';
import { dataSourceOf } from '../named-source.ts';
import { meetWorkspace } from '../same-workspace.ts';
import { look, unseen } from './look.ts';

export type NotionEnd = {
  readonly notion: NotionClient;
  readonly environment: Environment;
  readonly mappings: readonly TableMapping[];
  /** Those that PostgreSQL's catalog knows. */
  readonly tables: readonly ResolvedTable[];
  /** Our schema; null where it cannot be read, or is not there yet. */
  readonly state: Sql | null;
  /** Nothing was applied yet. */
  readonly isFresh: boolean;
  /** The last request that was answered. */
  readonly last: () => RequestInfo | null;
};

const ASK = { priority: 'live' } as const;
const ADDRESS = 'https://api.notion.com';
const UNSET = 'NOTION_PARENT_PAGE_ID is not set';

export const notionUnseen = (
  tables: readonly TableMapping[],
  why: string,
  address = ADDRESS,
): NotionFacts => ({
  address,
  token: unseen(why),
  skewMs: unseen(why),
  capabilities: CAPABILITIES.map(({ capability }) => ({ capability, isNeeded: true, look: unseen(why) })),
  parent: unseen(why),
  tables: tables.map(({ name }) => ({ table: name, look: unseen(why) })),
});

/** Looks at everything that a sync needs of Notion, by requests that change nothing. */
export async function lookAtNotion(end: NotionEnd): Promise<NotionFacts> {
  const { notion, environment, mappings, last } = end;
  const address = environment.NOTION_BASE_URL ?? ADDRESS;
  const { state } = end;
  const token = await look('the token', () =>
    state === null ? notion.me(ASK) : meetWorkspace(state, notion),
  );
  if (token.kind !== 'seen')
    return {
      ...notionUnseen(mappings, 'see notion.token', address),
      token,
    };
  const skewMs = skewOf(last());
  const capabilities: CapabilityLook[] = [];
  for (const each of CAPABILITIES)
    capabilities.push({
      capability: each.capability,
      isNeeded: each.isNeeded(mappings),
      look: await look(each.capability, () => tryCapability(notion, each)),
    });
  const parent = environment.NOTION_PARENT_PAGE_ID;
  return {
    address,
    token,
    skewMs,
    capabilities,
    parent:
      parent === undefined
        ? unseen(UNSET)
        : await look('the parent page', () => lookAtParent(notion, parent)),
    tables: await lookAtSources(end),
  };
}

function skewOf(answer: RequestInfo | null): Look<number> {
  const date = Date.parse(answer?.date ?? '');
  if (answer === null || Number.isNaN(date)) return unseen('the answer has no time');
  // The header tells the whole second, so half of one is what it leaves out on average.
  return { kind: 'seen', value: date + 500 - (Date.now() - answer.ms / 2) };
}

type Capability = {
  readonly capability: CapabilityLook['capability'];
  readonly name: string;
  readonly isNeeded: (tables: readonly TableMapping[]) => boolean;
  /** Asks for a page that cannot exist, so that nothing comes of it: who may not do it is told so first. */
  readonly request: (notion: NotionClient, ask: Ask) => Promise<unknown>;
};

const nowhere = (): ReturnType<typeof pageId> => pageId(randomUUID());
const writes = (tables: readonly TableMapping[]): boolean =>
  tables.some(({ fields }) => fields.some(goesToNotion));

const CAPABILITIES: readonly Capability[] = [
  {
    capability: 'read content',
    name: 'Read content',
    isNeeded: () => true,
    request: (notion, ask) => notion.retrievePage(nowhere(), ask),
  },
  {
    capability: 'update content',
    name: 'Update content',
    isNeeded: writes,
    request: (notion, ask) => notion.updatePage({ id: nowhere(), properties: {} }, ask),
  },
  {
    capability: 'insert content',
    name: 'Insert content',
    isNeeded: writes,
    request: (notion, ask) =>
      notion.createPage({ dataSourceId: dataSourceId(randomUUID()), properties: {} }, ask),
  },
  {
    capability: 'comments',
    name: 'Insert comments',
    isNeeded: () => false,
    request: (notion, ask) => notion.createComment(nowhere(), '-', ask),
  },
  {
    capability: 'user information',
    name: 'Read user information including email addresses',
    isNeeded: (tables) => tables.some(({ fields }) => fields.some(({ type }) => type === 'people')),
    request: (notion, ask) => notion.someUsers(ask),
  },
];

/** Makes sure that the connection may make databases and change them. Throws PgnotionError `notion_capability_missing`. */
export async function assertMayMake(notion: NotionClient): Promise<void> {
  for (const each of CAPABILITIES) if (MAKING.includes(each.capability)) await tryCapability(notion, each);
}

/** Makes sure that what the connection makes it may change as well. Throws PgnotionError `notion_capability_missing`. */
export async function assertMayUpdate(notion: NotionClient, ask: Ask): Promise<void> {
  for (const each of CAPABILITIES)
    if (each.capability === 'update content') await tryCapability(notion, each, ask);
}

const MAKING: readonly CapabilityLook['capability'][] = ['update content', 'insert content'];
/** What `assertMayMake` asks. */
export const MAKING_REQUESTS = MAKING.length;

async function tryCapability(
  notion: NotionClient,
  { name, request }: Capability,
  ask: Ask = ASK,
): Promise<string> {
  try {
    await request(notion, ask);
    return 'allowed';
  } catch (error) {
    if (!(error instanceof NotionFailure)) throw error;
    const { status } = error.errorClass;
    if (status === 404 || status === 400)
      return `allowed, as far as a request for a page that does not exist shows (${status})`;
    if (status !== 403) throw error;
    throw new PgnotionError({
      code: 'notion_capability_missing',
      message: `Notion refuses it: the connection has not the capability ${JSON.stringify(name)}`,
      remedy: `switch on ${JSON.stringify(name)} under Capabilities of the connection, at https://www.notion.so/profile/integrations`,
    });
  }
}

async function lookAtParent(notion: NotionClient, id: string): Promise<{ readonly id: string }> {
  const page = await notion.retrievePage(pageId(id), ASK).catch((error: unknown) => {
    if (error instanceof NotionFailure && error.errorClass.status === 404) throw parentHidden(id);
    throw error;
  });
  if (!page.inTrash) return { id };
  throw parentInTrash(id);
}

type Known = {
  readonly sources: ReadonlyMap<TableName, DataSourceId>;
  readonly schemas: ReadonlyMap<TableName, KnownSchema>;
  readonly installation: string | null;
};

async function readKnowledge(state: Sql | null): Promise<Known> {
  if (state === null) return { sources: new Map(), schemas: new Map(), installation: null };
  const stored = await readSources(state);
  const schemas = new Map<TableName, KnownSchema>();
  for (const { table, dataSource } of stored.values())
    schemas.set(table, await readKnown(state, table, dataSource));
  const installation = (await readInstallation(state))?.id ?? null;
  return {
    sources: new Map([...stored.values()].map(({ table, dataSource }) => [table, dataSource])),
    schemas,
    installation,
  };
}

async function lookAtSources(end: NotionEnd): Promise<NotionFacts['tables']> {
  const { notion, environment, mappings, state, isFresh } = end;
  const known = await look('the state', () => readKnowledge(state));
  const knowledge = known.kind === 'seen' ? known.value : await readKnowledge(null);
  const places: { readonly table: TableName; readonly place: Look<DataSourceId | null> }[] = [];
  for (const { name: table } of mappings) {
    const id = environment.databaseIds.get(table);
    const stored = knowledge.sources.get(table) ?? null;
    const place =
      id === undefined
        ? stored === null && state === null && !isFresh
          ? unseen<DataSourceId | null>(
              'where its database is, is kept in the schema pgnotion, which was not read',
            )
          : ({ kind: 'seen', value: stored } as const)
        : await look(databaseVariable(table), () =>
            dataSourceOf(notion, databaseVariable(table), id, stored ?? undefined),
          );
    places.push({ table, place });
  }
  const sources: Sources = new Map(
    places.flatMap(({ table, place }) =>
      place.kind === 'seen' && place.value !== null ? [[table, place.value]] : [],
    ),
  );
  const seen: { readonly table: string; readonly look: Look<SourceLook | null> }[] = [];
  for (const { table, place } of places)
    seen.push({
      table,
      look:
        place.kind === 'seen' && place.value !== null
          ? await look(`the database of ${table}`, () => lookAtSource(end, table, { sources, knowledge }))
          : (place as Look<null>),
    });
  return seen;
}

async function lookAtSource(
  { notion, tables }: NotionEnd,
  table: TableName,
  { sources, knowledge }: { readonly sources: Sources; readonly knowledge: Known },
): Promise<SourceLook> {
  const id = sources.get(table) as DataSourceId;
  const actual = await seenSource(notion, id, ASK);
  const nothing = { dataSource: id, title: '', properties: 0, lacking: [], owner: 'nobody' as const };
  if (actual === null) return { ...nothing, faults: [hiddenSource(id)] };
  const owner = ownerOf(actual);
  const about = {
    ...nothing,
    title: actual.title,
    owner:
      owner === null
        ? ('nobody' as const)
        : owner === knowledge.installation
          ? ('ours' as const)
          : ('another' as const),
  };
  const resolved = tables.find(({ name }) => name === table);
  if (resolved === undefined)
    return { ...about, properties: Object.keys(actual.properties).length, faults: [] };
  const { faults, identified } = planUpdate(resolved, actual, sources, knowledge.schemas.get(table));
  return {
    ...about,
    properties: Object.keys(identified.ids).length,
    lacking: [...new Set(identified.lacking)],
    faults,
  };
}
