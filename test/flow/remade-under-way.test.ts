import { expect, test } from 'vitest';
import { openInstallation } from '../../src/app/connections.ts';
import { type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import type { RowKey, TableName } from '../../src/model/ids.ts';
import { briefQueries } from '../../src/postgres/brief-queries.ts';
import { createShapes } from '../../src/reconcile/shapes.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { createStore } from '../../src/state/sql.ts';
import { sidesOf } from '../support/sides.ts';
import { createStack } from '../support/stack.ts';

// While a delivery still has in hand what it read of a column's predecessor, its rows are left to their pages once more.

const goods = 'goods' as TableName;
const config: ConfigInput = {
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      fields: { Name: { column: 'name', type: 'title' }, Note: { column: 'note', type: 'rich_text' } },
    },
  },
};
const schema = `create table goods (id integer primary key, name text not null, note text);
  insert into goods select n, 'good ' || n, 'note ' || n from generate_series(1, 4) n`;

test('invariant 15: what is emptied while a delivery still has its row in hand is emptied; what that delivery stored late is not', async () => {
  await using stack = await createStack({ config, schema });
  const sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
  await stack.stop();

  const installation = await openInstallation(parseConfig(config), stack.environment, silentLog());
  const [lease] = await sides.sql<{ epoch: number }>(
    "select (value #>> '{}')::int as epoch from pgnotion.settings where name = 'epoch'",
  );
  const store = createStore(installation.pool, lease?.epoch ?? 0);
  const tables = new Map(installation.tables.map((table) => [table.name, table]));
  const shapes = createShapes({
    store,
    db: briefQueries(installation.pool),
    rows: installation.db,
    mappings: installation.config.tables,
    strategy: stack.environment.SYNC_CONFLICT_STRATEGY,
    tables,
    replace: (table) => tables.set(table.name, table),
    onDirty: () => undefined,
    log: silentLog(),
  });
  const bases = async (): Promise<readonly unknown[]> =>
    (
      await sides.sql<{ base: unknown }>(
        "select base_row -> 'Note' as base from pgnotion.records where table_name = 'goods' order by key",
      )
    ).map(({ base }) => base);
  const stored = (id: number, note: string): Promise<unknown> =>
    sides.sql(`update pgnotion.records set base_row = base_row || '{"Note": "${note}"}', base_page = base_page || '{"Note": "${note}"}'
      where table_name = 'goods' and key = '${id}'`);
  try {
    await shapes.look(goods);
    const settled = shapes.reading(goods, ['1', '2', '3'] as RowKey[]);
    await sides.sql('alter table goods drop note, add note text');
    await shapes.look(goods);
    expect(await bases()).toEqual([null, null, null, null]);

    // The delivery of row 1 ends late. Rows 2 and 4 take what their pages show, and are emptied at once.
    await stored(1, 'note 1');
    for (const id of [2, 4]) await stored(id, `note ${id}`);
    await sides.sql(`insert into pgnotion.operations (direction, table_name, key, kind, status, fields, before, after)
      values ('to-postgres', 'goods', '2', 'update', 'done', '{Note}', '{"Note": null}', '{"Note": "note 2"}')`);
    for (let look = 0; look < 2; look++) {
      await shapes.look(goods);
      expect(await bases()).toEqual([null, 'note 2', null, 'note 4']);
    }
    // Nor afterwards, while another look still waits for the delivery.
    await stored(3, 'note 3');
    settled();
    await shapes.look(goods);
    expect(await bases()).toEqual([null, 'note 2', null, 'note 4']);
    // It is over then: whoever empties a row empties its page.
    await stored(1, 'note 1');
    await shapes.look(goods);
    expect(await bases()).toEqual(['note 1', 'note 2', null, 'note 4']);
  } finally {
    await installation.close();
  }
});
