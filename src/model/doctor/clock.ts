import { type Check, ok, warning } from './check.ts';

/** Notion tells whole seconds, and an answer may take one. */
const TOLERATED_MS = 5_000;

export function clockCheck(id: string, whose: string, skewMs: number): Check {
  const seconds = (Math.abs(skewMs) / 1_000).toFixed(1);
  if (Math.abs(skewMs) <= TOLERATED_MS) return ok(id, `within ${seconds} s of this machine's`);
  return warning(
    id,
    `the clock of ${whose} is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine's`,
    'have both machines keep time by NTP (timedatectl set-ntp true): conflicts are decided by the time of the last change',
  );
}
