import { applyToNotion, openInstallation, openNotion } from '../../src/app/connections.ts';
import { runDaemon } from '../../src/app/daemon.ts';
import { resetAllCommand } from '../../src/cli/reset.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import { silentLog } from '../../src/runtime/log.ts';
import type { Sandbox } from '../../src/sandbox/notion/server.ts';

/** pgnotion over some database, with the configuration and the environment that its operator gives it. */
export type Copy = {
  readonly apply: () => Promise<void>;
  /** Resolves once it syncs, and rejects with why it does not. */
  readonly start: (options?: { readonly takeOver?: boolean }) => Promise<void>;
  readonly stop: () => Promise<void>;
  /** `pgnotion reset --yes` */
  readonly reset: () => Promise<string>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export function copyOn(options: {
  readonly url: string;
  readonly sandbox: Sandbox;
  readonly config: ConfigInput;
  readonly variables?: Readonly<Record<string, string>>;
}): Copy {
  const { url, sandbox } = options;
  const config = parseConfig({ syncLog: { level: 'off' }, ...options.config });
  const environment = readEnvironment(
    {
      DATABASE_URL: url,
      NOTION_API_KEY: sandbox.token,
      NOTION_BASE_URL: sandbox.url,
      NOTION_PARENT_PAGE_ID: sandbox.parentPageId,
      NOTION_RATE_LIMIT: '100000/1s',
      SYNC_QUERY_LAG_SECONDS: '0.3',
      SYNC_INTERVAL_SECONDS: '0.2',
      ADMIN_PORT: '0',
      ...options.variables,
    },
    config,
  );
  const log = silentLog();
  let running: { readonly stop: AbortController; readonly done: Promise<void> } | null = null;
  const stop = async (): Promise<void> => {
    const mine = running;
    running = null;
    mine?.stop.abort();
    await mine?.done;
  };
  return {
    apply: async () => {
      const installation = await openInstallation(config, environment, log);
      const { notion, throttle } = openNotion(installation);
      try {
        await applyToNotion(installation, notion);
      } finally {
        await throttle.stop();
        await installation.close();
      }
    },
    start: async ({ takeOver = false } = {}) => {
      const stopping = new AbortController();
      const ready = Promise.withResolvers<void>();
      const done = runDaemon(
        { config, environment, log, takeOver, onReady: ready.resolve, createGraceMs: 500 },
        stopping.signal,
      );
      running = { stop: stopping, done };
      try {
        await Promise.race([ready.promise, done]);
      } catch (error) {
        running = null;
        throw error;
      }
    },
    stop,
    reset: async () => (await resetAllCommand({ config, environment, log }, async () => true)).message,
    [Symbol.asyncDispose]: () => stop().catch(() => undefined),
  };
}
