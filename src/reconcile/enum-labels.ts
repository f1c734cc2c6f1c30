import type { QualifiedName, TableName } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { type EnumLabels, enumLabels } from '../postgres/enum-labels.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { readLabels, saveLabels } from '../state/publication-fingerprint.ts';
import { compareAgain } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import { publishedTables } from './publication.ts';

type EnumLabelsContext = {
  readonly store: Store;
  readonly pool: Queryable;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  readonly onDirty: () => void;
  readonly log: Log;
};

const LOOK_MS = 2_000;

/**
 * A renamed label changes what rows show, and leaves no trace in the log nor in the tables' catalog: the tables that show
 * it are compared, while the daemon runs and after it did not.
 */
export async function watchEnumLabels(context: EnumLabelsContext, signal: AbortSignal): Promise<void> {
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        await look(context);
        healthy();
        await pause(LOOK_MS, signal);
      }
    },
    { name: 'the watch for renamed labels', log: context.log, signal },
  );
}

async function look({ store, pool, tables, onDirty, log }: EnumLabelsContext): Promise<void> {
  const known = (await readLabels<EnumLabels>(store)) ?? {};
  const names = publishedTables(tables.values()).map(({ name }) => name);
  const present = await enumLabels(pool, names);
  // A table that is away for now is compared with what it was, once it is back.
  const seen: EnumLabels = { ...known, ...present };
  if (sameJson(known, seen)) return;
  const renamed = names.filter((name) => isRenamed(known[name], present[name]));
  const affected = [...tables.values()]
    .filter((table) => publishedTables([table]).some(({ name }) => renamed.includes(name)))
    .map(({ name }) => name);
  await store.transaction(async (sql) => {
    await compareAgain(sql, affected);
    await saveLabels(sql, seen);
  });
  if (affected.length === 0) return;
  onDirty();
  log.warn({ tables: affected }, 'a label of an enum was renamed; the rows that may show it are compared');
}

const isRenamed = (
  known: EnumLabels[QualifiedName] | undefined,
  present: EnumLabels[QualifiedName] | undefined,
): boolean =>
  Object.entries(known ?? {}).some(([oid, label]) => present?.[oid] !== undefined && present[oid] !== label);
