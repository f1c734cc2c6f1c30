import { defineConfig } from 'vitest/config';
import { CORE_FLOWS } from './test/support/core-flows.ts';
import LongestFirst from './test/support/longest-first.ts';

const setupFiles = ['test/support/setup.ts'];
// Longer than the patience of a step or two (test/support/eventually.ts), whose message says more than a time-out's.
const patience = { testTimeout: 300_000, hookTimeout: 300_000 };

const UNIT = ['test/architecture.test.ts', 'test/unit/**/*.test.ts'];
const CORE = ['test/pg/**/*.test.ts', 'test/sandbox/**/*.test.ts', ...CORE_FLOWS];

// `npm test` runs the projects unit and core, `npm run test:all` all three.
export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // Each file brings up databases and daemons of its own, and often waits for them: four at a time leave two cores idle now and then.
    maxWorkers: 5,
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { name: 'unit', include: UNIT, ...patience } },
      { test: { name: 'core', include: CORE, setupFiles, ...patience } },
      {
        test: {
          name: 'more',
          include: ['test/**/*.test.ts'],
          exclude: [...UNIT, ...CORE],
          setupFiles,
          ...patience,
        },
      },
    ],
  },
});
