import { expect, inject, test } from 'vitest';
import { killLoop } from '../support/kill-loop.ts';
import { startDebianPostgres15, startOwnPostgres } from '../support/servers.ts';

/** KILLS sets another number for all servers, and has the run told. */
const given = process.env.KILLS === undefined ? null : Number(process.env.KILLS);
/** Another order of moments, and other requests that hang. */
const SEED = Number(process.env.KILL_SEED ?? 0);

const servers = [
  ['the embedded PostgreSQL', startOwnPostgres, 'pgoutput', true, given ?? 10],
  ['PostgreSQL 15', startDebianPostgres15, 'pgoutput', inject('hasPostgres15'), given ?? 5],
  ['PostgreSQL 15 and wal2json', startDebianPostgres15, 'wal2json', inject('hasWal2json'), given ?? 5],
] as const;

for (const [name, start, plugin, there, kills] of servers) {
  test.runIf(there)(
    `invariants 1, 3, 4 and 9: ${kills} kills while rows and pages change leave both sides equal, each with the last words of the other (${name})`,
    async () => {
      const server = await start();
      if (server === null) throw new Error('no server');
      try {
        const report = await killLoop(kills, server.url, plugin, SEED);
        if (given !== null) process.stderr.write(`${name}: ${JSON.stringify(report)}\n`);
        // Without this, the kills would have shown nothing.
        expect(report.cut).toBeGreaterThan(kills / 3);
      } finally {
        await server.stop();
      }
    },
    60_000 + kills * 10_000,
  );
}
