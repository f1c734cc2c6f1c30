import { messageOf } from '../model/errors.ts';
import type { Log } from '../runtime/log.ts';
import { within } from '../runtime/retry.ts';
import { readAlerts, saveAlerts } from '../state/alerts.ts';
import type { Store } from '../state/sql.ts';
import { isOwnKnowledge, type Told, type ToldCause } from './alert-rules.ts';

const ANSWER_MS = 5_000;

type AlertStore = {
  readonly read: () => Promise<Told>;
  readonly save: (told: Told) => Promise<void>;
};

/**
 * What has been told of, kept in the database too while this daemon is at work, so that neither a restart nor a take-over
 * tells it again. Without the database it is what this process knows.
 */
export function createAlertStore(store: () => Store | null, log: Log): AlertStore {
  let told: Told = {};
  let stored = '';
  let from: Store | null = null;
  return {
    read: async () => {
      const now = store();
      if (now === null || now === from) return told;
      try {
        const before = await within(ANSWER_MS, 'the alerts', readAlerts<ToldCause>(now));
        told = { ...seenNow(before), ...ownOf(told) };
        stored = gist(before);
        from = now;
      } catch (error) {
        log.warn({ reason: messageOf(error) }, 'which alerts were sent before cannot be read');
      }
      return told;
    },
    save: async (next) => {
      told = next;
      const now = store();
      // An idle daemon writes nothing: when a cause was last seen is worth no line of its own.
      if (now === null || now !== from || gist(next) === stored) return;
      try {
        await within(
          ANSWER_MS,
          'the alerts',
          now.transaction((sql) => saveAlerts(sql, next)),
        );
        stored = gist(next);
      } catch (error) {
        log.warn({ reason: messageOf(error) }, 'which alerts were sent cannot be written down');
      }
    },
  };
}

/** While nobody looked, nothing can have ended. */
const seenNow = (told: Told): Told =>
  Object.fromEntries(
    Object.entries(told)
      // A version before this one kept less; what lasts of it is told once more.
      .filter(([, { kind }]) => kind !== undefined)
      .map(([key, one]) => [key, { ...one, seenAt: Date.now() }]),
  );

/** What another daemon has told of the state since this one was at work counts more than what this one did. */
const ownOf = (told: Told): Told =>
  Object.fromEntries(Object.entries(told).filter(([, { kind }]) => isOwnKnowledge(kind)));

const gist = (told: Told): string =>
  JSON.stringify(
    Object.entries(told)
      .map(([key, { nextAt, over = false }]) => [key, nextAt, over])
      .sort(),
  );
