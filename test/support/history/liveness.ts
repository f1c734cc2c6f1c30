import type { Sample } from './history.ts';

/**
 * Rule 5: within so many polls of every data source after the last fault nothing waits any more, and what was changed on
 * either side when the faults ended is on the other one. Polls are the daemon's own time: while a rate limit holds it back,
 * or the machine gives it no core, it does not poll.
 */
export function judgeLiveness(samples: readonly Sample[], mostPolls: number): string[] {
  const within = samples.filter(({ polls }) => polls <= mostPolls);
  if (within.some(({ waiting, missing }) => waiting.length + missing.length === 0)) return [];
  const last = within.at(-1);
  if (last === undefined) return ['liveness: nobody looked after the last fault'];
  return [
    ...last.waiting.map((what) => `liveness: after ${last.polls} polls without a fault waits: ${what}`),
    ...last.missing.map((what) => `liveness: after ${last.polls} polls without a fault is missing: ${what}`),
  ];
}
