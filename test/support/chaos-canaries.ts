import { excusesOf } from './chaos-excuses.ts';
import { written } from './chaos-shop.ts';
import { changeAndWait } from './chaos-waits.ts';
import type { World } from './chaos-world.ts';

/** A change that is made when the faults end, and whether it is on the other side, or a person was told why not. */
export type Canary = { readonly what: string; readonly arrived: () => Promise<boolean> };

const TITLE = { parents: 'Name', children: 'Title' } as const;

/** A row, a row that refers to it, and a page: a daemon that has gone deaf on either side shows by these. */
export async function releaseCanaries(world: World): Promise<readonly Canary[]> {
  const [name, title, typed] = [world.next(), world.next(), world.next()];
  const [made] = await world.sql<{ parent: string; child: string }>(
    `with made as (insert into parents (id, name) values (${2_000_000 + name}, '${written.sql('name', name)}') returning id)
     insert into children (title, parent_id) select '${written.sql('title', title)}', id from made
     returning parent_id::text as parent, id::text as child`,
  );
  const called = world.propertyNow('parents', 'Name') ?? 'Name';
  const { id: page } = world.stage.sandbox.control.createPage(world.sources.parents, {
    // One that ends in 3 would be refused by a trigger of the application's.
    [called]: { title: [{ text: { content: `h${typed}0` } }] },
  });
  for (const table of ['parents', 'children'] as const)
    for (const pick of [0, 1]) await changeAndWait(world, { do: 'wait', table, pick, what: TITLE[table] });
  return [
    ofRow(world, 'parents', made?.parent ?? ''),
    ofRow(world, 'children', made?.child ?? ''),
    ofPage(world, page, `h${typed}0`),
  ];
}

const ofRow = (world: World, table: 'parents' | 'children', key: string): Canary => ({
  what: `the page of ${table}/${key}`,
  arrived: async () => {
    const owners = await world.sql<{ page: string }>(
      'select page_id as page from pgnotion.records where table_name = $1 and key = $2 and page_id is not null',
      [table, key],
    );
    if (owners.some(({ page }) => world.pages(table).some(({ id }) => id === page))) return true;
    const { deliveries, told } = await excusesOf(world);
    return deliveries.has(`${table}/${key}`) || told.has(`${table}/${key}`);
  },
});

const ofPage = (world: World, page: string, name: string): Canary => ({
  what: `the row of page ${page}`,
  arrived: async () => {
    const rows = await world.sql('select from parents where name = $1', [name]);
    if (rows.length > 0) return true;
    const { edits, drift } = await excusesOf(world);
    return edits.has(page) || drift.has('parents/Supabase ID');
  },
});
