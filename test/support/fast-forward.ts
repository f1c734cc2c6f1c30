import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import pg from 'pg';
import { vi } from 'vitest';

/** A clock for all of this process, sandbox included, that stands still while requests and queries are under way. */
export type FastForward = {
  /** Lets time pass in steps; each begins when everything that the one before has set off is over. */
  readonly pass: (ms: number) => Promise<void>;
  /** Lets time pass at its usual pace until the work is done. */
  readonly live: <T>(work: Promise<T>) => Promise<T>;
  readonly [Symbol.dispose]: () => void;
};

/** No longer than the shortest of the daemon's timers. */
const STEP_MS = 500;
/** Turns of the event loop without anything under way, after which nothing more follows. */
const QUIET_TURNS = 6;
const FAKED = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] as const;

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Sockets and PostgreSQL keep their own time; everything that asks JavaScript for the time or for a timer gets ours. */
export function fastForward(): FastForward {
  const realTimeout = setTimeout;
  const flights = countFlights();
  vi.useFakeTimers({ toFake: [...FAKED] });
  const quiet = async (): Promise<void> => {
    for (let turns = 0; turns < QUIET_TURNS; turns += 1) {
      await turn();
      if (flights.underWay() === 0) continue;
      turns = 0;
      await flights.landed();
    }
  };
  return {
    pass: async (ms) => {
      for (let left = ms; left > 0; left -= STEP_MS) {
        vi.advanceTimersByTime(Math.min(left, STEP_MS));
        await quiet();
      }
    },
    live: async (work) => {
      let over = false;
      const done = work.finally(() => {
        over = true;
      });
      while (!over) {
        await new Promise((resolve) => void realTimeout(resolve, 5));
        vi.advanceTimersByTime(5);
      }
      return done;
    },
    [Symbol.dispose]: () => {
      vi.useRealTimers();
      flights[Symbol.dispose]();
    },
  };
}

type Flights = Disposable & {
  readonly underWay: () => number;
  /** Resolves when nothing is under way any more. To be called while something is. */
  readonly landed: () => Promise<void>;
};

/** Requests of fetch, and connections and statements of pg, that have not been answered. */
function countFlights(): Flights {
  let underWay = 0;
  let tell = Promise.withResolvers<void>();
  const leaves = (): void => void underWay++;
  const lands = (): void => {
    underWay -= 1;
    if (underWay > 0) return;
    tell.resolve();
    tell = Promise.withResolvers();
  };
  const channels = [
    ['undici:request:create', leaves],
    ['undici:request:trailers', lands],
    ['undici:request:error', lands],
  ] as const;
  for (const [name, hear] of channels) subscribe(name, hear);
  const { query, connect } = pg.Client.prototype;
  // Not a spy: that would keep every call, and with it all that a day has asked and heard.
  const counted = <Method extends object>(method: Method): Method =>
    function count(this: pg.Client, ...given: unknown[]): unknown {
      // It goes on for as long as the daemon does.
      if (String(given[0]).startsWith('START_REPLICATION'))
        return Reflect.apply(method as never, this, given);
      leaves();
      const callback = given.at(-1);
      if (typeof callback === 'function') {
        const tellBoth = (...answer: unknown[]): void => {
          lands();
          callback(...answer);
        };
        return Reflect.apply(method as never, this, [...given.slice(0, -1), tellBoth]);
      }
      const answer = Reflect.apply(method as never, this, given) as Promise<unknown>;
      answer.then(lands, lands);
      return answer;
    } as unknown as Method;
  pg.Client.prototype.query = counted(query);
  pg.Client.prototype.connect = counted(connect);
  return {
    underWay: () => underWay,
    landed: () => tell.promise,
    [Symbol.dispose]: () => {
      Object.assign(pg.Client.prototype, { query, connect });
      for (const [name, hear] of channels) unsubscribe(name, hear);
    },
  };
}
