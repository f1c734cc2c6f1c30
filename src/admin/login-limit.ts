import { clientOf } from './addresses.ts';

/** How often somebody may name a wrong token. */
export type LoginLimit = {
  /** How many seconds this address has to wait before a token of it is looked at; 0: not at all. */
  readonly wait: (address: string | undefined) => number;
  readonly failed: (address: string | undefined) => void;
  readonly succeeded: (address: string | undefined) => void;
};

const WINDOW_MS = 60_000;
/** Of one address, and of all together: a list of passwords gets nowhere, and neither does a crowd with one. */
export const MOST_BY_ADDRESS = 5;
export const MOST_OVERALL = 50;

/** Counts within the last minute. While the limit lasts, a right token is refused as a wrong one is: nothing can be guessed. */
export function createLoginLimit(now: () => number = Date.now): LoginLimit {
  let failures: readonly { readonly at: number; readonly client: string }[] = [];
  const recent = (): typeof failures => {
    const from = now() - WINDOW_MS;
    failures = failures.filter(({ at }) => at > from);
    return failures;
  };
  /** Until so few are left of these that another one may be tried. */
  const until = (counted: typeof failures, most: number): number => {
    const last = counted.at(-most);
    return last === undefined ? 0 : Math.ceil((last.at + WINDOW_MS - now()) / 1_000);
  };
  return {
    wait: (address) => {
      const all = recent();
      const own = all.filter(({ client }) => client === clientOf(address));
      return Math.max(until(own, MOST_BY_ADDRESS), until(all, MOST_OVERALL));
    },
    // No more are kept than are needed, whatever comes.
    failed: (address) => {
      failures = [...recent(), { at: now(), client: clientOf(address) }].slice(-MOST_OVERALL);
    },
    succeeded: (address) => {
      failures = recent().filter(({ client }) => client !== clientOf(address));
    },
  };
}
