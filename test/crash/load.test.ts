import { expect, inject, test } from 'vitest';
import { killLoop } from '../support/kill-loop.ts';
import { startDebianPostgres15, startOwnPostgres } from '../support/servers.ts';

/** KILLS sets another number, and has the run told. */
const KILLS = Number(process.env.KILLS ?? 50);

const servers = [
  ['the embedded PostgreSQL', startOwnPostgres, 'pgoutput', true],
  ['PostgreSQL 15', startDebianPostgres15, 'pgoutput', inject('hasPostgres15')],
  ['PostgreSQL 15 and wal2json', startDebianPostgres15, 'wal2json', inject('hasWal2json')],
] as const;

for (const [name, start, plugin, there] of servers) {
  test.runIf(there)(
    `invariants 1, 3, 4 and 9: ${KILLS} kills while rows and pages change leave both sides equal, each with the last words of the other (${name})`,
    async () => {
      const server = await start();
      if (server === null) throw new Error('no server');
      try {
        const report = await killLoop(KILLS, server.url, plugin);
        if (process.env.KILLS) process.stderr.write(`${name}: ${JSON.stringify(report)}\n`);
        // Without this, the kills would have shown nothing.
        expect(report.cut).toBeGreaterThan(KILLS / 3);
      } finally {
        await server.stop();
      }
    },
    60_000 + KILLS * 10_000,
  );
}
