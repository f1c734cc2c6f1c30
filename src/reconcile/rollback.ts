import type { Pool } from 'pg';
import { PgnotionError } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import type { ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { type Guard, isMassChange } from '../model/mass-change.ts';
import {
  added,
  decideUndo,
  foldEvent,
  NONE,
  onlyFields,
  restorableFields,
  sum,
  type UndoCount,
  type UndoDecision,
  type Undoing,
} from '../model/rollback.ts';
import { readRows } from '../postgres/read-rows.ts';
import { writableColumns } from '../postgres/restore.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import type { Writer } from '../postgres/writer.ts';
import { deletionLoad } from '../state/guarded-changes.ts';
import { beginRollback, brokenRollback, endRun, lockRollbacks } from '../state/runs.ts';
import type { Sql } from '../state/sql.ts';
import {
  countPossible,
  countWaiting,
  lastOperation,
  type Selected,
  selectedEvents,
  selectedKeys,
  selectedTables,
  type UndoSelection,
} from '../state/undo.ts';
import { isMarked, undoRecord } from './undo.ts';
import { type Case, refusal, suspendedLine, type UndoEntry, undoEntriesOf } from './undo-entries.ts';

type RollbackContext = {
  readonly pool: Pool;
  readonly store: Sql;
  readonly db: UserDatabase;
  readonly writer: Pick<Writer, 'run'>;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  /** Tables that cannot be written now, and why. */
  readonly unresolved: ReadonlyMap<TableName, PgnotionError>;
  readonly guard: Guard;
};

type RollbackOptions = {
  readonly selection: UndoSelection;
  /** Takes back what somebody changed since, and deletes beyond the guard. */
  readonly force: boolean;
  readonly dryRun: boolean;
  /** Who asks for it, for the audit trail. */
  readonly actor: string;
  /** Gets each value that would change, or, if it is not a dry run, each one that does not. */
  readonly onLine: (entry: UndoEntry) => Promise<void>;
};

export type RollbackResult = UndoCount & {
  /** Null for a dry run, and if there was nothing to do. */
  readonly run: string | null;
  /** Deletions that wait for `--force`. */
  readonly guarded: number;
  /** Changes of these tables that wait in the outbox and cannot be taken back yet. */
  readonly waiting: number;
  /** Changes left out because the named person is only one of those who may have made them. */
  readonly possible: number;
};

/** One table as a rollback works on it. */
type Ground = {
  readonly table: ResolvedTable;
  readonly columns: ReadonlySet<string>;
  readonly fields: readonly ResolvedField[];
};

const KEYS_AT_ONCE = 200;

/**
 * Takes selected changes back in the rows; the sync carries that to the pages like any other change. Each record is a
 * transaction of its own, and one that is as it was needs nothing: after a crash, the same rollback does the rest.
 */
export async function rollBack(context: RollbackContext, options: RollbackOptions): Promise<RollbackResult> {
  const { store } = context;
  const name = JSON.stringify([options.selection, options.force]);
  const present: Selected = {
    selection: options.selection,
    upTo: await lastOperation(store),
    notRun: await brokenRollback(store, name),
  };
  const { grounds, suspended } = await groundsOf(context, present);
  for (const entry of suspended) await options.onLine(entry);
  const looked = await look(context, options, grounds, present);
  const preview = { ...looked, left: looked.left + suspended.length };
  const waiting = await countWaiting(
    store,
    grounds.map(({ table }) => table.name),
  );
  const possible = await countPossible(store, present);
  const { guarded, ...count } = preview;
  const held = [...guarded.values()].reduce((sum, number) => sum + number, 0);
  if (options.dryRun || count.records === 0) return { ...count, guarded: held, waiting, possible, run: null };
  const unlock = await lockRollbacks(context.pool);
  if (unlock === null) throw alreadyRunning();
  try {
    const run = await beginRollback(store, {
      selection: name,
      actor: options.actor,
      total: count.records,
    });
    const done = await carryOut(context, options, grounds, {
      run,
      guarded,
      selected: { ...present, notRun: run },
    });
    await endRun(store, run);
    return { ...done, left: done.left + count.left, guarded: held, waiting, possible, run };
  } finally {
    await unlock();
  }
}

/** The tables that can be worked on, and a line for each that cannot. Throws why not if there is no other. */
async function groundsOf(
  context: RollbackContext,
  selected: Selected,
): Promise<{ readonly grounds: readonly Ground[]; readonly suspended: readonly UndoEntry[] }> {
  const grounds: Ground[] = [];
  const suspended = new Map<TableName, PgnotionError>();
  for (const name of await selectedTables(context.store, selected)) {
    const table = context.tables.get(name);
    if (table === undefined) {
      const why = context.unresolved.get(name);
      if (why === undefined) throw notConfigured(name);
      suspended.set(name, why);
      continue;
    }
    const columns = await writableColumns(context.db, table);
    grounds.push({ table, columns, fields: restorableFields(table, columns) });
  }
  const [why] = suspended.values();
  if (grounds.length === 0 && why !== undefined) throw why;
  if (grounds.length === 0 && selected.selection.by !== 'time') throw nothingSelected();
  // What others refer to comes first; deletions go the other way.
  grounds.sort((a, b) => a.table.rank - b.table.rank);
  return { grounds, suspended: [...suspended].map(([name, error]) => suspendedLine(name, error)) };
}

/** The concerned records of a table with what is to be done now, a chunk at a time. */
async function* casesOf(
  context: RollbackContext,
  { force }: RollbackOptions,
  { table, fields }: Ground,
  selected: Selected,
): AsyncIterable<Case[]> {
  for await (const keys of selectedKeys(context.store, selected, table.name, KEYS_AT_ONCE)) {
    const known = new Map<RowKey, Undoing>();
    for await (const event of selectedEvents(context.store, selected, table.name, keys)) {
      const { key, before, after } = event;
      const own = { ...event, before: onlyFields(before, fields), after: onlyFields(after, fields) };
      known.set(key, foldEvent(known.get(key), own, force));
    }
    const rows = await readRows(context.db, table, keys);
    const cases = [...known].map(async ([key, undoing]) => {
      const row = rows.get(key) ?? null;
      const marked = row !== null && (await isMarked(context.db, table, key, undoing));
      return { key, undoing, decision: decideUndo(undoing, row, force, marked) };
    });
    yield await Promise.all(cases);
  }
}

type Preview = UndoCount & {
  /** Tables with more deletions than cross by themselves (invariant 10), and how many. */
  readonly guarded: ReadonlyMap<TableName, number>;
};

async function look(
  context: RollbackContext,
  options: RollbackOptions,
  grounds: readonly Ground[],
  selected: Selected,
): Promise<Preview> {
  let count: UndoCount = NONE;
  const guarded = new Map<TableName, number>();
  for (const ground of grounds) {
    const { name } = ground.table;
    let deleted = 0;
    for await (const cases of casesOf(context, options, ground, selected)) {
      for (const one of cases) {
        for (const entry of undoEntriesOf(name, one))
          if (options.dryRun || entry.what === 'left') await options.onLine(entry);
        count = added(count, one.decision);
        if (one.decision.kind === 'delete') deleted += 1;
      }
    }
    if (deleted > 0 && !options.force && (await isTooMany(context, name, deleted)))
      guarded.set(name, deleted);
  }
  return { ...count, guarded };
}

async function isTooMany({ store, guard }: RollbackContext, name: TableName, more: number): Promise<boolean> {
  const load = await deletionLoad(store, name, 'to-postgres', guard.windowMinutes);
  return isMassChange({ ...load, coming: more }, guard);
}

/** Rows come back before values that may name them are set, and go after that: one pass for each. */
const STEPS = ['insert', 'update', 'delete'] as const;

/** A row that was only marked comes back as others do. */
const stepOf = ({ kind }: UndoDecision): string => (kind === 'unmark' ? 'insert' : kind);

type Task = {
  readonly run: string;
  readonly guarded: ReadonlyMap<TableName, number>;
  readonly selected: Selected;
};
type Pass = { readonly count: UndoCount; readonly refusals: readonly UndoEntry[] };

/** What PostgreSQL refuses may fit once other records are done, so passes go on as long as one gets further. */
async function carryOut(
  context: RollbackContext,
  options: RollbackOptions,
  grounds: readonly Ground[],
  task: Task,
): Promise<UndoCount> {
  let count: UndoCount = NONE;
  for (;;) {
    const pass = await onePass(context, options, grounds, task);
    const { refused, records } = pass.count;
    count = sum(count, pass.count);
    if (refused > 0 && records > 0) continue;
    for (const entry of pass.refusals) await options.onLine(entry);
    return { ...count, refused };
  }
}

/** Of more refusals than this, the first ones are told. */
const MAX_REFUSALS = 1_000;

async function onePass(
  context: RollbackContext,
  options: RollbackOptions,
  grounds: readonly Ground[],
  { run, guarded, selected }: Task,
): Promise<Pass> {
  let count: UndoCount = NONE;
  const refusals: UndoEntry[] = [];
  for (const step of STEPS) {
    for (const ground of step === 'delete' ? grounds.toReversed() : grounds) {
      const { name } = ground.table;
      if (step === 'delete' && guarded.has(name)) continue;
      for await (const cases of casesOf(context, options, ground, selected)) {
        for (const one of cases.filter(({ decision }) => stepOf(decision) === step)) {
          const { force, actor } = options;
          const outcome = await undoRecord(context, { ...ground, ...one, force, actor, run });
          if ('kind' in outcome) count = added(count, withoutLeft(outcome));
          else {
            count = { ...count, refused: count.refused + 1 };
            if (refusals.length < MAX_REFUSALS) refusals.push(refusal(name, one.key, outcome.refused));
          }
        }
      }
    }
  }
  return { count, refusals };
}

/** What stays beside what was changed has been told by the preview. */
const withoutLeft = (done: UndoDecision): UndoDecision =>
  done.kind === 'update' ? { ...done, left: [] } : done;

const alreadyRunning = (): PgnotionError =>
  new PgnotionError({
    code: 'rollback_running',
    message: 'another rollback is at work in this database',
    remedy: 'wait until it has ended, look at the preview again, and start this one then',
    retryable: true,
  });

const notConfigured = (table: TableName): PgnotionError =>
  new PgnotionError({
    code: 'table_unknown',
    message: `some of these changes are of ${table}, which is not a table of this configuration`,
    remedy: 'use the configuration that has it, or choose other tables with --table',
  });

const nothingSelected = (): PgnotionError =>
  new PgnotionError({
    code: 'nothing_to_undo',
    message: 'no change of a row is on record under that name that could be taken back',
    remedy:
      'see `pgnotion explain TABLE KEY` for the operations of a record; those of a first sync changed no row, and old ones are forgotten after `retention.days`',
  });
