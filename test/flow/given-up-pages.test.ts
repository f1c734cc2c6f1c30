import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';

// A page that Notion does not show any more is given up by a command, and what refers to its row shows the new one.

const name = { column: 'name', type: 'title' } as const;
const related = (column: string) => ({ column, type: 'relation', relatedTable: 'makers' }) as const;

let stage: CliStage;
let sides: Sides;

beforeAll(async () => {
  stage = await createCliStage({
    config: {
      tables: {
        makers: { source: 'public.makers', key: 'id', title: 'Makers', fields: { Name: name } },
        goods: {
          source: 'public.goods',
          key: 'id',
          title: 'Goods',
          fields: { Name: name, Maker: related('maker_id'), Others: related('others') },
        },
      },
    },
    schema: `
      create table makers (id integer primary key, name text not null);
      create table goods (id integer primary key, name text not null, maker_id integer references makers, others integer[]);
      insert into makers select n, 'maker ' || n from generate_series(1, 3) n;
      insert into goods values (1, 'of 1', 1, '{2}'), (2, 'beside 1', 3, '{1,2}'), (3, 'of others', 2, '{3}')`,
  });
  sides = sidesOf(stage);
  await stage.apply();
});
afterAll(async () => stage?.[Symbol.asyncDispose]());

test('invariant 1: the rows that refer to a row whose page was given up show its new page', async () => {
  await using _ = await stage.start();
  await stage.settled();
  const [former, two, three] = await Promise.all(['1', '2', '3'].map((key) => sides.pageOf('makers', key)));
  const goods = await Promise.all(['1', '2', '3'].map((key) => sides.pageOf('goods', key)));
  stage.sandbox.control.unshare(former ?? '');
  await sides.sql(`update makers set name = 'changed' where id = 1`);
  await soon(async () => (await sides.failures()).some(({ code }) => code === 'page_hidden'));
  expect(await stage.run(['reset', 'makers', '1', '--yes'])).toMatchObject({ code: 0 });
  await soon(async () => (await sides.pageOf('makers', '1')) !== former);
  const now = await sides.pageOf('makers', '1');
  await soon(() => expect(sides.shown(goods[0] ?? '', 'Maker')).toEqual([now]) ?? true);
  await soon(() => expect(sides.shown(goods[1] ?? '', 'Others')).toEqual([now, two].sort()) ?? true);
  await stage.settled();
  expect(sides.shown(goods[0] ?? '', 'Others')).toEqual([two]);
  expect([sides.shown(goods[2] ?? '', 'Maker'), sides.shown(goods[2] ?? '', 'Others')]).toEqual([
    [two],
    [three],
  ]);
  expect(await sides.sql('select maker_id, others from goods order by id')).toEqual([
    { maker_id: 1, others: [2] },
    { maker_id: 3, others: [1, 2] },
    { maker_id: 2, others: [3] },
  ]);
  expect(await sides.failures()).toEqual([]);
});
