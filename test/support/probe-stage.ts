import { probe } from '../../src/app/probe/probe.ts';
import type { ProbeClock } from '../../src/app/probe/session.ts';
import { type Environment, readEnvironment } from '../../src/config/environment.ts';
import type { Evidence } from '../../src/model/probe/evidence.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';
import { createStore, type Store } from '../../src/state/sql.ts';
import { createDatabase } from './postgres.ts';

/** Time passes when the probe waits, and a little with every look at the clock; the sandbox keeps the same time. */
function virtualClock(): ProbeClock {
  let ms = Date.parse('2026-11-27T10:00:07.300Z');
  return {
    now: () => {
      ms += 20;
      return ms;
    },
    wall: () => new Date(ms),
    sleep: async (forMs) => {
      ms += forMs;
    },
  };
}

export type ProbeStage = {
  readonly sandbox: Sandbox;
  readonly clock: ProbeClock;
  readonly environment: Environment;
  readonly store: Store;
  /** Ends the probe as Ctrl-C does. */
  readonly stop: AbortController;
  /** What the probe has told of its progress. */
  readonly told: readonly string[];
  readonly run: (more?: Partial<Parameters<typeof probe>[0]>) => Promise<Evidence>;
  /** Pages and databases that a probe has made and that are not in the trash, its rows only if their database is not. */
  readonly leftBehind: () => readonly string[];
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** A sandbox and a database, and the probe between them, in time that passes by itself. */
export async function createProbeStage(): Promise<ProbeStage> {
  const clock = virtualClock();
  const database = await createDatabase();
  const sandbox = await startSandbox({ limit: null, now: () => clock.wall() });
  const stop = new AbortController();
  const told: string[] = [];
  const environment = readEnvironment(
    {
      DATABASE_URL: database.url,
      NOTION_API_KEY: sandbox.token,
      NOTION_BASE_URL: sandbox.url,
      NOTION_PARENT_PAGE_ID: sandbox.parentPageId,
      NOTION_RATE_LIMIT: '100000/1s',
    },
    { tables: [] },
  );
  return {
    sandbox,
    clock,
    environment,
    store: createStore(database.pool, 0),
    stop,
    told,
    run: (more = {}) =>
      probe({ environment, clock, signal: stop.signal, tell: (text) => void told.push(text), ...more }),
    leftBehind: () => leftIn(sandbox),
    [Symbol.asyncDispose]: async () => {
      await sandbox.close();
      await database.drop();
    },
  };
}

function leftIn(sandbox: Sandbox): readonly string[] {
  const { pages, databases, dataSources } = sandbox.control.snapshot();
  const live = databases.filter((each) => !each.inTrash);
  const sources = dataSources.filter(({ databaseId }) => live.some(({ id }) => id === databaseId));
  const rows = pages.filter(
    ({ parent, inTrash }) =>
      !inTrash && parent.type === 'data_source_id' && sources.some(({ id }) => id === parent.dataSourceId),
  );
  const scratch = pages.filter(
    ({ id, parent, inTrash }) => !inTrash && parent.type === 'page_id' && id !== sandbox.parentPageId,
  );
  return [...live, ...rows, ...scratch].map(({ id }) => id);
}
