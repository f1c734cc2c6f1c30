import { defineConfig } from 'vitest/config';
import LongestFirst from './test/support/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    // Each file brings up databases and daemons of its own, and mostly waits for them: two cores carry four at a time.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // Longer than the patience of a step or two (test/support/eventually.ts), whose message says more than a time-out's.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
