import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { PostgresServer } from '../../src/sandbox/postgres-server.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { CliProcess } from '../support/daemon-process.ts';
import { differences } from '../support/differences.ts';
import { eventually } from '../support/eventually.ts';
import { startDebianPostgres15, startOwnPostgres } from '../support/servers.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

const MEGABYTE = 1024 * 1024;

/** Each with a `bytea` whose text it can send still, and one that it cannot. */
const servers = [
  { name: 'pgoutput/18', plugin: 'pgoutput', start: () => startOwnPostgres(), there: true },
  {
    name: 'wal2json/15',
    plugin: 'wal2json',
    start: () => startDebianPostgres15(),
    there: inject('hasWal2json'),
  },
] as const;

/** The most memory that a process has had, in MB; null where the system does not say. */
async function peakOf({ pid }: CliProcess): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(status) ?? [];
  return kilobytes === undefined ? null : Number(kilobytes) / 1024;
}

describe.each(servers)('$name', ({ plugin, start, there }) => {
  let server: PostgresServer | null = null;
  let stage: CliStage;
  let daemon: CliProcess;

  beforeAll(async () => {
    if (!there) return;
    server = await start();
    stage = await createCliStage({
      config: { plugin, ...shopConfig },
      schema: `${shopSchema};${shopRows(3)}; alter table items add attachment bytea;
        alter table items alter attachment set storage external`,
      ...(server && { serverUrl: server.url }),
    });
    await stage.apply();
    daemon = await stage.start();
    await stage.settled();
  });
  afterAll(async () => {
    if (!there) return;
    await stage[Symbol.asyncDispose]();
    await server?.stop();
  });

  const sql = (text: string, values: readonly unknown[] = []) => stage.database.pool.query(text, [...values]);
  const warnings = (): number => daemon.stderr().match(/not signed by us/g)?.length ?? 0;
  const attach = (id: number, megabytes: number) =>
    sql(`update items set name = $3, attachment = convert_to(repeat('x', $2::int), 'UTF8') where id = $1`, [
      id,
      megabytes * MEGABYTE,
      `with ${megabytes} MB`,
    ]);

  test.runIf(there)(
    'invariants 12 and 16: a column of hundreds of megabytes, and messages of others as large, cost time and no memory',
    async () => {
      const before = await peakOf(daemon);
      const warned = warnings();
      await attach(1, 200);
      await sql(`select pg_logical_emit_message(true, 'other', repeat('x', $1::int))`, [400 * MEGABYTE]);
      await sql(`select pg_logical_emit_message(false, 'other', repeat('x', $1::int))`, [400 * MEGABYTE]);
      // Of any role: none is signed by us, and the change beside them is carried to Notion.
      await sql(`do $$ begin
        for n in 1..20000 loop perform pg_logical_emit_message(true, 'pgnotion', n::text); end loop;
        update items set name = 'forged' where id = 2; end $$`);
      await stage.settled();
      expect(await differences(stage)).toEqual([]);
      const after = await peakOf(daemon);
      expect(daemon.ended()).toBe(false);
      // Held whole, either would take more than its own length.
      if (before !== null && after !== null) expect(after - before).toBeLessThan(180);
      // The test's own mark was the first, where wal2json is told of no other prefix.
      expect(warnings() - warned).toBeLessThanOrEqual(1);
      expect(warnings()).toBeLessThanOrEqual(2);
    },
  );

  test.runIf(there)(
    'invariant 1: a change that PostgreSQL cannot send has the slot made anew and everything compared',
    async () => {
      await attach(3, 600);
      await sql(`insert into items (name) values ('behind it')`);
      await eventually(
        () => daemon.stderr().includes('wal_unsendable') || daemon.stderr().includes('cannot send'),
      );
      await eventually(async () => {
        await stage.settled(20_000);
        expect(await differences(stage)).toEqual([]);
        return true;
      });
      expect(daemon.ended()).toBe(false);
      const { rows } = await sql(
        `select count(*)::int as renewals from pgnotion.settings where name = 'slot_renewal'`,
      );
      expect(rows).toEqual([{ renewals: 0 }]);
    },
  );
});

test.runIf(inject('hasWal2json'))(
  'another plug-in in the configuration makes a new slot, and what changed in between is compared',
  async () => {
    const server = await startDebianPostgres15();
    if (server === null) throw new Error('no server');
    try {
      const options = { schema: `${shopSchema};${shopRows(3)}`, serverUrl: server.url };
      await using stage = await createCliStage({ ...options, config: { plugin: 'pgoutput', ...shopConfig } });
      await stage.apply();
      const first = await stage.start();
      await stage.settled();
      await first.kill9();
      await stage.database.pool.query(
        `update items set name = 'in between' where id = 1; delete from items where id = 2`,
      );
      await stage.configure({ plugin: 'wal2json' });
      await stage.start();
      await stage.settled();
      expect(await differences(stage)).toEqual([]);
      const { rows } = await stage.database.pool.query('select plugin from pg_replication_slots');
      expect(rows).toEqual([{ plugin: 'wal2json' }]);
    } finally {
      await server.stop();
    }
  },
);
