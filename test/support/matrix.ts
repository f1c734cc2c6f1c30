import { afterAll, beforeAll, describe, inject } from 'vitest';
import type { PostgresServer } from '../../src/sandbox/postgres-server.ts';
import { startDebianPostgres15 } from './servers.ts';

/** What the tests run on: PostgreSQL 18 and pgoutput, unless a file says otherwise. */
const TARGETS = {
  'pgoutput/15': { plugin: 'pgoutput', there: () => inject('hasPostgres15') },
  'wal2json/15': { plugin: 'wal2json', there: () => inject('hasWal2json') },
} as const;

let server: PostgresServer | null = null;
let template: string | null = null;
let plugin: 'pgoutput' | 'wal2json' = 'pgoutput';

/** The superuser's URL of the server that this file's tests run on. */
export const serverUrlUnderTest = (): string => server?.url ?? inject('postgresUrl');

/** A database of that server that has our schema and nothing else, to be copied: a fifth of what the migrations take. */
export const stateTemplateUnderTest = (): string => template ?? inject('stateTemplate');

/** The plug-in of this file's tests. */
export const pluginUnderTest = (): 'pgoutput' | 'wal2json' => plugin;

/** Runs the tests of other files on another server. Each file is a part of its own: what one sets up the next has not. */
export function runOn(
  target: keyof typeof TARGETS,
  files: Readonly<Record<string, () => Promise<unknown>>>,
): void {
  const { plugin: wanted, there } = TARGETS[target];
  describe.runIf(there())(target, () => {
    beforeAll(async () => {
      const started = await startDebianPostgres15();
      server = started;
      // It needs this file itself.
      const { createStateTemplate } = await import('./state-template.ts');
      if (started !== null) template = (await createStateTemplate(started.url)).name;
      plugin = wanted;
    });
    afterAll(async () => {
      await server?.stop();
      server = null;
      template = null;
      plugin = 'pgoutput';
    });
    for (const [name, load] of Object.entries(files))
      describe(name, async () => {
        await load();
      });
  });
}
