import { test } from 'vitest';
import { chaosOf } from '../support/chaos-run.ts';

// A handful of fixed runs; `npm run test:chaos` makes as many others as there is time for.
test.concurrent.each([1, 2, 3])(
  'invariants 1 to 9, invariants 15 and 16: changes, acts of people on all that Notion has, faults and kills in any order (seed %i)',
  { timeout: 180_000 },
  async (seed) => {
    await chaosOf({ seed, path: undefined, steps: 50, shrinkMs: 0 });
  },
);
