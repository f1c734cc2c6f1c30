import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { CAPABILITIES } from '../../src/sandbox/notion/capabilities.ts';
import { type Canary, releaseCanaries } from './chaos-canaries.ts';
import { type Command, commands } from './chaos-commands.ts';
import { endDatabaseActs, expectSecuredTold } from './chaos-database.ts';
import { repair } from './chaos-editor.ts';
import { isAway } from './chaos-excuses.ts';
import { judge } from './chaos-history.ts';
import { compare } from './chaos-oracle.ts';
import { carryOut } from './chaos-steps.ts';
import { createWorld, POLL_SECONDS, type World } from './chaos-world.ts';
import { eventually } from './eventually.ts';
import type { Sample } from './history/history.ts';
import { judgeLiveness } from './history/liveness.ts';
import { isWrite } from './requests.ts';

/**
 * Polls of every data source after the last fault until both sides must rest, which an idle machine makes in 30 s: the
 * daemon's own time, since it does not poll while a rate limit holds it back or the machine gives it no core.
 */
const MOST_POLLS = 30 / POLL_SECONDS;
const QUIET_POLLS = 3;
/** For so few polls: only a daemon that is stuck lets it pass, however busy the machine. */
const PATIENCE_SECONDS = 90;

export type Counts = Readonly<Record<string, number>>;

type Waiting = { readonly what: string; readonly page: string | null; readonly code: string | null };

/** What waits for a page that people took away, or for a property that they deleted, and stands in the failures. */
const STANDING = new Set(['page_hidden', 'page_moved', 'page_archived', 'page_in_trash']);

/** What still waits; nothing once both sides rest. */
async function waiting(world: World): Promise<string[]> {
  const rows = await world.sql<Waiting>(
    `select 'outbox ' || table_name || '/' || key || ' ' || kind || ' ' || coalesce(o.code || ': ' || reason, '') as what, r.page_id as page, o.code
       from pgnotion.outbox o left join pgnotion.records r using (table_name, key) where parked_at is null
     union all select 'edit ' || page_id || ' ' || coalesce(code || ': ' || reason, ''), page_id, code
       from pgnotion.edits where parked_at is null and code is distinct from 'related_page_unknown'
     union all select 'page ' || page_id || ' ' || code || ': ' || reason, page_id, code from pgnotion.page_failures
     union all select 'table ' || table_name || ' ' || coalesce(paused_reason, 'is not backfilled'), null, null
       from pgnotion.data_sources where paused_at is not null or backfilled_at is null`,
  );
  const idIsGone = (['parents', 'children'] as const).some(
    (table) => world.propertyNow(table, 'Supabase ID') === undefined,
  );
  return rows
    .filter(({ page, code }) => !(page !== null && STANDING.has(code ?? '') && isAway(world, page)))
    .filter(({ code }) => !(idIsGone && code === 'property_out_of_order'))
    .map((row) => row.what);
}

const QUERY = /data_sources\/([^/]+)\/query/;

async function pollsPass(world: World, count: number): Promise<void> {
  const { control } = world.stage.sandbox;
  const from = control.requests().length;
  const sources = Object.values(world.sources).map((id) => id.replaceAll('-', ''));
  const asked = (source: string): number =>
    control
      .requests()
      .slice(from)
      .filter(({ path }) => QUERY.exec(path)?.[1]?.replaceAll('-', '') === source).length;
  for (let tries = 0; tries < PATIENCE_SECONDS * 10; tries += 1) {
    if (sources.every((source) => asked(source) > count)) return;
    await sleep(100);
  }
  throw new Error(`no ${count} polls within ${PATIENCE_SECONDS} s`);
}

/** Ends the faults, and what a person did to whole databases: while one is away, nothing of its table can be compared. */
function endFaults(world: World): void {
  const { control } = world.stage.sandbox;
  control.faults.clear();
  control.setQueryLag(0);
  control.setSchemaBlackout(null);
  for (const capability of CAPABILITIES) control.grantCapability(capability);
  for (const database of Object.values(world.databases)) {
    control.restoreDatabase(database);
    control.share(database);
  }
}

async function missingOf(canaries: readonly Canary[]): Promise<string[]> {
  const missing: string[] = [];
  for (const { what, arrived } of canaries) if (!(await arrived())) missing.push(what);
  return missing;
}

/** Ends the faults and waits for rest: nothing waits, both sides hold the same, and three polls bring no write. */
async function settle(world: World): Promise<Counts> {
  const { control } = world.stage.sandbox;
  endFaults(world);
  await expectSecuredTold(world);
  await endDatabaseActs(world);
  await world.daemon.ready();
  const canaries = await releaseCanaries(world);
  const samples: Sample[] = [];
  let faults: readonly string[] = [];
  for (let polls = 0; polls < MOST_POLLS; polls += QUIET_POLLS) {
    const from = control.requests().length;
    await pollsPass(world, QUIET_POLLS);
    const wrote = control.requests().slice(from).filter(isWrite).length;
    const left = await waiting(world);
    const missing = await missingOf(canaries);
    samples.push({ polls: polls + QUIET_POLLS, waiting: left, missing });
    if (wrote > 0 || left.length + missing.length > 0) {
      faults = [`${wrote} writes in ${QUIET_POLLS} polls`, ...left, ...missing];
      continue;
    }
    const compared = await compare(world);
    if (compared.faults.length === 0) {
      while (world.tasks.size > 0) await Promise.all(world.tasks);
      return { settledAfter: polls, excused: compared.excused, compared: compared.compared };
    }
    faults = compared.faults;
  }
  const late = judgeLiveness(samples, MOST_POLLS);
  throw new Error(
    [`after ${MOST_POLLS} polls without a fault:`, ...faults.map((fault) => `  ${fault}`), ...late].join(
      '\n',
    ),
  );
}

/** Some pages to begin with: on empty tables the first dozen steps would find nothing to do. */
async function begin(world: World): Promise<void> {
  await world.sql(`
    insert into parents (id, name) select 900 + i, 's0' from generate_series(1, 5) i;
    insert into children (title, parent_id) select 's0', 900 + i from generate_series(1, 4) i`);
  await world.daemon.ready();
  await eventually(() => world.pages('parents').length === 5 && world.pages('children').length === 4);
}

/** How many writes nobody ever heard of again: what invariant 3 is about. */
async function lostWrites(world: World): Promise<Counts> {
  const [row] = await world.sql<{ creates: number; updates: number }>(
    `select count(*) filter (where kind = 'create')::int as creates,
            count(*) filter (where kind = 'update')::int as updates
       from pgnotion.operations where direction = 'to-notion' and (status in ('unknown', 'started') or error is not null)`,
  );
  return { lostCreates: row?.creates ?? 0, lostUpdates: row?.updates ?? 0 };
}

/** One run from a few tables to rest. Throws with everything that was wrong; the evidence stays in a folder then. */
export async function runChaos(name: string, steps: readonly Command[]): Promise<Counts> {
  await using world = await createWorld(name);
  let counts: Counts = {};
  const faults: string[] = [];
  try {
    await begin(world);
    const began = performance.now();
    await carryOut(world, steps);
    const ended = performance.now();
    // Every other run ends with what people left away, deleted or typed otherwise, which must stand where they see it.
    if (steps.length % 2 === 0) repair(world);
    counts = await settle(world);
    counts = { ...counts, ms: Math.round(ended - began), settleMs: Math.round(performance.now() - ended) };
  } catch (error) {
    faults.push(error instanceof Error ? (error.message ?? '') : String(error));
  }
  const died = world.daemon.died();
  if (died !== null) faults.push(`the daemon ended by itself:\n${died}`);
  // Whatever is wrong with the judging itself, the evidence is kept.
  const verdict = await judge(world).catch((error: unknown) => ({
    faults: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
    counts: {},
  }));
  faults.push(...verdict.faults);
  if (faults.length > 0)
    throw new Error(`${faults.join('\n')}\nevidence: ${await keepEvidence(world, name, steps)}`);
  await rm(world.journal, { force: true });
  return { steps: steps.length, ...counts, ...verdict.counts, ...(await lostWrites(world)) };
}

/** The daemon's log, the commands, the state and the sandbox's journal, in a folder whose name is given. */
async function keepEvidence(world: World, name: string, steps: readonly Command[]): Promise<string> {
  const folder = join(tmpdir(), `pgnotion-chaos-${name}-${Date.now()}`);
  await mkdir(folder, { recursive: true });
  const state: Record<string, unknown> = {};
  for (const table of [
    'records',
    'outbox',
    'edits',
    'conflicts',
    'operations',
    'data_sources',
    'page_failures',
    'refused_fields',
    'drifts',
    'failures',
  ])
    state[table] = await world.sql(`select * from pgnotion.${table}`);
  for (const table of ['parents', 'children', 'audit'])
    state[table] = await world.sql(`select * from ${table}`);
  await writeFile(join(folder, 'daemon.log'), world.daemon.output());
  await writeFile(join(folder, 'commands.json'), JSON.stringify(steps, null, 1));
  await writeFile(join(folder, 'state.json'), JSON.stringify(state, null, 1));
  await writeFile(join(folder, 'requests.json'), JSON.stringify(world.stage.sandbox.control.requests()));
  await writeFile(join(folder, 'journal.txt'), world.journal);
  return folder;
}

export type ChaosOptions = {
  readonly seed: number;
  readonly path: string | undefined;
  readonly steps: number;
  /** Looks for a shorter failing run, for so long. */
  readonly shrinkMs: number;
};

/** One run of the commands that a seed stands for. Fails with how to run it again. */
export async function chaosOf({ seed, path, steps, shrinkMs }: ChaosOptions): Promise<Counts> {
  let counts: Counts = {};
  const property = fc.asyncProperty(commands(steps), async (list) => {
    counts = await runChaos(String(seed), list);
  });
  const found = await fc.check(property, {
    seed,
    numRuns: 1,
    endOnFailure: shrinkMs === 0,
    ...(path === undefined ? {} : { path }),
    ...(shrinkMs === 0 ? {} : { interruptAfterTimeLimit: shrinkMs, markInterruptAsFailure: true }),
  });
  if (!found.failed) return counts;
  const again = `CHAOS_SEED=${seed} CHAOS_PATH=${found.counterexamplePath ?? '0'} CHAOS_STEPS=${steps} CHAOS_RUNS=1 npm run test:chaos`;
  const reason = found.errorInstance instanceof Error ? found.errorInstance.message : 'interrupted';
  throw new Error(`${reason}\nagain: ${again}`);
}
