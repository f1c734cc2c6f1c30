import { type CaptureOptions, runCapture } from '../capture/capture.ts';
import type { Config } from '../config/mapping-file.ts';
import { PgnotionError } from '../model/errors.ts';
import type { QualifiedName } from '../model/ids.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { WalPlugin } from '../postgres/wal-plugin.ts';
import { checkWal2json } from '../postgres/wal2json-checks.ts';
import { askRenewal } from '../state/slot-renewal.ts';

/** All tables that the configuration names, those included that cannot be read now. */
const tablesOf = ({ tables }: Pick<Config, 'tables'>): readonly QualifiedName[] => [
  ...new Set(tables.flatMap((table) => [table.source, ...table.dependsOn.map((each) => each.table)])),
];

/** The slot, the output plug-in that the configuration asks for, and what it is to tell of. */
export const streamOf = (config: Config): { readonly slot: string; readonly plugin: WalPlugin } => ({
  slot: config.slot,
  plugin:
    config.plugin === 'pgoutput'
      ? { name: 'pgoutput', publication: config.publication }
      : { name: 'wal2json', tables: tablesOf(config) },
});

/** Throws PgnotionError `wal2json_not_ready` if the configuration asks for it where it cannot do. */
export async function checkPlugin(db: Queryable, config: Pick<Config, 'plugin' | 'tables'>): Promise<void> {
  if (config.plugin === 'wal2json') await checkWal2json(db, tablesOf(config));
}

/** What a slot comes to again and again: the server cannot send it, or we cannot read it. */
const IMPASSABLE: ReadonlySet<string> = new Set(['wal_unsendable', 'wal_undecodable']);

/** Runs capture; what no reader of the slot gets past has it made anew, and everything compared (invariant 1). */
export async function captureOrRenew(options: CaptureOptions, signal: AbortSignal): Promise<void> {
  try {
    await runCapture(options, signal);
  } catch (error) {
    if (error instanceof PgnotionError && IMPASSABLE.has(error.code))
      await options.store.transaction((sql) => askRenewal(sql, options.slot, error.message));
    throw error;
  }
}
