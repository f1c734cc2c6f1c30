import { PgnotionError } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import { briefQueries } from '../postgres/brief-queries.ts';
import { sampleFaults } from '../postgres/query-checks.ts';
import { everythingWrong, resolveEach } from '../postgres/resolve-each.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import type { Service } from '../runtime/service.ts';
import { readSources, suspendTable } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import type { Installation } from './connections.ts';

const LOOK_MS = 2_000;
/** A query that takes longer for a sample of its rows says nothing at the start. */
const SAMPLE_MS = 3_000;

/**
 * Suspends the tables that cannot be synced as things are; the others go on. Throws what is wrong with them if no table of
 * the configuration can be synced nor ever was: then the configuration is wrong, and nothing can be waited for.
 */
export async function suspendUnresolved(installation: Installation, store: Store): Promise<void> {
  const { tables, unresolved, pool, log } = installation;
  // Their keys are set aside as they are met; whoever starts is told at once.
  for (const [table, fault] of await sampleFaults(briefQueries(pool, SAMPLE_MS), tables))
    log.warn({ table, ...fault }, 'a query does not give one row for each key');
  if (unresolved.size === 0) return;
  const applied = await readSources(store);
  if (tables.length === 0 && ![...unresolved.keys()].some((name) => applied.has(name))) {
    const { config, environment } = installation;
    const all = await everythingWrong(briefQueries(pool), config.tables, environment.SYNC_CONFLICT_STRATEGY);
    throw all?.faults.length ? all : together([...unresolved.values()]);
  }
  for (const [name, error] of unresolved) await suspendFor(store, log, name, error);
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
  const reasons = new Map([...unresolved].map(([name, error]) => [name, error.message]));
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        await pause(LOOK_MS, signal);
        if (signal.aborted) return;
        const now = await resolveEach(briefQueries(pool), mappings, environment.SYNC_CONFLICT_STRATEGY);
        const [table] = now.tables;
        if (table !== undefined) {
          log.info({ table: table.name }, 'a suspended table can be synced; the daemon takes it up');
          return;
        }
        for (const [name, error] of now.unresolved)
          if (reasons.get(name) !== error.message) {
            reasons.set(name, error.message);
            await suspendFor(store, log, name, error);
          }
        healthy();
      }
    },
    { name: 'the suspended tables', log, signal },
  );
}

async function suspendFor(store: Store, log: Log, table: TableName, error: PgnotionError): Promise<void> {
  const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ');
  const reason = `${oneLine(error.message)}. What to do: ${oneLine(error.remedy)}`;
  await store.transaction((sql) => suspendTable(sql, log, { table, code: error.code, reason }));
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
