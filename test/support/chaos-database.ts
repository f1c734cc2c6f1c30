import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { type ColumnAct, endColumnActs, revokeForAWhile, takeColumnAway } from './chaos-columns.ts';
import { type ChaosTable, written } from './chaos-shop.ts';
import type { World } from './chaos-world.ts';
import { eventually } from './eventually.ts';

/** What administrators, migrations and applications do in PostgreSQL beside changing rows. */
export type DatabaseAct =
  | ColumnAct
  /** The slot is moved on, taken away, or made anew where the log is now: what was changed before is not in it. */
  | { readonly do: 'slot'; readonly how: 'advance' | 'drop' | 'recreate' }
  | { readonly do: 'publication'; readonly table: ChaosTable; readonly how: 'leave' | 'kinds' | 'drop' }
  /** Renamed away and back, as tools do that make a table anew. */
  | { readonly do: 'table-away'; readonly table: ChaosTable; readonly ms: number }
  /** A label is added to an enum, and a row gets it at once. */
  | { readonly do: 'label'; readonly pick: number }
  /** Makes an expression over one row fail, or mends it. */
  | { readonly do: 'divide'; readonly pick: number; readonly by: 0 | 1 }
  /** A row leaves the table's condition, or comes back. */
  | { readonly do: 'hide'; readonly pick: number; readonly hidden: boolean }
  /** Row-level security, forced on the table's owner too, hides rows: for a while, or (null) until the end. */
  | {
      readonly do: 'row-security';
      readonly table: ChaosTable;
      readonly shown: 'some' | 'none';
      readonly ms: number | null;
    }
  /** A row is locked by an application for a while. */
  | { readonly do: 'hold'; readonly table: ChaosTable; readonly pick: number; readonly ms: number };

const table = fc.constantFrom<ChaosTable>('parents', 'parents', 'children');
const pick = fc.nat(10_000);

const act = <Do extends DatabaseAct['do'], Rest extends object>(
  what: Do,
  rest: { readonly [K in keyof Rest]: fc.Arbitrary<Rest[K]> },
): fc.Arbitrary<{ do: Do } & Rest> =>
  fc.record({ do: fc.constant(what), ...rest }) as unknown as fc.Arbitrary<{ do: Do } & Rest>;

/** Each with how often it comes among the commands. */
export const DATABASE_ACTS: readonly {
  readonly weight: number;
  readonly arbitrary: fc.Arbitrary<DatabaseAct>;
}[] = [
  {
    weight: 2,
    arbitrary: act('slot', {
      how: fc.constantFrom<'advance' | 'drop' | 'recreate'>('advance', 'drop', 'recreate'),
    }),
  },
  {
    weight: 2,
    arbitrary: act('publication', {
      table,
      how: fc.constantFrom<'leave' | 'kinds' | 'drop'>('leave', 'leave', 'kinds', 'drop'),
    }),
  },
  { weight: 1, arbitrary: act('table-away', { table, ms: fc.integer({ min: 10, max: 1_500 }) }) },
  { weight: 1, arbitrary: act('label', { pick }) },
  { weight: 3, arbitrary: act('divide', { pick, by: fc.constantFrom<0 | 1>(0, 0, 1) }) },
  { weight: 3, arbitrary: act('hide', { pick, hidden: fc.constantFrom(true, true, false) }) },
  {
    weight: 4,
    arbitrary: act('row-security', {
      table,
      shown: fc.constantFrom<'some' | 'none'>('some', 'none'),
      ms: fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: 10, max: 5_000 }) as fc.Arbitrary<number | null> },
        { weight: 1, arbitrary: fc.constant(null) },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: act('column-away', { table, pick, ms: fc.integer({ min: 10, max: 1_500 }) }),
  },
  {
    weight: 3,
    arbitrary: act('revoke', {
      table,
      pick,
      what: fc.constantFrom<'select' | 'insert' | 'update' | 'delete'>(
        'select',
        'select',
        'insert',
        'update',
        'delete',
      ),
      ms: fc.integer({ min: 10, max: 2_500 }),
    }),
  },
  { weight: 3, arbitrary: act('hold', { table, pick, ms: fc.integer({ min: 20, max: 2_500 }) }) },
];

const DATABASE: ReadonlySet<string> = new Set<DatabaseAct['do']>([
  'slot',
  'publication',
  'table-away',
  'label',
  'divide',
  'hide',
  'row-security',
  'column-away',
  'revoke',
  'hold',
]);
export const isDatabaseAct = (step: { readonly do: string }): step is DatabaseAct => DATABASE.has(step.do);

async function keyAt(world: World, of: ChaosTable, at: number): Promise<string | undefined> {
  const rows = await world.sql<{ id: string }>(`select id::text as id from ${of} order by id`);
  return rows[at % Math.max(rows.length, 1)]?.id;
}

/** Ends who reads the slot, and does something to it before somebody reads it again; nothing if that is too late. */
async function changeSlot(world: World, how: Extract<DatabaseAct, { do: 'slot' }>['how']): Promise<void> {
  const slot = world.stage.config.slot;
  const make = `pg_create_logical_replication_slot('${slot}', 'pgoutput')`;
  const statements = {
    advance: `select pg_replication_slot_advance('${slot}', pg_current_wal_lsn())`,
    drop: `select pg_drop_replication_slot('${slot}')`,
    recreate: `select pg_drop_replication_slot('${slot}'); select ${make}`,
  };
  await world.sql('select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1', [
    slot,
  ]);
  await world.sql(statements[how]).catch((error: unknown) => {
    // Somebody reads it again, or there is none.
    if (!(error instanceof Error && /is active|does not exist|already exists/.test(error.message)))
      throw error;
  });
}

async function changePublication(
  world: World,
  { table: of, how }: Extract<DatabaseAct, { do: 'publication' }>,
): Promise<void> {
  const name = world.stage.config.publication;
  const statements = {
    leave: `alter publication ${name} drop table ${of}`,
    kinds: `alter publication ${name} set (publish = 'insert')`,
    drop: `drop publication ${name}`,
  };
  await world.sql(statements[how]).catch((error: unknown) => {
    if (!(error instanceof Error && /does not exist|is not part of the publication/.test(error.message)))
      throw error;
  });
}

/** Does what takes a while beside the other steps; the run waits for it in the end. */
export function meanwhile(world: World, work: () => Promise<unknown>): void {
  const task = work().finally(() => world.tasks.delete(task));
  world.tasks.add(task);
}

async function hold(
  world: World,
  { table: of, pick: at, ms }: Extract<DatabaseAct, { do: 'hold' }>,
): Promise<void> {
  const key = await keyAt(world, of, at);
  if (key === undefined) return;
  meanwhile(world, async () => {
    const client = await world.stage.database.pool.connect();
    try {
      await client.query('begin');
      await client.query(`select from ${of} where id = $1 for update`, [key]);
      await sleep(ms);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      // The table is renamed away at this moment.
      if (!(error instanceof Error && /does not exist/.test(error.message))) throw error;
    } finally {
      client.release();
    }
  });
}

/** Without the policy that shows some rows, row-level security shows none. */
const SECURE = {
  some: (of: ChaosTable) => `alter policy some_rows on ${of} to public`,
  none: (of: ChaosTable) => `alter policy some_rows on ${of} to pg_monitor`,
} as const;

const unsecure = (world: World, of: ChaosTable): Promise<unknown> =>
  world.sql(`alter table ${of} disable row level security, no force row level security`);

async function secure(
  world: World,
  { table: of, shown, ms }: Extract<DatabaseAct, { do: 'row-security' }>,
): Promise<void> {
  // Before the statement, which may wait for a lock: whoever is to switch it off at that moment has to know.
  const isNew = ms === null && !world.secured.has(of);
  if (isNew) world.secured.add(of);
  await world
    .sql(`${SECURE[shown](of)}; alter table ${of} enable row level security, force row level security`)
    .catch((error: unknown) => {
      if (isNew) world.secured.delete(of);
      throw error;
    });
  if (ms !== null)
    meanwhile(world, async () => {
      await sleep(ms);
      if (world.secured.has(of)) return;
      await unsecure(world, of).catch((error: unknown) => {
        // The table is renamed away at this moment: the end of the run switches it off.
        if (!(error instanceof Error && /does not exist/.test(error.message))) throw error;
      });
    });
}

/** What row-level security hides rows of is not synced, and says why, whatever else was done to it. */
export async function expectSecuredTold(world: World): Promise<void> {
  if (world.secured.size === 0) return;
  while (world.tasks.size > 0) await Promise.all(world.tasks);
  // What met another act of the kind may have been left undone, and is told first.
  await endColumnActs(world);
  await world.daemon.ready();
  await eventually(async () => {
    const told = await world.sql<{ name: ChaosTable }>(
      `select table_name as name from pgnotion.status where paused_reason like '%row-level security%'`,
    );
    const names = told.map(({ name }) => name);
    return [...world.secured].every((of) => names.includes(of));
  });
}

async function addLabel(world: World, at: number): Promise<void> {
  const label = `later ${world.next()}`;
  await world.sql(`alter type mood add value '${label}'`);
  const key = await keyAt(world, 'parents', at);
  await world.sql(
    `update parents set mood = '${label}', name = '${written.sql('name', world.next())}' where id = $1`,
    [key ?? null],
  );
}

export async function changeDatabase(world: World, step: DatabaseAct): Promise<void> {
  switch (step.do) {
    case 'slot':
      return changeSlot(world, step.how);
    case 'publication':
      return changePublication(world, step);
    case 'table-away':
      return meanwhile(world, async () => {
        // Two of these acts may meet: the second finds no table, or brings back the first one's.
        await world.sql(`alter table if exists ${step.table} rename to away_${step.table}`);
        await sleep(step.ms);
        await world.sql(`alter table if exists away_${step.table} rename to ${step.table}`);
      });
    case 'label':
      return addLabel(world, step.pick);
    case 'divide':
      await world.sql('update children set divisor = $2 where id = $1', [
        (await keyAt(world, 'children', step.pick)) ?? null,
        step.by,
      ]);
      return;
    case 'hide':
      await world.sql('update children set hidden = $2 where id = $1', [
        (await keyAt(world, 'children', step.pick)) ?? null,
        step.hidden,
      ]);
      return;
    case 'row-security':
      return secure(world, step);
    case 'column-away':
      return meanwhile(world, () => takeColumnAway(world, step));
    case 'revoke':
      return meanwhile(world, () => revokeForAWhile(world, step));
    case 'hold':
      return hold(world, step);
    default:
      step satisfies never;
  }
}

/** Waits for what is under way, and mends what keeps rows from being read. What a daemon has to mend itself stays. */
export async function endDatabaseActs(world: World): Promise<void> {
  while (world.tasks.size > 0) await Promise.all(world.tasks);
  await endColumnActs(world);
  for (const of of ['parents', 'children'] as const) await unsecure(world, of);
  await world.sql('update children set divisor = 1 where divisor = 0');
}
