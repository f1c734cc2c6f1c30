import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/chaos/long.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
  },
});
