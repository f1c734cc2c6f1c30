import { z } from 'zod';

const count = z.int().min(0);
const number = z.number();
const maybe = <T extends z.ZodType>(of: T) => of.nullable();
const time = z.iso.datetime();

const met = maybe(z.boolean()).describe('null: nothing was measured');
/** What `/api/slo` answers. */
export const slo = z.object({
  since: time,
  until: time,
  success: z.object({ rate: maybe(number), target: number, done: count, failed: count, isMet: met }),
  latency: z.object({
    p50: maybe(number),
    p95: maybe(number),
    p99: maybe(number),
    share: maybe(number).describe(
      'of the changes whose latency is known, those that took less than the target',
    ),
    target: number.describe('seconds'),
    changes: count,
    isMet: met,
  }),
  conflicts: z.object({ rate: maybe(number), target: number, conflicts: count, isMet: met }),
  lost: z.object({ changes: maybe(count), target: number, comparisons: count, isMet: met }),
  isMet: met,
});
