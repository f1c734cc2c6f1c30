import { type Drift, driftOf } from '../model/drift.ts';
import { type Fault, PgnotionError } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { KnownSchema } from '../model/schema/known.ts';
import { sentences } from '../model/sentences.ts';
import { hiddenSource, seenSource } from '../notion/apply-schema.ts';
import type { NotionClient } from '../notion/client.ts';
import { planUpdate, type Sources } from '../notion/schema.ts';
import { catalogFaults, reviewTables } from '../reconcile/publication.ts';
import { suspendTable } from '../state/sources.ts';
import { createStore } from '../state/sql.ts';
import { type Installation, knownSources } from './connections.ts';
import {
  assertLastStart,
  assertOwnSource,
  type Claim,
  type Marked,
  markedOf,
  markSources,
  markStart,
} from './installation-marks.ts';
import { notMoved, repointedTables } from './repoint.ts';
import { knownSchemas, settleTable } from './table-schemas.ts';

const ASK = { priority: 'live' } as const;

type Faults = ReadonlyMap<TableName, readonly Fault[]>;

/** What PostgreSQL's catalog says against syncing each table. Those with faults are suspended if that is `meant`. */
export function checkTables(installation: Installation, meant: 'to-tell' | 'to-suspend'): Promise<Faults> {
  const { pool, config, log } = installation;
  const tables = new Map(installation.tables.map((table) => [table.name, table]));
  const context = { store: createStore(pool, 0), pool, publication: config.publication, tables, log };
  return meant === 'to-tell' ? catalogFaults(context) : reviewTables(context);
}

/** What a table lacks before it can be synced, which `apply` adds, and what is wrong with it in Notion. */
type Looked = {
  readonly table: ResolvedTable;
  readonly lacks: readonly string[];
  readonly faults: readonly Fault[];
  /** Null if Notion shows nothing. */
  readonly marked: Marked | null;
};

const lineOf = ({ table }: Looked, { path, message, remedy }: Fault): string =>
  sentences(`${table.name}, ${path}: ${message}`, remedy);

const driftsIn = ({ lacks, faults, marked }: Looked): readonly Drift[] => [
  ...lacks.map((detail) =>
    driftOf(marked === null ? 'database_missing' : 'property_lacking', { field: '', detail, remedy: APPLY }),
  ),
  ...faults.map(({ path, message, remedy, drift = 'property_unfit' }) =>
    driftOf(drift, { field: drift === 'property_unfit' ? path : '', detail: `${path}: ${message}`, remedy }),
  ),
];

/**
 * Makes sure that each table has its data source and that it fits. One that has not, or does not, stops itself alone: a poll
 * finds out when it is right. Throws one error for all that is wrong if no table was ever applied.
 */
export async function checkNotion(
  installation: Installation,
  notion: NotionClient,
  claim: Claim,
): Promise<void> {
  const sources = await knownSources(installation, notion, { keepHidden: true });
  const moved = await repointedTables(installation, sources);
  if (moved.length > 0) throw notMoved(moved);
  const known = await knownSchemas(installation, sources);
  const looked: Looked[] = [];
  for (const table of installation.tables)
    looked.push(await look(installation, notion, table, { sources, known: known.get(table.name), claim }));
  const bad = looked.filter(({ lacks, faults }) => lacks.length + faults.length > 0);
  const isFirst = ({ table }: Looked): boolean => Object.keys(known.get(table.name) ?? {}).length === 0;
  // Nothing was ever synced, so somebody is at the start of it, and has to run `apply`.
  if (bad.length > 0 && looked.every(isFirst)) throw notReady(bad);
  const marked = looked.flatMap((each) => each.marked ?? []);
  const starts = await assertLastStart(installation, notion, claim, marked);
  const store = createStore(installation.pool, 0);
  for (const each of bad) {
    await suspendTable(store, installation.log, { table: each.table.name, drifts: driftsIn(each) });
  }
  await markSources(installation, notion, claim, marked);
  if (starts !== null) await markStart(installation, notion, claim, starts);
}

async function look(
  installation: Installation,
  notion: NotionClient,
  table: ResolvedTable,
  {
    sources,
    known,
    claim,
  }: { readonly sources: Sources; readonly known: KnownSchema | undefined; readonly claim: Claim },
): Promise<Looked> {
  const id = sources.get(table.name);
  if (id === undefined)
    return { table, lacks: [`${table.name} has no Notion database yet`], faults: [], marked: null };
  const actual = await seenSource(notion, id, ASK);
  if (actual === null) return { table, lacks: [], faults: [hiddenSource(id)], marked: null };
  assertOwnSource(installation, claim, { table: table.name, actual });
  const { faults: all, identified } = planUpdate(table, actual, sources, known);
  // Of a database that is known, a property that is not as it must be stops its field alone, and is told as a deviation.
  const isFirst = Object.keys(known ?? {}).length === 0;
  const faults = isFirst ? all : all.filter(({ drift }) => drift !== undefined);
  const missing = isFirst ? [...new Set(identified.lacking)] : [];
  const lacks = missing.length > 0 ? [`the database of ${table.name} lacks ${missing.join(', ')}`] : [];
  // What nobody has seen whole yet is not kept: it is no first contact that could be told from later ones.
  const marked = markedOf(table, actual, identified);
  if (lacks.length + faults.length > 0) return { table, lacks, faults, marked };
  const { deviations } = await settleTable(installation, table, { actual, sources, meeting: 'seen' });
  if (deviations.length > 0)
    installation.log.warn(
      { table: table.name, deviations },
      "Notion's schema deviates from the configuration",
    );
  return { table, lacks, faults, marked };
}

const APPLY = 'run `pgnotion apply`, which adds what is missing and leaves the rest as it is';

function notReady(bad: readonly Looked[]): PgnotionError {
  const lacks = bad.flatMap((each) => each.lacks);
  const faults = bad.flatMap((each) => each.faults.map((fault) => lineOf(each, fault)));
  const byHand = 'do what the lines above say, in Notion, and start again';
  const remedy = faults.length === 0 ? APPLY : lacks.length === 0 ? byHand : `${byHand}; also ${APPLY}`;
  return new PgnotionError({
    code: 'notion_schema_incomplete',
    message: `Notion is not ready for this mapping:\n${[...lacks, ...faults].map((line) => `  ${line}`).join('\n')}`,
    remedy,
  });
}
