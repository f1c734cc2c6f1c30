import { type Drift, driftOf, driftsOfFaults } from '../model/drift.ts';
import { PgnotionError } from '../model/errors.ts';
import type { NamedNow } from '../model/known-columns.ts';
import type { TableMapping } from '../model/mapping.ts';
import { briefQueries } from '../postgres/brief-queries.ts';
import { sampleFaults } from '../postgres/query-checks.ts';
import { everythingWrong, resolveEach } from '../postgres/resolve-each.ts';
import { keepShapeFaults } from '../reconcile/field-faults.ts';
import { namesFor } from '../reconcile/named-now.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import type { Service } from '../runtime/service.ts';
import { readSources, suspendTable } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import { forgetUnmapped } from '../state/unmapped.ts';
import type { Installation } from './connections.ts';

const LOOK_MS = 2_000;
/** A query that takes longer for a sample of its rows says nothing at the start. */
const SAMPLE_MS = 3_000;

/**
 * Suspends the tables that cannot be synced as things are; the others go on. Throws what is wrong with them if no table of
 * the configuration can be synced nor ever was: then the configuration is wrong, and nothing can be waited for.
 */
export async function suspendUnresolved(installation: Installation, store: Store): Promise<void> {
  const { config, tables, unresolved, paused, pool, log } = installation;
  // Their keys are set aside as they are met; whoever starts is told at once.
  for (const [table, fault] of await sampleFaults(briefQueries(pool, SAMPLE_MS), tables))
    log.warn({ table, ...fault }, 'a query does not give one row for each key');
  const applied = await readSources(store);
  const wrong = new Set([...unresolved.keys(), ...paused.keys()]);
  if (wrong.size === config.tables.length && ![...wrong].some((name) => applied.has(name)))
    throw await allThatIsWrong(installation);
  await forgetUnmapped(
    store,
    config.tables.map(({ name }) => name),
  );
  for (const mapping of config.tables) {
    const faults = paused.get(mapping.name) ?? [];
    if (faults.length > 0) log.error({ table: mapping.name, faults }, 'fields of a table are paused');
    const denied = tables.find(({ name }) => name === mapping.name)?.denied ?? [];
    const now = await namesFor(store, pool, mapping, faults);
    await store.transaction((sql) => keepShapeFaults(sql, mapping, { paused: faults, denied, now }));
    const error = unresolved.get(mapping.name);
    if (error !== undefined) await suspendFor({ store, log, pool }, mapping, error);
  }
}

async function allThatIsWrong({
  config,
  environment,
  pool,
  unresolved,
}: Installation): Promise<PgnotionError> {
  const all = await everythingWrong(briefQueries(pool), config.tables, environment.SYNC_CONFLICT_STRATEGY);
  return all?.faults.length ? all : together([...unresolved.values()]);
}

/** The tables that were left out, as a service that ends when one of them can be synced: the daemon then starts over. */
export function unresolvedService(installation: Installation, store: Store): readonly Service[] {
  if (installation.unresolved.size === 0) return [];
  return [{ name: 'suspended tables', run: (signal) => untilResolved(installation, store, signal) }];
}

async function untilResolved(
  { config, environment, pool, unresolved, log }: Installation,
  store: Store,
  signal: AbortSignal,
): Promise<void> {
  const mappings = config.tables.filter(({ name }) => unresolved.has(name));
  const strategy = environment.SYNC_CONFLICT_STRATEGY;
  const reasons = new Map([...unresolved].map(([name, error]) => [name, error.message]));
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        await pause(LOOK_MS, signal);
        if (signal.aborted) return;
        const now = await resolveEach(briefQueries(pool), mappings, { strategy });
        const [table] = now.tables;
        if (table !== undefined) {
          log.info({ table: table.name }, 'a suspended table can be synced; the daemon takes it up');
          return;
        }
        for (const mapping of mappings) {
          const error = now.unresolved.get(mapping.name);
          if (error === undefined || reasons.get(mapping.name) === error.message) continue;
          reasons.set(mapping.name, error.message);
          await suspendFor({ store, log, pool }, mapping, error);
        }
        healthy();
      }
    },
    { name: 'the suspended tables', log, signal },
  );
}

type Suspending = Pick<Installation, 'log' | 'pool'> & { readonly store: Store };

async function suspendFor(
  { store, log, pool }: Suspending,
  mapping: TableMapping,
  error: PgnotionError,
): Promise<void> {
  const drifts = driftsOf(mapping, error, await namesFor(store, pool, mapping, error.faults));
  await store.transaction((sql) => suspendTable(sql, log, { table: mapping.name, code: error.code, drifts }));
}

function driftsOf(
  mapping: TableMapping,
  { message, remedy, faults, retryable }: PgnotionError,
  now: NamedNow,
): readonly Drift[] {
  if (faults.length > 0) return driftsOfFaults(faults, mapping, now);
  const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ');
  const told = { field: '', detail: oneLine(message), remedy: oneLine(remedy) };
  // A lock, which goes by itself.
  return [driftOf('table_unreadable', { ...told, remedyKind: retryable ? 'nothing' : 'sql' })];
}

function together(errors: readonly PgnotionError[]): PgnotionError {
  const [first, ...others] = errors;
  if (first === undefined || others.length > 0)
    return new PgnotionError({
      code: first?.code ?? 'catalog_mismatch',
      message: errors.map(({ message }) => message).join('\n'),
      remedy: errors.map(({ remedy }) => remedy).join('\n'),
      retryable: errors.some(({ retryable }) => retryable),
    });
  return first;
}
