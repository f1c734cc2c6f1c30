import { messageOf } from '../model/errors.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import type { Wake } from '../runtime/wake.ts';
import { type Alert, afterTelling, alertOf, type Cause, dueCauses, keyOf, type Told } from './alert-rules.ts';

type AlertOptions = {
  /** Where alerts are posted. Such an address is a secret in itself, and is never logged. */
  readonly url: string;
  readonly slot: string;
  readonly log: Log;
  /** Rung when there may be news. */
  readonly wake: Wake;
  /** What there is to tell of now. */
  readonly causes: () => Promise<readonly Cause[]>;
  /** What was told before, by whichever daemon; what this one told is kept there. */
  readonly memory: { readonly read: () => Promise<Told>; readonly save: (told: Told) => Promise<void> };
  readonly timing?: AlertTiming;
};

/** Milliseconds: between two looks, for one try, and before the second try. */
export type AlertTiming = { readonly lookMs: number; readonly tryMs: number; readonly againMs: number };

const TIMING: AlertTiming = { lookMs: 15_000, tryMs: 5_000, againMs: 1_000 };
const TRIES = 3;

/** Tells of whatever needs a person, beside the flows and never in their way. */
export function runAlerts(options: AlertOptions, signal: AbortSignal): Promise<void> {
  const { log, wake } = options;
  const { lookMs } = options.timing ?? TIMING;
  const look = async (healthy: () => void): Promise<void> => {
    while (!signal.aborted) {
      await tellDue(options, signal);
      healthy();
      await wake.wait(lookMs, signal);
    }
  };
  return keepTrying(look, { name: 'alerts', log, signal, mayPass: () => true });
}

async function tellDue(options: AlertOptions, signal: AbortSignal): Promise<void> {
  const told = await options.memory.read();
  const causes = await options.causes();
  const sent = new Map<string, boolean>();
  for (const cause of dueCauses(causes, told, Date.now())) {
    const alert = alertOf(cause, options.slot, new Date());
    const arrived = await send(options, alert, signal);
    if (signal.aborted && !arrived) return;
    sent.set(keyOf(cause), arrived);
  }
  await options.memory.save(afterTelling(told, causes, sent, Date.now()));
}

/** Gives whether it arrived; what did not is in the log. */
async function send(options: AlertOptions, alert: Alert, signal: AbortSignal): Promise<boolean> {
  const { againMs } = options.timing ?? TIMING;
  let reason = '';
  for (let attempt = 0; attempt < TRIES && !signal.aborted; attempt += 1) {
    if (attempt > 0) await pause(againMs * 4 ** (attempt - 1), signal);
    try {
      await post(options, alert, signal);
      return true;
    } catch (error) {
      reason = reasonOf(error, options.url);
    }
  }
  if (!signal.aborted) options.log.warn({ reason, alert: alert.text }, 'an alert could not be sent');
  return false;
}

async function post(options: AlertOptions, alert: Alert, signal: AbortSignal): Promise<void> {
  const { tryMs } = options.timing ?? TIMING;
  const response = await fetch(options.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alert),
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(tryMs)]),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`it answered ${response.status}`);
}

/** fetch hides why it failed in its error's cause, and may quote the address. */
function reasonOf(error: unknown, url: string): string {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : '';
  return `${messageOf(error)}${cause}`.replaceAll(url, '[secret]');
}
