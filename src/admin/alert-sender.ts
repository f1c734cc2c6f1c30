import { messageOf } from '../model/errors.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import type { Wake } from '../runtime/wake.ts';
import type { Cause } from './alert-causes.ts';
import { afterTelling, dueTellings, type Pace, type Seen, type Telling, type Told } from './alert-rules.ts';
import { type Alert, alertOf, resolvedOf, textOf } from './alert-text.ts';

type AlertOptions = {
  /** Where alerts are posted; null: nowhere. Such an address is a secret in itself, and is never logged. */
  readonly url: string | null;
  readonly slot: string;
  readonly log: Log;
  /** Rung when there may be news. */
  readonly wake: Wake;
  /** What there is to tell of now. */
  readonly seen: () => Promise<Seen>;
  /** What was told before, by whichever daemon; what this one told is kept there. */
  readonly memory: { readonly read: () => Promise<Told>; readonly save: (told: Told) => Promise<void> };
  readonly pace: Pace;
  readonly timing?: AlertTiming;
};

/** Milliseconds: between two looks, for one try, before the second try, and until a cause that is not seen counts as over. */
export type AlertTiming = {
  readonly lookMs: number;
  readonly tryMs: number;
  readonly againMs: number;
  readonly clearedMs?: number;
};

const TIMING: AlertTiming = { lookMs: 15_000, tryMs: 5_000, againMs: 1_000 };
const TRIES = 3;
/** Whoever notices these has them in the log, once and with their level: a second line would be counted as a second fault. */
const IN_THE_LOG: ReadonlySet<Cause['kind']> = new Set([
  'notion-refuses',
  'requests-refused',
  'table-suspended',
  'slot-renewed',
  'taken-over',
]);

/** Tells of whatever needs a person, and that it is over, beside the flows and never in their way. */
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
  const { memory, slot } = options;
  const pace = { ...options.pace, clearedMs: options.timing?.clearedMs ?? options.pace.clearedMs };
  const seen = await options.seen();
  const told = await memory.read();
  const sent = new Map<string, boolean>();
  for (const telling of dueTellings(seen, told, Date.now(), pace)) {
    logOnce(options.log, telling);
    const now = new Date();
    const alert =
      telling.kind === 'raised'
        ? alertOf(telling.cause, slot, now)
        : resolvedOf({ ...telling.told, key: telling.key }, slot, now);
    // That what nobody was told of is over is no news.
    const isNews = telling.kind === 'raised' || telling.told.arrived;
    const arrived = isNews ? await send(options, alert, signal) : true;
    if (signal.aborted && !arrived) return;
    sent.set(telling.key, arrived);
  }
  await memory.save(afterTelling(told, seen, sent, Date.now(), pace));
}

function logOnce(log: Log, telling: Telling): void {
  if (!telling.isNew) return;
  if (telling.kind === 'raised') {
    const { kind } = telling.cause;
    log[IN_THE_LOG.has(kind) ? 'info' : 'warn'](
      { cause: kind, alert: textOf(telling.cause) },
      'an alert is raised',
    );
  } else log.info({ cause: telling.told.kind, alert: telling.told.text }, 'an alert is resolved');
}

/** Gives whether it arrived; what did not is in the log. */
async function send(options: AlertOptions, alert: Alert, signal: AbortSignal): Promise<boolean> {
  const { url } = options;
  if (url === null) return true;
  const { againMs } = options.timing ?? TIMING;
  let reason = '';
  for (let attempt = 0; attempt < TRIES && !signal.aborted; attempt += 1) {
    if (attempt > 0) await pause(againMs * 4 ** (attempt - 1), signal);
    try {
      await post(options, url, alert, signal);
      return true;
    } catch (error) {
      reason = reasonOf(error, url);
    }
  }
  if (!signal.aborted) options.log.warn({ reason, alert: alert.text }, 'an alert could not be sent');
  return false;
}

async function post(options: AlertOptions, url: string, alert: Alert, signal: AbortSignal): Promise<void> {
  const { tryMs } = options.timing ?? TIMING;
  const response = await fetch(url, {
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
