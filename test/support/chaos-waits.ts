import type { Command } from './chaos-commands.ts';
import { meanwhile } from './chaos-database.ts';
import { commitsOf } from './chaos-landings.ts';
import { TRACKED, written } from './chaos-shop.ts';
import { keptText } from './chaos-texts.ts';
import type { World } from './chaos-world.ts';

/** More at once would take all connections of the pool. */
const MOST = 4;

/** Changes a row, asks PostgreSQL to wait until Notion shows it, and keeps the answer and the moment. */
export async function changeAndWait(
  world: World,
  { table, pick, what: property }: Extract<Command, { readonly do: 'wait' }>,
): Promise<void> {
  const rows = await world.sql<{ id: string }>(`select id::text as id from ${table} order by id`);
  const key = rows[pick % Math.max(rows.length, 1)]?.id;
  const column = TRACKED[table][property] ?? '';
  if (key === undefined || column === '' || world.tasks.size >= MOST) return;
  const value = written.sql(column, world.next());
  await world.sql(`update ${table} set ${column} = '${value}' where id = $1`, [key]);
  meanwhile(world, async () => {
    const answer = await waitFor(world, table, key);
    const index = commitsOf(world.stage.sandbox.control);
    const text = keptText(property, value, new Map());
    if (answer !== null && text !== null)
      world.waits.push({ table, key, property, value: text, answer, index });
  });
}

/** Null where it cannot say: pgnotion does not know the record, or the session was ended. */
async function waitFor(world: World, table: string, key: string): Promise<boolean | null> {
  try {
    const [row] = await world.sql<{ there: boolean }>(
      `select pgnotion.wait_for($1, $2, '4 seconds') as there`,
      [table, key],
    );
    return row?.there ?? null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'PGN02') return null;
    throw error;
  }
}
