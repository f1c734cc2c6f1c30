import type { Environment } from '../../config/environment.ts';
import type { Check } from '../../model/doctor/check.ts';
import { driftChecks } from '../../model/doctor/drift.ts';
import type { DoctorFacts, NotionFacts } from '../../model/doctor/facts.ts';
import { judge } from '../../model/doctor/judge.ts';
import type { RequestInfo } from '../../notion/client.ts';
import { createPool, severPool } from '../../postgres/pool.ts';
import { silentLog } from '../../runtime/log.ts';
import { within } from '../../runtime/retry.ts';
import { driftEntries } from '../../state/drift.ts';
import { createStore } from '../../state/sql.ts';
import { openNotion } from '../connections.ts';
import { probeChecks } from './evidence.ts';
import { lookAtNotion, notionUnseen } from './notion.ts';
import {
  type DoctorConfig,
  lookAtPostgres,
  type PostgresEnd,
  type PostgresSeen,
  postgresUnseen,
} from './postgres.ts';

export type Patient = Omit<DoctorFacts, 'postgres' | 'notion'> & {
  readonly config: DoctorConfig;
  /** What can be used of the environment; an end whose variable is missing or wrong is left out. */
  readonly environment: Environment;
  readonly ends: { readonly postgres: boolean; readonly notion: boolean };
};

/**
 * Looks at every precondition at both ends, as far as each can be reached. Changes nothing, beside the count of its own
 * requests to Notion, which a daemon at work has to know of, and the scratch page that an interrupted probe has left.
 */
export async function examine({
  config,
  environment,
  ends,
  ...settings
}: Patient): Promise<readonly Check[]> {
  const log = silentLog();
  const pool = createPool({
    url: environment.DATABASE_URL,
    max: 2,
    raw: false,
    applicationName: 'pgnotion state',
    log,
  });
  try {
    const end = { pool, config, environment };
    const seen = ends.postgres
      ? await lookAtPostgres(end)
      : {
          facts: postgresUnseen(config.tables, 'DATABASE_URL cannot be used'),
          tables: [],
          state: 'unreadable' as const,
        };
    const notion = ends.notion
      ? await withNotion(end, seen)
      : {
          facts: notionUnseen(config.tables, 'NOTION_API_KEY cannot be used', environment.NOTION_BASE_URL),
          connection: null,
        };
    const checks = judge({ ...settings, postgres: seen.facts, notion: notion.facts });
    if (seen.state !== 'readable') return checks;
    const own = { pool, store: createStore(pool, 0), environment };
    const noticed = driftChecks(await driftEntries(own.store));
    if (notion.connection === null) return [...checks, ...noticed];
    return [...checks, ...noticed, ...(await probeChecks(own, notion.connection))];
  } finally {
    // What still waits for a lock, or for a server that fell silent, holds nobody up.
    await within(GOODBYE_MS, 'the good-bye', pool.end()).catch(() => severPool(pool));
  }
}

const GOODBYE_MS = 3_000;

/** `connection`: whose token it is; null if Notion did not say. */
type NotionSeen = { readonly facts: NotionFacts; readonly connection: string | null };

async function withNotion(
  { pool, config, environment }: PostgresEnd,
  { tables, state: found }: Pick<PostgresSeen, 'tables' | 'state'>,
): Promise<NotionSeen> {
  const state = found === 'readable' ? createStore(pool, 0) : null;
  let last: RequestInfo | null = null;
  const end = { environment, log: silentLog(), pool: state && pool };
  const { notion, throttle } = openNotion(end, null, (request) => {
    last = request;
  });
  let connection: string | null = null;
  const asking: typeof notion = {
    ...notion,
    me: async (ask) => {
      const self = await notion.me(ask);
      connection = self.id;
      return self;
    },
  };
  try {
    const facts = await lookAtNotion({
      notion: asking,
      environment,
      mappings: config.tables,
      tables,
      state,
      isFresh: found === 'fresh',
      last: () => last,
    });
    return { facts, connection };
  } finally {
    await throttle.stop();
  }
}
