import { expect, test } from 'vitest';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { sidesOf, soon, typed } from '../support/sides.ts';
import { startStack } from '../support/stack.ts';

// The merge stops an echo by itself. What the mark in the log saves is the outbox entry, and all that looks at it.

test('a row that an edit in Notion changed makes no outbox entry; one that SQL changed makes one', async () => {
  await using stack = await startStack({ config: shopConfig, schema: `${shopSchema};${shopRows(2)}` });
  const { sql, edit, pageOf, rest } = sidesOf(stack);
  await sql('create table outbox_writes (key text primary key)');
  await sql(`create function count_outbox_write() returns trigger language plpgsql as $$
    begin insert into public.outbox_writes values (new.key) on conflict do nothing; return new; end $$`);
  await sql(`create trigger count_write after insert or update on pgnotion.outbox
    for each row execute function count_outbox_write()`);
  edit(await pageOf('items', '1'), { Note: typed('rich_text', 'by a person') });
  await soon(async () => (await sql(`select from items where id = 1 and note = 'by a person'`)).length === 1);
  await rest();
  expect(await sql('select key from outbox_writes')).toEqual([]);
  await sql(`update items set note = 'by a program' where id = 2`);
  await rest();
  expect(await sql('select key from outbox_writes')).toEqual([{ key: '2' }]);
});
