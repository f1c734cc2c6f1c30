import { sameJson } from '../../model/json.ts';
import type { Assumptions } from '../../model/probe/assumptions.ts';
import type { Log } from '../../runtime/log.ts';
import { keepTrying, pause } from '../../runtime/retry.ts';
import { runTogether, type Service } from '../../runtime/service.ts';

const LOOK_MS = 5_000;

type Taken = {
  /** What is assumed now; `assumed` is what the flows go by. */
  readonly read: () => Promise<Assumptions>;
  readonly flows: (assumed: Assumptions) => readonly Service[];
  readonly log: Log;
  readonly everyMs?: number;
};

/**
 * Runs the flows by what is assumed of Notion, and anew when a probe has found something else, or its evidence is too old by
 * now: what is in flight is finished first, and the log is captured on.
 */
export async function runAsAssumed(
  assumed: Assumptions,
  { read, flows, log, everyMs = LOOK_MS }: Taken,
  signal: AbortSignal,
): Promise<void> {
  for (let known = assumed; ; ) {
    let next: Assumptions | null = null;
    const watch = async (given: AbortSignal): Promise<void> => {
      const options = { name: 'the watch for evidence', log, signal: given, mayPass: () => true };
      await keepTrying(async (healthy) => {
        while (!given.aborted) {
          await pause(everyMs, given);
          if (given.aborted) return;
          const now = await read();
          healthy();
          if (sameJson(now, known)) continue;
          next = now;
          log.info({ assumed: now }, 'what is assumed of Notion has changed; the flows begin anew by it');
          return;
        }
      }, options);
    };
    await runTogether([...flows(known), { name: 'evidence', run: watch }], signal, log);
    if (next === null || signal.aborted) return;
    known = next;
  }
}
