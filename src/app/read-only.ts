import type { Environment } from '../config/environment.ts';
import type { Config } from '../config/mapping-file.ts';
import type { NotionClient } from '../notion/client.ts';
import { createPool } from '../postgres/pool.ts';
import type { Log } from '../runtime/log.ts';
import { isStatePresent } from '../state/schema-version.ts';
import { createStore, NO_STATE, type Store } from '../state/sql.ts';
import { type Installation, openInstallation, openNotion } from './connections.ts';

/** What a command was given. */
export type Given = { readonly config: Config; readonly environment: Environment; readonly log: Log };

/** Both ends, of which nothing can be changed; `store` stands for our schema, which may not be there. */
type ReadOnly = {
  readonly installation: Installation;
  readonly notion: NotionClient;
  readonly store: Store;
};

/**
 * Opens both ends for somebody who changes nothing: PostgreSQL refuses every session of it to write, but the one that counts
 * requests to Notion where there is a schema of ours to count them in. Throws PgnotionError, `state_other_version` among others.
 */
export async function withReadOnly<T>(
  { config, environment, log }: Given,
  work: (ends: ReadOnly) => Promise<T>,
): Promise<T> {
  const installation = await openInstallation(config, environment, log, { readOnly: true });
  const counting = createPool({
    url: environment.DATABASE_URL,
    max: 1,
    raw: false,
    applicationName: 'pgnotion state',
    log,
  });
  try {
    const state = createStore(installation.pool, 0);
    const isPresent = await isStatePresent(state);
    const { notion, throttle } = openNotion({ environment, log, pool: isPresent ? counting : null });
    try {
      return await work({ installation, notion, store: isPresent ? state : NO_STATE });
    } finally {
      await throttle.stop();
    }
  } finally {
    await counting.end();
    await installation.close();
  }
}
