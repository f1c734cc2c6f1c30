import { type Contact, holdsRows } from '../model/first-contact.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { goesToNotion } from '../model/mapping.ts';
import { isMassChange } from '../model/mass-change.ts';
import type { TableLoad } from '../model/plan-price.ts';
import { planWarnings } from '../model/plan-warnings.ts';
import { createCounter, type TablePlan } from '../model/sync-plan.ts';
import { inTableOrder } from '../model/table-order.ts';
import type { AppliedTable } from '../notion/apply-schema.ts';
import type { NotionClient } from '../notion/client.ts';
import type { People } from '../notion/people.ts';
import { syncable } from '../reconcile/schema.ts';
import { contactOf, wasMade } from '../state/first-contact.ts';
import { deletionLoad } from '../state/guarded-changes.ts';
import { readSource, type Source } from '../state/sources.ts';
import { NO_STATE, type Store } from '../state/sql.ts';
import type { Installation } from './connections.ts';
import { noteMissing, policyName, walkGone } from './plan-gone.ts';
import { type PagesSeen, walkPages } from './plan-pages.ts';
import { walkRows } from './plan-rows.ts';
import { faultsOf, type PlannedSchema } from './plan-schema.ts';
import { nothingWritten, type PeopleCounter, type TableWalk } from './plan-walk.ts';

/** What all tables of a plan have in common. */
export type Planning = {
  readonly installation: Installation;
  readonly notion: NotionClient;
  readonly store: Store;
  readonly schema: PlannedSchema;
  readonly people: People;
  readonly naming: PeopleCounter;
  readonly botId: string;
  /** What PostgreSQL's catalog says against each table. */
  readonly refused: ReadonlyMap<string, readonly string[]>;
  /** Keys of rows that take over pages, by table. */
  readonly adopted: Map<TableName, Map<RowKey, PageId | null>>;
  readonly tell: (text: string) => void;
};

export type PlannedTable = {
  readonly plan: TablePlan;
  readonly load: TableLoad;
  readonly warnings: readonly string[];
  /** Whether people's ids are needed to write its pages. */
  readonly namesPeople: boolean;
};

const NOTHING_SEEN: PagesSeen = { pages: 0, met: new Set(), keyless: 0, gaps: 0 };

/** Reads both sides of one table, and says what would become of them. */
export async function planTable(
  planning: Planning,
  table: ResolvedTable,
  applied: AppliedTable,
): Promise<PlannedTable> {
  const { schema, installation, botId } = planning;
  const contact = await contactAfter(planning, table, applied);
  const isMatched = table.match.length > 0 && contact !== null && !contact.knownBefore;
  const walk = walkOf(planning, table, applied, isMatched);
  const isThere = schema.sources.has(table.name) && !applied.schema.inTrash;
  const place = { dataSource: applied.dataSourceId, ids: applied.ids, botId };
  const seen = isThere ? await walkPages(walk, place) : NOTHING_SEEN;
  const rows = await walkRows(walk, circleOf(installation, table));
  await walkGone(walk);
  if (isThere) await noteMissing(walk, seen);
  const kinds = walk.counter.done();
  const source = await readSource(walk.store, table.name);
  const written = walk.written;
  const plan: TablePlan = {
    table: table.name,
    title: table.title,
    dataSource: schema.sources.get(table.name) ?? null,
    schema: {
      ...schema.rehearsal.changes(applied.dataSourceId),
      looks: schema.looks.get(table.name) ?? [],
    },
    rows,
    pages: seen.pages,
    kinds,
    adoptedWritten: written.adoptedWritten,
    firstLink: firstLinkOf(table, written),
    fields: written.fields,
    onPostgresDelete: policyName(table.onPostgresDelete),
    guarded: await guardedOf(planning, walk, { rows, contact, seen }),
    faults: [...faultsOf(applied), ...(planning.refused.get(table.name) ?? [])],
  };
  const warned = {
    table: walk.table,
    pages: seen.pages + kinds.create.count,
    schema: applied.schema.properties,
    optionsUsed: Object.fromEntries([...written.options].map(([property, names]) => [property, names.size])),
  };
  const namesPeople =
    table.fields.some((field) => field.type === 'people' && goesToNotion(field)) &&
    kinds.create.count + kinds.adopt.count + kinds.match.count + kinds.update.count > 0;
  const load = loadOf(plan, walk, { contact, source, looksAtEach: isByHand(table) });
  const gaps = seen.gaps === 0 ? [] : [gapWarning(table)];
  return { plan, load, namesPeople, warnings: [...planWarnings(warned), ...gaps] };
}

const firstLinkOf = (
  { firstLink: rule }: ResolvedTable,
  { differing, toRows, review }: TableWalk['written'],
): TablePlan['firstLink'] => ({ rule, differing, toRows, review });

/** The tables among which nobody waits for another's pages, as far as this one points to them. */
function circleOf(
  { tables }: Pick<Installation, 'tables'>,
  { rank, fields }: ResolvedTable,
): ReadonlySet<string> {
  const peers = new Set(tables.filter((each) => each.rank === rank).map(({ name }) => name));
  return new Set(
    fields.flatMap(({ relatedTable }) =>
      relatedTable !== undefined && peers.has(relatedTable) ? [relatedTable] : [],
    ),
  );
}

const isByHand = ({ fields }: ResolvedTable): boolean => fields.some(({ conflict }) => conflict === 'manual');

const gapWarning = ({ name }: ResolvedTable): string =>
  `${name}: more pages were made in one minute than Notion lists, so that some of them are not in this plan`;

function walkOf(
  { installation, notion, store, schema, people, naming, adopted: adoptedOf, tell }: Planning,
  table: ResolvedTable,
  { identified }: AppliedTable,
  isMatched: boolean,
): TableWalk {
  const isMoved = schema.moved.some(({ table: name }) => name === table.name);
  const tables = new Map(installation.tables.map((each) => [each.name, each]));
  const ordered = inTableOrder(installation.tables);
  const before = ordered.slice(0, ordered.indexOf(table)).filter(({ rank }) => rank === table.rank);
  const adopted = new Map<RowKey, PageId | null>();
  adoptedOf.set(table.name, adopted);
  let told = performance.now();
  return {
    table: syncable(table, identified.known),
    tables,
    // The pairs of a table that is moved are given up.
    store: isMoved ? NO_STATE : store,
    db: installation.db,
    notion: notion.forLane(table.name),
    people,
    naming,
    counter: createCounter(),
    adopted,
    adoptedOf,
    late: [],
    isMatched,
    written: nothingWritten(new Set(before.map(({ name }) => name))),
    tell: (what, done) => {
      if (performance.now() - told < TELL_MS) return;
      told = performance.now();
      tell(`${table.name}: ${done} ${what}`);
    },
  };
}

/** How often somebody who waits is told how far it has come. */
const TELL_MS = 2_000;

type Met = Pick<Contact, 'origin' | 'knownBefore'> & { readonly made: boolean };

/** How the daemon meets a data source after `apply`; null if it is known. */
async function contactAfter(
  { store, schema }: Planning,
  { name }: ResolvedTable,
  { created, changed, dataSourceId }: AppliedTable,
): Promise<Met | null> {
  if (created) return { origin: 'made', knownBefore: false, made: true };
  const source = await readSource(store, name);
  if (source?.dataSource !== dataSourceId) return { origin: 'found', knownBefore: false, made: false };
  const contact = await contactOf(store, name);
  const made = await wasMade(store, name);
  if (changed.length > 0 || schema.marked.has(name))
    return { origin: 'found', knownBefore: contact?.knownBefore ?? true, made };
  return contact === null ? null : { origin: 'found', knownBefore: contact.knownBefore, made };
}

async function guardedOf(
  { installation }: Planning,
  { store, table, counter, isMatched }: TableWalk,
  { rows, contact, seen }: { readonly rows: number; readonly contact: Met | null; readonly seen: PagesSeen },
): Promise<TablePlan['guarded']> {
  const { deletion, creation } = installation.config.guards;
  const load = await deletionLoad(store, table.name, 'to-notion', deletion.windowMinutes);
  // What waits already is among those that are counted here.
  const leaving = { ...load, waiting: 0, coming: counter.countOf('trash') };
  const coming = { crossed: 0, waiting: 0, coming: counter.countOf('become'), records: rows };
  const unlinked =
    seen.keyless + counter.countOf('unknown') + counter.countOf('duplicate') + counter.countOf('review');
  const sides = { isMatched, pages: seen.pages, unlinked, rows, coming: counter.countOf('create') };
  return [
    ...(contact !== null && !contact.knownBefore && holdsRows({ ...sides, made: contact.made }, creation)
      ? (['create'] as const)
      : []),
    ...(leaving.coming > 0 && isMassChange(leaving, deletion) ? (['trash'] as const) : []),
    // Once a database is known, people make pages one by one.
    ...(contact !== null && isMassChange(coming, creation) ? (['become'] as const) : []),
  ];
}

const NO_CREATES = { creates: 0, waiting: 0, secondPass: 0, extra: 0 };

function loadOf(
  { table, pages, kinds, guarded, adoptedWritten, firstLink }: TablePlan,
  { written, table: mapped }: TableWalk,
  {
    contact,
    source,
    looksAtEach,
  }: { readonly contact: Met | null; readonly source: Source | null; readonly looksAtEach: boolean },
): TableLoad {
  const { waiting, secondPass, extra, adoptedLate } = written;
  return {
    table,
    contact,
    lacksWatermark: (source?.sweptAt ?? null) === null && (source?.watermark ?? null) === null,
    pages,
    strangers:
      kinds.become.count +
      kinds.unknown.count +
      kinds.duplicate.count +
      kinds.review.count +
      kinds.ambiguous.count +
      kinds.alike.count,
    ...(guarded.includes('create')
      ? { ...NO_CREATES, held: kinds.create.count }
      : { creates: kinds.create.count, held: 0, waiting, secondPass, extra }),
    adopts: kinds.adopt.count,
    adoptedWritten,
    adoptedLate,
    looksAtAdopted: !mapped.fields.every(goesToNotion),
    matches: kinds.match.count,
    toRows: firstLink.toRows,
    updates: kinds.update.count,
    looksAtEach,
    edits: kinds.edit.count,
    trashes: guarded.includes('trash') ? 0 : kinds.trash.count,
    restores: kinds.restore.count,
    becomes: guarded.includes('become') ? 0 : kinds.become.count,
    missing: kinds.missing.count,
  };
}
