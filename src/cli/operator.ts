import { pauseOrResume, resyncNow, retryNow } from '../app/operator.ts';
import type { Loaded } from './commands.ts';
import { notedState } from './noted.ts';

export const retryCommand = (loaded: Loaded, table: string, key: string): Promise<string> =>
  notedState(loaded, { action: 'retry', input: { table, key } }, (sql) => retryNow(sql, table, key));

export const resyncCommand = (loaded: Loaded, table: string | null): Promise<string> =>
  notedState(loaded, { action: 'resync', input: of(table) }, (sql) => resyncNow(sql, loaded.config, table));

/** Of one table, or of all for null. */
export const pauseCommand = (
  loaded: Loaded,
  what: 'pause' | 'resume',
  table: string | null,
): Promise<string> =>
  notedState(loaded, { action: what, input: of(table) }, (sql) =>
    pauseOrResume(sql, loaded.config, what, table),
  );

const of = (table: string | null): { readonly table?: string } => (table === null ? {} : { table });
