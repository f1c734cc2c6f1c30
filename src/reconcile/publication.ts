import { type Drift, driftOf, driftsOfFaults, reasonOf } from '../model/drift.ts';
import { type Fault, PgnotionError } from '../model/errors.ts';
import type { QualifiedName, TableName } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { gapSince, type PublicationFingerprint } from '../model/publication-fingerprint.ts';
import { visibilityFaults } from '../model/publishable.ts';
import type { WantedTable } from '../model/publishing.ts';
import { listed } from '../model/sentences.ts';
import { wantedTables } from '../model/wanted-tables.ts';
import { faultsError, type Queryable } from '../postgres/pool.ts';
import { faultsOf, mendPublication } from '../postgres/publication.ts';
import { type ChangePublication, changesOn, patientChangesOn } from '../postgres/publication-change.ts';
import { type PublicationFacts, readPublication } from '../postgres/publication-facts.ts';
import { fingerprintOf } from '../postgres/publication-fingerprint.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { driftEntries, keepDrifts } from '../state/drift.ts';
import { publishedAs, readFingerprint, saveFingerprint } from '../state/publication-fingerprint.ts';
import { compareAgain, permit, readSources, refuse } from '../state/sources.ts';
import type { Sql, Store } from '../state/sql.ts';
import { namesFor } from './named-now.ts';

type PublicationContext = {
  readonly store: Store;
  readonly pool: Queryable;
  readonly publication: string;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  readonly log: Log;
};

/** A table that loses its identity makes the application's UPDATE fail for as long. */
const LOOK_MS = 1_000;
/** A look at thousands of partitions takes its time, of which the server must not be full. */
const LEAST_REST = 10;

/** Every table whose changes must be in the log. */
export const publishedTables = wantedTables;

/**
 * Watches the publication and what it publishes, because what it leaves out is missing from the log without a word, and
 * a table that loses its replica identity makes the application's own statements fail (invariants 1 and 17). What is
 * missing is added again and compared; what can no longer be published is taken out and suspended until it can. Throws
 * `publication_missing` if it was dropped: then the daemon starts over with a new slot.
 */
export async function watchPublication(context: PublicationContext, signal: AbortSignal): Promise<void> {
  const change = patientChangesOn(context.pool, () => performance.now());
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        const started = performance.now();
        await lookAtPublication(context, change);
        healthy();
        await pause(Math.max(LOOK_MS, LEAST_REST * (performance.now() - started)), signal);
      }
    },
    { name: 'the publication', log: context.log, signal },
  );
}

async function lookAtPublication(context: PublicationContext, change: ChangePublication): Promise<void> {
  const known = await readFingerprint<PublicationFingerprint>(context.store);
  const found = await look(context);
  if (known !== null && found.facts.state?.made !== known.made) throw missing(context.publication);
  await reconcile(context, found, known, change);
}

/**
 * Makes the publication as it has to be before there is a slot. Tables that cannot be published, or read whole, are
 * suspended, and the others go on; if that leaves none at the first start, nothing is changed and the faults are thrown.
 */
export async function preparePublication(
  context: Omit<PublicationContext, 'tables'> & {
    readonly tables: readonly ResolvedTable[];
  },
): Promise<void> {
  const byName = new Map(context.tables.map((table) => [table.name, table]));
  const whole = { ...context, tables: byName };
  const known = await readFingerprint<PublicationFingerprint>(context.store);
  const found = await look(whole);
  const faults = tableFaults(found.facts, whole.tables.values());
  if (known === null && faults.size === byName.size) throw refusedError([...faults.values()].flat());
  await reconcile(whole, found, known, changesOn(context.pool));
}

/** What PostgreSQL's catalog says against syncing each table as it is. */
export async function catalogFaults(
  context: Pick<PublicationContext, 'pool' | 'publication' | 'tables'>,
): Promise<ReadonlyMap<TableName, readonly Fault[]>> {
  const facts = await readPublication(context.pool, context.publication, wantedOf(context));
  return tableFaults(facts, context.tables.values());
}

/** The same; and a table with faults is suspended. It goes on once a daemon has seen that it is in order. */
export async function reviewTables(
  context: PublicationContext,
): Promise<ReadonlyMap<TableName, readonly Fault[]>> {
  const faults = await catalogFaults(context);
  for (const action of await actionsOf(context, faults, new Map()))
    if (action.kind === 'refuse') await carryOut(context.store, context.log, action);
  return faults;
}

const wantedOf = ({ tables }: Pick<PublicationContext, 'tables'>): readonly WantedTable[] =>
  wantedTables(tables.values());

/** What speaks against syncing each table that cannot be synced as it is: its own faults, and those of what it joins. */
function tableFaults(
  facts: PublicationFacts,
  tables: Iterable<ResolvedTable>,
  more: readonly Fault[] = [],
): ReadonlyMap<TableName, readonly Fault[]> {
  const all = [...tables];
  const wanted = wantedTables(all);
  const faults = [
    ...faultsOf(facts, wanted),
    ...wanted.flatMap((each) => visibilityFaults(each, facts.tables.get(each.name), facts)),
    ...more,
  ];
  return new Map(
    all.flatMap((table) => {
      const names = new Set<string>(wantedTables([table]).map(({ name }) => name));
      const own = faults.filter(({ path }) => names.has(path));
      return own.length === 0 ? [] : [[table.name, own]];
    }),
  );
}

export const refusedError = (faults: readonly Fault[]): PgnotionError =>
  faultsError('tables_refused', 'these tables cannot be synced as they are in PostgreSQL:', [
    ...new Map(faults.map((fault) => [`${fault.path} ${fault.message}`, fault])).values(),
  ]);

/** What is to be done for one table. */
type Action =
  | { readonly kind: 'refuse'; readonly table: TableName; readonly drifts: readonly Drift[] }
  | { readonly kind: 'permit'; readonly table: TableName }
  | { readonly kind: 'compare'; readonly table: TableName; readonly gap: string }
  | { readonly kind: 'compared'; readonly table: TableName };

const DRIFT = 'publication';

type Found = { readonly facts: PublicationFacts; readonly published: string | null };

async function look(context: PublicationContext): Promise<Found> {
  const published = await publishedAs(context.store, context.publication);
  return { published, facts: await readPublication(context.pool, context.publication, wantedOf(context)) };
}

/** A table that this role may not publish is in order otherwise. */
const asPublished = (drift: Drift): Drift =>
  drift.kind === 'table_changed' ? driftOf('table_unpublishable', drift) : drift;

async function reconcile(
  context: PublicationContext,
  before: Found,
  known: PublicationFingerprint | null,
  run: ChangePublication,
): Promise<void> {
  const { store, pool, log } = context;
  const wanted = wantedOf(context);
  const change = await mendPublication(pool, before.facts, wanted, run);
  for (const { path, message } of change.faults) log.debug({ table: path, reason: message }, 'not published');
  const { facts, published } = change.touched ? await look(context) : before;
  const faults = tableFaults(facts, context.tables.values(), change.faults);
  const seals = Object.fromEntries(wanted.map((table) => [table.name, fingerprintOf(facts, table)]));
  const gaps = known === null ? new Map<QualifiedName, string>() : gapsOf(known, seals, facts);
  const actions = await actionsOf(context, faults, gaps);
  const isKnown = known !== null && sameJson(known.tables, seals) && known.published === published;
  if (actions.length === 0 && isKnown) return;
  await store.transaction(async (sql) => {
    for (const action of actions) await carryOut(sql, log, action);
    // Which publication it is, is settled with the slot.
    if (!isKnown)
      await saveFingerprint(sql, {
        made: known === null ? (facts.state?.made ?? null) : known.made,
        published,
        tables: seals,
      });
  });
}

function gapsOf(
  known: PublicationFingerprint,
  seals: PublicationFingerprint['tables'],
  { tables }: PublicationFacts,
): ReadonlyMap<QualifiedName, string> {
  const gaps = new Map<QualifiedName, string>();
  for (const [name, seal] of Object.entries(seals) as [
    QualifiedName,
    PublicationFingerprint['tables'][QualifiedName],
  ][]) {
    const gap = seal == null ? null : gapSince(known.tables[name], seal, tables.get(name)?.columns ?? {});
    if (gap !== null) gaps.set(name, gap);
  }
  return gaps;
}

async function actionsOf(
  { store, pool, tables }: PublicationContext,
  faults: ReadonlyMap<TableName, readonly Fault[]>,
  gaps: ReadonlyMap<QualifiedName, string>,
): Promise<readonly Action[]> {
  const sources = await readSources(store);
  const entries = await driftEntries(store);
  const told = new Set(entries.filter(({ kind }) => kind === DRIFT).map((each) => each.table_name));
  const drifted = new Map<TableName, readonly Drift[]>();
  for (const mapped of tables.values()) {
    const wrong = faults.get(mapped.name) ?? [];
    const now = await namesFor(store, pool, mapped, wrong);
    drifted.set(mapped.name, driftsOfFaults(wrong, mapped, now).map(asPublished));
  }
  return [...tables.values()].flatMap((mapped): readonly Action[] => {
    const { name: table } = mapped;
    const source = sources.get(table);
    if (source === undefined) return [];
    const drifts = drifted.get(table) ?? [];
    const actions: Action[] = [];
    const isTold =
      source.pausedBy === 'refused' &&
      source.pausedReason === reasonOf(drifts) &&
      entries.some(({ table_name: name, pauses }) => name === table && pauses === 'table');
    if (drifts.length > 0 && source.pausedBy !== 'hand' && !isTold)
      actions.push({ kind: 'refuse', table, drifts });
    if (drifts.length === 0 && source.pausedBy === 'refused') actions.push({ kind: 'permit', table });
    const missed = wantedTables([mapped]).flatMap(({ name }) =>
      gaps.has(name) ? [`${name}: ${gaps.get(name)}`] : [],
    );
    if (missed.length > 0) actions.push({ kind: 'compare', table, gap: listed(missed) });
    else if (told.has(table) && source.backfilledAt !== null) actions.push({ kind: 'compared', table });
    return actions;
  });
}

async function carryOut(sql: Sql, log: Log, action: Action): Promise<void> {
  const { table } = action;
  switch (action.kind) {
    case 'refuse':
      await refuse(sql, table, action.drifts);
      log.error({ table, reason: reasonOf(action.drifts) }, 'a table is suspended');
      return;
    case 'permit':
      await permit(sql, table);
      log.info({ table }, 'a suspended table goes on');
      return;
    case 'compare':
      await compareAgain(sql, [table]);
      await keepDrifts(
        sql,
        table,
        [DRIFT],
        [driftOf(DRIFT, { field: '', detail: missedText(action.gap), remedy: COMPARED })],
      );
      log.warn({ table, reason: action.gap }, 'changes may be missing from the log; all rows are compared');
      return;
    case 'compared':
      return keepDrifts(sql, table, [DRIFT], []);
    default:
      return action satisfies never;
  }
}

const missedText = (gap: string): string => `changes may be missing from the log (${gap})`;
const COMPARED = 'nothing to do: all rows are compared with their pages; this line goes when that is done';

/** Whether this is another publication than the one whose changes have been captured so far. */
export async function isAnotherPublication(
  context: Pick<PublicationContext, 'store' | 'pool' | 'publication'>,
): Promise<boolean> {
  const known = await readFingerprint<PublicationFingerprint>(context.store);
  const { state } = await readPublication(context.pool, context.publication, []);
  return known !== null && (state?.made ?? null) !== known.made;
}

const missing = (publication: string): PgnotionError =>
  new PgnotionError({
    code: 'publication_missing',
    message: `the publication ${publication} was dropped, or another one has taken its name`,
    remedy: 'nothing to do: it is made again with a new slot, and every row and page is compared',
  });
