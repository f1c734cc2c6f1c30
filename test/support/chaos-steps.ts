import { setTimeout as sleep } from 'node:timers/promises';
import type { Act } from './chaos-acts.ts';
import type { Command } from './chaos-commands.ts';
import { changeDatabase, isDatabaseAct } from './chaos-database.ts';
import { carryOutAct, choose } from './chaos-editor.ts';
import { changePages } from './chaos-pages.ts';
import { type ChaosTable, TRACKED, written } from './chaos-shop.ts';
import { changeAndWait } from './chaos-waits.ts';
import type { World } from './chaos-world.ts';

/** What PostgreSQL refuses (a key that is taken, a deadlock with the daemon, a table or column that is away, what the tables' owner may not do) is no step; everything else is a fault. */
async function attempt(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const state = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!/^(23|40|42P01|42703|42501)/.test(state)) throw error;
  }
}

async function keyAt(world: World, table: ChaosTable, pick: number): Promise<string | undefined> {
  const rows = await world.sql<{ id: string }>(`select id::text as id from ${table} order by id`);
  return choose(rows, pick)?.id;
}

const columnsOf = (table: ChaosTable, properties: readonly string[]): string[] =>
  properties.map((property) => TRACKED[table][property] ?? property);

/** `set` clause with a new value for each column. */
const sets = (world: World, columns: readonly string[]): string =>
  columns.map((column) => `${column} = '${written.sql(column, world.next())}'`).join(', ');

async function insert(world: World, table: ChaosTable, pick: number, rows: number): Promise<void> {
  const columns = Object.values(TRACKED[table]);
  const parent = table === 'children' && pick % 4 > 0 ? await keyAt(world, 'parents', pick) : undefined;
  const tuples = Array.from({ length: rows }, () => {
    const values = columns.map((column) => `'${written.sql(column, world.next())}'`);
    return `(${[...values, ...(table === 'children' ? [parent ?? 'null'] : [])].join(', ')})`;
  });
  const names = [...columns, ...(table === 'children' ? ['parent_id'] : [])];
  await world.sql(`insert into ${table} (${names.join(', ')}) values ${tuples.join(', ')}`);
}

async function updateMany(world: World, table: ChaosTable, pick: number, rows: number): Promise<void> {
  const keys = await world.sql<{ id: string }>(`select id::text as id from ${table} order by id`);
  const some = keys.slice(pick % Math.max(keys.length, 1)).slice(0, rows);
  const column = choose(Object.values(TRACKED[table]), pick) ?? '';
  const statements = some.map(
    ({ id }) => `update ${table} set ${column} = '${written.sql(column, world.next())}' where id = '${id}'`,
  );
  if (statements.length > 0) await world.sql(statements.join('; '));
}

/** Parents and their children, made and changed in one transaction. */
async function transaction(world: World, pick: number, rows: number): Promise<void> {
  const old = await keyAt(world, 'children', pick);
  const statements = Array.from({ length: rows }, () => {
    const [name, title] = [written.sql('name', world.next()), written.sql('title', world.next())];
    return `with made as (insert into parents (name) values ('${name}') returning id)
            insert into children (title, parent_id) select '${title}', id from made`;
  });
  if (old !== undefined)
    statements.push(`update children set ${sets(world, ['note', 'qty'])} where id = '${old}'`);
  await world.sql(statements.join('; '));
}

async function remove(world: World, table: ChaosTable, pick: number): Promise<void> {
  const key = await keyAt(world, table, pick);
  if (key === undefined) return;
  await world.sql(`delete from ${table} where id = $1`, [key]);
  world.gone[table].push(key);
}

const freshKey = (world: World, table: ChaosTable): string =>
  table === 'parents'
    ? String(1_000_000 + world.next())
    : `00000000-0000-4000-8000-${String(world.next()).padStart(12, '0')}`;

async function rekey(world: World, table: ChaosTable, pick: number, back: boolean): Promise<void> {
  const key = await keyAt(world, table, pick);
  if (key === undefined) return;
  const target = (back ? choose(world.gone[table], pick) : undefined) ?? freshKey(world, table);
  await world.sql(`update ${table} set id = $2 where id = $1`, [key, target]);
  world.gone[table].push(key);
}

async function reinsert(world: World, table: ChaosTable, pick: number): Promise<void> {
  const key = choose(world.gone[table], pick);
  if (key === undefined) return;
  const column = table === 'parents' ? 'name' : 'title';
  await world.sql(`insert into ${table} (id, ${column}) values ($1, $2)`, [
    key,
    written.sql(column, world.next()),
  ]);
}

async function changeRows(world: World, step: Command): Promise<void> {
  switch (step.do) {
    case 'insert':
      return insert(world, step.table, step.pick, step.rows);
    case 'update': {
      const key = await keyAt(world, step.table, step.pick);
      const set = sets(world, columnsOf(step.table, step.what));
      await world.sql(`update ${step.table} set ${set} where id = $1`, [key ?? null]);
      return;
    }
    case 'update-many':
      return updateMany(world, step.table, step.pick, step.rows);
    case 'transaction':
      return transaction(world, step.pick, step.rows);
    case 'append':
      await world.sql(`update children set note = coalesce(note, '') || ' s${world.next()}' where id = $1`, [
        (await keyAt(world, 'children', step.pick)) ?? null,
      ]);
      return;
    case 'move':
      await world.sql('update children set parent_id = $2 where id = $1', [
        (await keyAt(world, 'children', step.pick)) ?? null,
        step.to % 5 === 0 ? null : ((await keyAt(world, 'parents', step.to)) ?? null),
      ]);
      return;
    case 'delete':
      return remove(world, step.table, step.pick);
    case 'rekey':
      return rekey(world, step.table, step.pick, step.back);
    case 'reinsert':
      return reinsert(world, step.table, step.pick);
    default:
      return;
  }
}

const SESSIONS = {
  all: `application_name like 'pgnotion%' and application_name <> 'pgnotion test'`,
  one: `pid = (select pid from pg_stat_activity where application_name in ('pgnotion', 'pgnotion state')
                and datname = current_database() order by random() limit 1)`,
  replication: `application_name = 'pgnotion replication'`,
} as const;

async function disturb(world: World, step: Command): Promise<void> {
  const { control } = world.stage.sandbox;
  switch (step.do) {
    case 'fault': {
      const match = step.operation === null ? {} : { operation: step.operation };
      control.faults.add({ match, times: step.times, skip: step.skip, action: step.action });
      return;
    }
    case 'lag':
      return control.setQueryLag(step.ms);
    case 'terminate':
      await world.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid() and ${SESSIONS[step.which]}`,
      );
      return;
    case 'rest':
      await sleep(step.ms);
      return;
    default:
      return;
  }
}

/** A change whose write will get no answer; the daemon may end while nobody knows what became of it. */
async function lose(world: World, step: Extract<Command, { readonly do: 'lose' }>): Promise<void> {
  const { faults } = world.stage.sandbox.control;
  if (step.killAfterMs !== null) await world.daemon.ready();
  faults.add({ match: { operation: `pages.${step.what}` }, times: 1, action: step.action });
  const column = Object.keys(TRACKED[step.table])[0] ?? '';
  await changeRows(
    world,
    step.what === 'create'
      ? { do: 'insert', table: step.table, pick: step.pick, rows: 1 }
      : { do: 'update', table: step.table, pick: step.pick, what: [column] },
  );
  if (step.killAfterMs === null) return;
  await sleep(step.killAfterMs);
  await world.daemon.end('SIGKILL');
}

const ROWS: readonly Command['do'][] = [
  'insert',
  'update',
  'update-many',
  'transaction',
  'move',
  'delete',
  'rekey',
  'reinsert',
  'append',
];
const ACTS: ReadonlySet<string> = new Set<Act['do']>([
  'place',
  'property',
  'option',
  'database',
  'spell',
  'broken',
  'unsaved',
  'withdraw',
  'blackout',
  'upload',
  'style',
  'stage',
]);
const isAct = (step: Command): step is Act => ACTS.has(step.do);
const DISTURBANCES: readonly Command['do'][] = ['fault', 'lag', 'terminate', 'rest'];

/** Between two steps; what leaves the daemon time to be in the middle of something. */
const STEP_MS = 40;

/** Carries the commands out, one after the other, while the daemon works, dies and comes back. */
export async function carryOut(world: World, steps: readonly Command[]): Promise<void> {
  let down = 0;
  for (const step of steps) {
    // One that is just starting has done nothing yet: most kills are for those at work.
    if (step.do === 'kill' && (world.daemon.syncing() || step.down === 0)) {
      await world.daemon.end(step.signal);
      down = step.down;
    } else if (step.do === 'lose') await attempt(() => lose(world, step));
    else if (step.do === 'wait') await attempt(() => changeAndWait(world, step));
    else if (ROWS.includes(step.do)) await attempt(() => changeRows(world, step));
    else if (DISTURBANCES.includes(step.do)) await disturb(world, step);
    else if (isDatabaseAct(step)) await attempt(() => changeDatabase(world, step));
    else if (isAct(step)) carryOutAct(world, step);
    else changePages(world, step);
    if (down > 0) down -= 1;
    else world.daemon.start();
    await sleep(STEP_MS);
  }
}
