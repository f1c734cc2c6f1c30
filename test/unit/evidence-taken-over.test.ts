import { expect, test } from 'vitest';
import { runAsAssumed } from '../../src/app/probe/taken-over.ts';
import { type Assumptions, CAUTIOUS } from '../../src/model/probe/assumptions.ts';
import { silentLog } from '../../src/runtime/log.ts';

const assumed = (queryLagMs: number): Assumptions => ({ ...CAUTIOUS, queryLagMs, handsBackFiles: true });

test('flows begin anew by what a probe has found, once what is in flight is finished, and end with the signal', async () => {
  const stop = new AbortController();
  let found = assumed(60_000);
  const told: string[] = [];
  const flows = ({ queryLagMs }: Assumptions) => [
    {
      name: 'a flow',
      run: async (signal: AbortSignal) => {
        told.push(`begins by ${queryLagMs}`);
        if (queryLagMs === 60_000) found = assumed(30_000);
        else stop.abort();
        if (!signal.aborted)
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        told.push(`ends by ${queryLagMs}`);
      },
    },
  ];
  const taken = { read: async () => found, flows, log: silentLog(), everyMs: 1 };
  await runAsAssumed(found, taken, stop.signal);
  expect(told).toEqual(['begins by 60000', 'ends by 60000', 'begins by 30000', 'ends by 30000']);
});

test('evidence that changes nothing disturbs nothing, and a flow that fails is told as it is', async () => {
  let looks = 0;
  const failing = Promise.withResolvers<void>();
  const taken = {
    read: async () => {
      looks += 1;
      if (looks === 3) failing.reject(new Error('it fails'));
      return assumed(60_000);
    },
    flows: () => [{ name: 'a flow', run: () => failing.promise }],
    log: silentLog(),
    everyMs: 1,
  };
  const run = runAsAssumed(assumed(60_000), taken, new AbortController().signal);
  await expect(run).rejects.toThrow('it fails');
  expect(looks).toBeGreaterThanOrEqual(3);
});
