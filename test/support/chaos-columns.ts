import { setTimeout as sleep } from 'node:timers/promises';
import type { ChaosTable } from './chaos-shop.ts';
import type { World } from './chaos-world.ts';

/** What a migration does to a column, or a DBA to the rights of pgnotion's role, for a while. */
export type ColumnAct =
  /** Renamed away and back: the application's own statements fail meanwhile. */
  | { readonly do: 'column-away'; readonly table: ChaosTable; readonly pick: number; readonly ms: number }
  /** The role may not read one column, or may not write to the table. */
  | {
      readonly do: 'revoke';
      readonly table: ChaosTable;
      readonly pick: number;
      readonly what: 'select' | 'insert' | 'update' | 'delete';
      readonly ms: number;
    };

const COLUMNS: Readonly<Record<ChaosTable, readonly string[]>> = {
  parents: ['amount', 'seen', 'tags', 'docs', 'mood', 'name', 'updated_at'],
  children: ['note', 'qty', 'due', 'mood', 'stage', 'parent_id', 'divisor', 'hidden', 'title'],
};

const columnAt = (table: ChaosTable, pick: number): string => {
  const columns = COLUMNS[table];
  return columns[pick % columns.length] ?? '';
};

/** What a table or column is called away from its name: what meets another act of the kind finds nothing to do. */
async function renamed(world: World, table: ChaosTable, from: string, to: string): Promise<void> {
  await world.sql(`do $$ begin
    alter table ${table} rename column ${from} to ${to};
  exception when undefined_column or undefined_table then null; end $$`);
}

export async function takeColumnAway(
  world: World,
  { table, pick, ms }: Extract<ColumnAct, { do: 'column-away' }>,
): Promise<void> {
  const column = columnAt(table, pick);
  await renamed(world, table, column, `away_${column}`);
  await sleep(ms);
  await renamed(world, table, `away_${column}`, column);
}

export async function revokeForAWhile(
  world: World,
  { table, pick, what, ms }: Extract<ColumnAct, { do: 'revoke' }>,
): Promise<void> {
  const others = world.columns[table].filter((column) => column !== columnAt(table, pick)).join(', ');
  const rest = what === 'select' ? `grant select (${others}) on ${table} to ${world.role};` : '';
  // Renamed away, or a column of it: there is nothing to revoke then.
  await world.sql(`do $$ begin
    revoke ${what} on ${table} from ${world.role}; ${rest}
  exception when undefined_column or undefined_table then null; end $$`);
  await sleep(ms);
  await grantAll(world, table);
}

const grantAll = (world: World, table: ChaosTable): Promise<unknown> =>
  world.sql(`do $$ begin
    grant all on ${table} to ${world.role};
  exception when undefined_table then null; end $$`);

/** Gives each column its name back, and the role its rights. */
export async function endColumnActs(world: World): Promise<void> {
  for (const table of ['parents', 'children'] as const) {
    for (const column of COLUMNS[table]) await renamed(world, table, `away_${column}`, column);
    await grantAll(world, table);
  }
}
