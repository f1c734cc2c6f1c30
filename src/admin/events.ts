import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { pause } from '../runtime/retry.ts';
import type { Overview, Queries } from './queries.ts';
import { refuse, tooManyStreams } from './refusal.ts';
import type { AdminVariables } from './session.ts';

type EventParts = {
  readonly queries: () => Queries | null;
  /** Comes when the port closes: every stream ends with it. */
  readonly stop: AbortSignal;
};

export const MOST_STREAMS = 20;
const HEARTBEAT_MS = 10_000;
const LOOK_MS = 1_000;
/** Looking takes no more than this part of the time, however long a look takes. */
const SHARE = 0.1;

/**
 * `GET /api/events`: an event `overview` when a number of it has changed, and a comment now and then that keeps it alive. It
 * ends with the session that asked for it: at once at a logout, with the next comment when the session is too old.
 */
export function eventRoutes(parts: EventParts): Hono<AdminVariables> {
  const app = new Hono<AdminVariables>();
  const news = createNews(parts);
  let streams = 0;
  const leaving: Disposable = {
    [Symbol.dispose]: () => {
      streams -= 1;
    },
  };
  app.get('/api/events', (c) => {
    if (streams >= MOST_STREAMS) {
      c.header('retry-after', '30');
      return refuse(c, 503, tooManyStreams(MOST_STREAMS));
    }
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' });
    streams += 1;
    // Some proxies collect an answer before they pass it on.
    c.header('x-accel-buffering', 'no');
    return streamSSE(c, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      const session = c.get('session');
      const signal = AbortSignal.any([gone.signal, parts.stop, session.ended]);
      using _ = leaving;
      using heard = news.subscribe();
      let sent = '';
      for (let beat = performance.now(); !signal.aborted && !session.isOver(); ) {
        const next = await heard.next(sent, HEARTBEAT_MS, signal);
        if (signal.aborted) return;
        if (next !== null && next.mark !== sent) {
          sent = next.mark;
          beat = performance.now();
          await stream.writeSSE({ event: 'overview', data: JSON.stringify(next.overview) });
        } else if (performance.now() - beat >= HEARTBEAT_MS) {
          beat = performance.now();
          await stream.write(': alive\n\n');
        }
      }
    });
  });
  return app;
}

type News = { readonly mark: string; readonly overview: Overview };

/** One look for all streams, and none while there is no stream. */
function createNews({ queries, stop }: EventParts) {
  const listeners = new Set<() => void>();
  let latest: News | null = null;
  let looking = false;
  const look = async (): Promise<void> => {
    while (listeners.size > 0 && !stop.aborted) {
      const started = performance.now();
      const overview =
        (await queries()
          ?.overview()
          .catch(() => null)) ?? null;
      if (overview !== null) {
        const mark = markOf(overview);
        if (mark !== latest?.mark) latest = { mark, overview };
        for (const tell of listeners) tell();
      }
      await pause(Math.max(LOOK_MS, (performance.now() - started) / SHARE), stop);
    }
    looking = false;
  };
  return {
    subscribe: () => {
      let ring = (): void => undefined;
      const tell = (): void => ring();
      listeners.add(tell);
      if (!looking) {
        looking = true;
        latest = null;
        void look();
      }
      return {
        /** What is not `known` yet, at once or when it comes; the latest after `ms`. */
        next: async (known: string, ms: number, signal: AbortSignal): Promise<News | null> => {
          if (latest !== null && latest.mark !== known) return latest;
          const bell = new AbortController();
          ring = () => bell.abort();
          await pause(ms, AbortSignal.any([signal, bell.signal]));
          return latest;
        },
        [Symbol.dispose]: () => void listeners.delete(tell),
      };
    },
  };
}

/** What counts as news: numbers and states, and not how much time has passed. */
const markOf = ({
  daemon,
  notion,
  slot,
  tables,
  notes,
  refused,
  budget,
  waiting,
  verification,
}: Overview): string =>
  JSON.stringify([
    [
      daemon.state,
      daemon.process,
      daemon.standbys,
      notion.state,
      notion.code,
      slot?.active,
      slot?.wal_status,
    ],
    tables.map(({ oldest_pending_seconds: _, ...line }) => line),
    [notes, refused, budget.requests, waiting, verification?.run],
  ]);
