import { startDebianPostgres15 } from './servers.ts';

/** A server for tests that hold on both versions: `url` is undefined for the run's own. */
export type VersionedServer = { readonly url: string | undefined; readonly stop: () => Promise<void> };

export const VERSIONS = ['18', '15'] as const;
export type Version = (typeof VERSIONS)[number];

/** The run's server, or one of the system's PostgreSQL 15; null where that is not installed, which global setup says. */
export async function serverOf(version: Version): Promise<VersionedServer | null> {
  if (version === '18') return { url: undefined, stop: async () => undefined };
  const server = await startDebianPostgres15({ wal_level: 'logical', max_connections: '100' });
  return server === null ? null : { url: server.url, stop: server.stop };
}
