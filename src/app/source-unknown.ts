import { PgnotionError } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';

/** It was never applied, or `reset` has forgotten it. */
export const sourceUnknown = (table: TableName): PgnotionError =>
  new PgnotionError({
    code: 'source_unknown',
    message: `${table} has no Notion database that pgnotion knows of`,
    remedy: 'run `pgnotion apply`, which makes or finds it; a daemon that runs goes on with it by itself',
    retryable: true,
  });
