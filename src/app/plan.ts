import { databaseVariable } from '../config/environment.ts';
import type { Json } from '../model/change.ts';
import { basisDigest, digestOfJson, mappingText, type PlanBasis } from '../model/plan-basis.ts';
import { type Fixed, priceOfPlan, queriesFor } from '../model/plan-price.ts';
import type { Assumptions } from '../model/probe/assumptions.ts';
import { plannedRemoval, removalName } from '../model/removals.ts';
import { schemaDigest } from '../model/schema-digest.ts';
import { sentences } from '../model/sentences.ts';
import { KIND_WORDS, PLAN_KINDS, type SyncPlan } from '../model/sync-plan.ts';
import { inTableOrder } from '../model/table-order.ts';
import type { NotionClient } from '../notion/client.ts';
import { createPeople } from '../notion/people.ts';
import { briefQueries } from '../postgres/brief-queries.ts';
import { inspectServer } from '../postgres/preflight.ts';
import { notUnique, sampleFaults } from '../postgres/query-checks.ts';
import type { Store } from '../state/sql.ts';
import type { Installation } from './connections.ts';
import { type PlannedSchema, planSchema } from './plan-schema.ts';
import { type PlannedTable, type Planning, planTable } from './plan-table.ts';
import { createPeopleCounter } from './plan-walk.ts';
import { assumptionsIn } from './probe/assumed.ts';
import { type Given, withReadOnly } from './read-only.ts';
import { checkTables } from './readiness.ts';
import { priceOf } from './repoint.ts';
import { meetWorkspace } from './same-workspace.ts';

/** A plan, and what it was made from. */
export type MadePlan = { readonly plan: SyncPlan; readonly basis: PlanBasis; readonly digest: string };

/** Says what `apply` and the first sync would do, and changes nothing. Throws what `apply` would throw. */
export const makePlan = (given: Given, tell: (text: string) => void): Promise<MadePlan> =>
  withReadOnly(given, ({ installation, notion, store }) => planAll(installation, notion, store, tell));

async function planAll(
  installation: Installation,
  notion: NotionClient,
  store: Store,
  tell: (text: string) => void,
): Promise<MadePlan> {
  const { tables, pool } = installation;
  const doubled = await sampleFaults(briefQueries(pool), tables);
  if (doubled.size > 0) throw notUnique(doubled);
  const self = await meetWorkspace(store, notion);
  const assumed = await assumptionsIn(store, installation.environment, self.id);
  const schema = await planSchema(installation, notion, store);
  const people = createPeople(notion);
  const naming = createPeopleCounter(people);
  const refused = await refusedTables(installation);
  const adopted: Planning['adopted'] = new Map();
  const ends = { installation, notion, store, people, tell };
  const planned = await planTables({ ...ends, schema, naming, botId: self.id, refused, adopted });
  const users = planned.some(({ namesPeople }) => namesPeople) ? (await people.byEmail()).size : 0;
  const loads = planned.map(({ load }) => load);
  const fixed = fixedOf(installation, schema, planned, users);
  const plan: SyncPlan = {
    tables: planned.map((each) => each.plan),
    reports: schema.reports,
    moves: schema.moved.length === 0 ? [] : priceOf(installation, schema.moved).split('\n'),
    removals: schema.removals.map(plannedRemoval),
    people: await naming.done(),
    price: priceOfPlan(loads, fixed, settingsOf(installation, assumed)),
    warnings: [
      ...(await serverWarnings(installation)),
      ...parentWarnings(installation, schema),
      ...planned.flatMap(({ warnings }) => warnings),
      ...blocksOf(planned),
    ],
  };
  const basis = basisOf(installation, schema, plan);
  return { plan, basis, digest: basisDigest(basis) };
}

/** Tables in their order, so that of each relation it is known what becomes of its target. */
async function planTables(planning: Planning): Promise<readonly PlannedTable[]> {
  const planned: PlannedTable[] = [];
  for (const table of inTableOrder(planning.installation.tables)) {
    const applied = planning.schema.applied.find((each) => each.table === table.name);
    if (applied !== undefined) planned.push(await planTable(planning, table, applied));
  }
  return planned;
}

/** What PostgreSQL's catalog says against each table, at which `apply` stops. */
async function refusedTables(installation: Installation): Promise<Planning['refused']> {
  const faults = await checkTables(installation, 'to-tell');
  return new Map(
    [...faults].map(([name, some]) => [
      name,
      some.map(({ path, message, remedy }) => sentences(`${path}: ${message}`, remedy)),
    ]),
  );
}

const settingsOf = (
  { environment, config }: Installation,
  assumed: Assumptions,
): Parameters<typeof priceOfPlan>[2] => ({
  queryLagMs: assumed.queryLagMs,
  blackoutMs: assumed.blackoutMs,
  overlapMs: assumed.overlapMs,
  limit: environment.NOTION_RATE_LIMIT,
  intervalMs: environment.SYNC_INTERVAL_SECONDS * 1_000,
  wholePollPages: config.wholePollPages,
  batchSize: environment.SYNC_BATCH_SIZE,
});

/** The Sync Log leaves out what would be more. */
const MOST_LOGGED = 500;

function fixedOf(
  { config, tables }: Installation,
  schema: PlannedSchema,
  planned: readonly PlannedTable[],
  users: number,
): Fixed {
  const met = planned.filter(({ load }) => load.contact?.origin === 'found');
  const counts = met.map(({ load, plan }) => {
    const twoWay = tables.find(({ name }) => name === plan.table)?.direction !== 'to-notion';
    return 1 + (load.pages > 0 && twoWay ? queriesFor(plan.kinds.become.count) : 0);
  });
  const isNamed = planned.some(({ namesPeople, load }) => namesPeople || load.becomes + load.edits > 0);
  const sumOf = (of: (kinds: SyncPlan['tables'][number]['kinds']) => number): number =>
    planned.reduce((sum, { plan }) => sum + of(plan.kinds), 0);
  const told = sumOf(({ unknown, duplicate }) => unknown.count + duplicate.count);
  // A second page stands in the failures and among the conflicts.
  const failed =
    told +
    sumOf(
      ({ refused, duplicate, review, unreadable }) =>
        refused.count + duplicate.count + review.count + unreadable.count,
    );
  const logged = planned.reduce((sum, { load }) => sum + load.adoptedWritten + load.edits + load.becomes, 0);
  const lines = config.syncLog.level === 'off' ? 0 : failed + (config.syncLog.level === 'all' ? logged : 0);
  return {
    apply: schema.requests + counts.reduce((sum, count) => sum + count, 0),
    // The bot, the named databases, each data source, the last start and the mark of this one.
    start: 1 + schema.lookups + tables.length + 2,
    people: isNamed ? queriesFor(users) : 0,
    syncLog: Math.min(lines, MOST_LOGGED),
    comments: told,
  };
}

/** What `start` would stop at in the server. */
async function serverWarnings({ pool, config }: Installation): Promise<readonly string[]> {
  const { faults } = await inspectServer(pool, config.slot);
  return faults.map(({ path, message, remedy }) => sentences(`PostgreSQL, ${path}: ${message}`, remedy));
}

/** Whether Notion shows the page under which databases would be created. */
const parentWarnings = ({ environment }: Installation, { hiddenParent }: PlannedSchema): readonly string[] =>
  hiddenParent !== null
    ? [
        `NOTION_PARENT_PAGE_ID is ${environment.NOTION_PARENT_PAGE_ID}, and Notion shows no such page: share it with the connection (••• > Connections), or set the id of another one`,
      ]
    : [];

/** A workspace on the free plan that has several members takes no more blocks, of which each page is one. */
const FREE_BLOCKS = 1_000;

function blocksOf(planned: readonly PlannedTable[]): readonly string[] {
  const pages = planned.reduce((sum, { load }) => sum + load.creates, 0);
  return pages <= FREE_BLOCKS
    ? []
    : [
        `${pages} pages would be created: on Notion's free plan, a workspace with several members takes ${FREE_BLOCKS} blocks in all, of which each page is one`,
      ];
}

function basisOf(
  installation: Installation,
  { own, sources, rehearsal }: PlannedSchema,
  plan: SyncPlan,
): PlanBasis {
  const { config, environment, tables } = installation;
  const { slot: _, publication: __, tables: mappings, ...others } = config;
  const ids = [...environment.databaseIds, ...environment.reportDatabaseIds].map(([name, id]) => [
    databaseVariable(name),
    id,
  ]);
  const place = [environment.NOTION_PARENT_PAGE_ID ?? null, environment.NOTION_BASE_URL ?? null, ids.sort()];
  const columns = tables.map(({ name, fields, keyTypes, columnTypes }) => {
    const shapes = fields.map(({ property, shape, required }) => [property, shape, required]);
    return [name, digestOfJson([shapes, keyTypes, columnTypes] as unknown as Json)] as const;
  });
  const dataSources = plan.tables.map(({ table }) => {
    const id = sources.get(table);
    const actual = id === undefined ? undefined : rehearsal.present(id);
    return [
      table,
      id === undefined || actual === undefined ? null : { id, schema: schemaDigest(actual) },
    ] as const;
  });
  return {
    installation: own.id,
    configuration: {
      ...Object.fromEntries(mappings.map((mapping) => [mapping.name, digestOfJson(mappingText(mapping))])),
      'the environment': digestOfJson(place as Json),
      'guard, sync, syncLog or retention': digestOfJson(others as unknown as Json),
    },
    columns: Object.fromEntries(columns),
    dataSources: Object.fromEntries(dataSources),
    removals: (plan.removals ?? []).map(removalName).sort(),
    counts: Object.fromEntries(
      plan.tables.map(({ table, rows, pages, kinds }) => [
        table,
        {
          rows,
          pages,
          ...Object.fromEntries(PLAN_KINDS.map((kind) => [KIND_WORDS[kind], kinds[kind].count])),
        },
      ]),
    ),
  };
}
