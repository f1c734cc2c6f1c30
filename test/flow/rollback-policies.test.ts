import { expect, test } from 'vitest';
import { createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

const { items } = shopConfig.tables;

test.each([
  ['deleted', 'delete', 'select from items where id = 1 and gone is null'],
  ['marked as deleted', { softDelete: 'gone' }, 'select from items where id = 1 and gone is null'],
] as const)(
  'invariants 3 and 7: a row that was %s because its page was trashed comes back with that page by a rollback',
  async (_what, onNotionTrash, there) => {
    await using stage = await createCliStage({
      config: { ...shopConfig, tables: { items: { ...items, onNotionTrash } } },
      schema: `${shopSchema}; alter table items add column gone timestamptz; ${shopRows(3)}`,
    });
    await stage.apply();
    await stage.start();
    await stage.settled();
    const { pool } = stage.database;
    const count = async (text: string) => (await pool.query(text)).rowCount;
    const { rows } = await pool.query<{ page: string }>(
      `select page_id as page from pgnotion.records where key = '1'`,
    );
    const page = rows[0]?.page ?? '';
    stage.sandbox.control.trashPage(page);
    await eventually(async () => (await count(there)) === 0);

    const preview = await stage.run(['rollback', '--record', 'items', '1', '--dry-run']);
    expect(preview).toMatchObject({ code: 0 });
    expect(preview.stdout).toContain('items 1');
    expect(await count(there)).toBe(0);
    expect(await stage.run(['rollback', '--record', 'items', '1'])).toMatchObject({ code: 0 });
    expect(await count(there)).toBe(1);
    await eventually(() => stage.sandbox.control.page(page).in_trash === false);
    await pool.query(`update items set stock = 777 where id = 1`);
    await eventually(() => {
      const { Stock } = stage.sandbox.control.page(page).properties;
      return (Stock as { readonly number: number }).number === 777;
    });
    // Once more changes nothing.
    const again = await stage.run(['rollback', '--record', 'items', '1', '--dry-run']);
    expect(again.stdout).not.toMatch(/gone.*set/);
  },
);
