import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { hostAndPort } from '../model/admin-address.ts';
import { messageOf } from '../model/errors.ts';
import type { Log } from '../runtime/log.ts';
import { pause } from '../runtime/retry.ts';

export type AdminServer = {
  /** `http://host:port`, or null while the port cannot be had. */
  readonly address: () => string | null;
  /** Answers what is being asked, then ends every connection. */
  readonly close: () => Promise<void>;
};

type ServerOptions = {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly app: Hono;
  readonly log: Log;
  /** How long to wait before a port that cannot be had is asked for again. */
  readonly againMs?: number;
  /** Called once the port answers. */
  readonly onListening?: (address: string) => void;
};

const AGAIN_MS = 15_000;
/** What is being asked at the end is answered within this time. */
const CLOSE_MS = 1_000;
/** A request is there whole within this time, or its connection ends: whoever sends a byte a second holds no place. */
const REQUEST_MS = 10_000;
const HEADERS_MS = 5_000;
/** How often that is looked at; Node's own half minute would be the longer time. */
const LOOK_MS = 1_000;
/** Nothing was sent or taken for so long: a stream of events is never silent for longer (`admin/events.ts`). */
const SILENT_MS = 30_000;
const MOST_CONNECTIONS = 200;
const MOST_HEADER_BYTES = 16_384;
const MOST_HEADERS = 100;

/**
 * Answers HTTP for as long as the daemon runs. A port that cannot be had stops nothing: it is said once, and asked for
 * again until it is free. Resolves after the first attempt.
 */
export async function startServer(options: ServerOptions): Promise<AdminServer> {
  const { host, log } = options;
  const stop = new AbortController();
  let server: Server | null = null;
  const attempt = async (): Promise<unknown> => {
    try {
      server = await listen(options);
      const address = addressOf(server, host);
      log.info({ address }, 'health checks and webhooks are answered');
      options.onListening?.(address);
      return null;
    } catch (error) {
      return error;
    }
  };
  const failure = await attempt();
  if (failure !== null)
    log.error(portFailure(options, failure), 'the admin port cannot be had; the sync goes on');
  const trying = failure === null ? Promise.resolve() : tryAgain(options, attempt, stop.signal);
  return {
    address: () => (server === null ? null : addressOf(server, host)),
    close: async () => {
      stop.abort();
      await trying;
      if (server !== null) await closeServer(server);
    },
  };
}

async function tryAgain(
  { againMs = AGAIN_MS }: ServerOptions,
  attempt: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await pause(againMs, signal);
    if (signal.aborted || (await attempt()) === null) return;
  }
}

function listen({ host, port, app, log }: ServerOptions): Promise<Server> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: {
      requestTimeout: REQUEST_MS,
      headersTimeout: HEADERS_MS,
      connectionsCheckingInterval: LOOK_MS,
      maxHeaderSize: MOST_HEADER_BYTES,
    },
  }) as Server;
  server.maxConnections = MOST_CONNECTIONS;
  server.maxHeadersCount = MOST_HEADERS;
  server.timeout = SILENT_MS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      server.on('error', (error) => log.warn({ reason: messageOf(error) }, 'the admin port failed'));
      resolve(server);
    });
  });
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const forced = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
  await closed;
  clearTimeout(forced);
}

function addressOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  return `http://${hostAndPort(host, port)}`;
}

function portFailure({ host, port }: ServerOptions, error: unknown) {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return {
    code: code === 'EADDRINUSE' ? 'admin_port_taken' : 'admin_port_refused',
    reason: messageOf(error),
    remedy: `set ADMIN_HOST and ADMIN_PORT to an address of this machine that is free (0: any port, off: none) instead of ${host}:${port}`,
  };
}
