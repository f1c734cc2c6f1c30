import { expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { startOwnPostgres } from '../support/servers.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { sidesOf } from '../support/sides.ts';
import { createStack } from '../support/stack.ts';

const MB = 1024 * 1024;
const KEPT_MB = 48;
const SETTINGS = {
  max_slot_wal_keep_size: `${KEPT_MB}MB`,
  wal_keep_size: '0',
  min_wal_size: '32MB',
  max_wal_size: '64MB',
};

type Slot = { readonly retained: number; readonly wal_status: string; readonly written: number };

test.each([
  ['dies', false],
  ['is dead when the daemon has to begin anew', true],
])(
  'invariant 13: Notion %s while rows are written: WAL does not pile up, the slot lives, and all arrives later',
  async (_, restarts) => {
    const server = await startOwnPostgres(SETTINGS);
    try {
      await using stack = await createStack({
        config: shopConfig,
        schema: shopSchema,
        serverUrl: server.url,
        pollSeconds: 0.5,
      });
      const sides = sidesOf(stack);
      await sides.sql(`${shopRows(20)}; create table ballast (text text);
        alter table ballast alter text set storage external`);
      await stack.apply();
      await stack.start();
      await agreed(stack);
      const [{ at: from } = { at: '0/0' }] = await sides.sql<{ at: string }>(
        'select pg_current_wal_lsn() as at',
      );

      const { faults } = stack.sandbox.control;
      faults.add({ match: {}, times: null, action: { kind: 'reset', when: 'before' } });
      if (restarts) {
        await sides.sql(`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'pgnotion state'`);
      }
      const look = async (): Promise<Slot> => {
        const [slot] = await sides.sql<Slot>(
          `select retained_bytes::float8 as retained, wal_status,
          pg_wal_lsn_diff(pg_current_wal_lsn(), $1)::float8 as written from pgnotion.slot`,
          [from],
        );
        if (slot === undefined) throw new Error('no slot');
        return slot;
      };
      let most = 0;
      for (let round = 0; round < 12; round += 1) {
        await sides.sql(`update items set stock = stock + 1, note = 'round ' || $1::text`, [round]);
        await sides.sql(
          `insert into ballast select repeat(md5(i::text), 100) from generate_series(1, 3000) i`,
        );
        await sides.sql(`truncate ballast`);
        await sides.sql('checkpoint');
        // The reader gets the time that it needs, and no more than that.
        const slot = await eventually(async () => {
          const now = await look();
          return now.retained < (KEPT_MB / 2) * MB && now;
        });
        most = Math.max(most, slot.retained);
        expect(slot.wal_status).toMatch(/^(reserved|extended)$/);
      }
      expect((await look()).written, 'bytes of WAL').toBeGreaterThan(2 * KEPT_MB * MB);
      expect(most).toBeLessThan(KEPT_MB * MB);

      faults.clear();
      await agreed(stack);
      expect(await sides.sql(`select count(*)::int as n from items where note = 'round 11'`)).toEqual([
        { n: 20 },
      ]);
    } finally {
      await server.stop();
    }
  },
);
