import { PgnotionError } from '../model/errors.ts';
import { sentences } from '../model/sentences.ts';
import { type RollbackResult, rollBack } from '../reconcile/rollback.ts';
import type { UndoEntry } from '../reconcile/undo-entries.ts';
import { createStore } from '../state/sql.ts';
import type { UndoSelection } from '../state/undo.ts';
import type { Installation } from './connections.ts';

type Rollback = {
  readonly selection: UndoSelection;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly actor: string;
  readonly onLine: (entry: UndoEntry) => Promise<void>;
};

/** Takes changes back over the ends that are open. */
export const rollBackWith = (
  { pool, db, writer, tables, unresolved, config }: Installation,
  rollback: Rollback,
): Promise<RollbackResult> =>
  rollBack(
    {
      pool,
      store: createStore(pool, 0),
      db,
      writer: writer.patient,
      tables: new Map(tables.map((table) => [table.name, table])),
      unresolved,
      guard: config.guards.deletion,
    },
    rollback,
  );

/** Takes one operation back in the row; the page follows. Throws if nothing of it was taken back, with the reason. */
export async function undoOperation(
  installation: Installation,
  { id, force, actor }: { readonly id: string; readonly force: boolean; readonly actor: string },
): Promise<string> {
  const kept: string[] = [];
  const result = await rollBackWith(installation, {
    selection: { by: 'operation', id },
    force,
    dryRun: false,
    actor,
    onLine: async ({ property, what, reason }) => {
      if (what === 'left' || what === 'refused') kept.push(`${property ?? 'the row'} stays: ${reason}`);
    },
  });
  const { values, inserted, deleted, left, refused, guarded, run } = result;
  const done = values + inserted + deleted;
  if (done === 0 && left + refused + guarded > 0) throw notUndone(id, kept, guarded > 0);
  if (done === 0) return `the row is as it was before operation ${id}: there is nothing to take back`;
  const told = `operation ${id} is taken back (run ${run}): ${values} values changed, ${inserted} rows came back, ${deleted} went`;
  return kept.length === 0 ? told : sentences(told, kept.join('; '));
}

const notUndone = (id: string, kept: readonly string[], guarded: boolean): PgnotionError =>
  new PgnotionError({
    code: 'undo_left',
    message: `operation ${id} is not taken back: ${guarded ? 'its row would be deleted, and many others were of late (guard.deletion)' : kept.join('; ')}`,
    remedy: `run \`pgnotion rollback --operation ${id} --force\` if it is to be taken back all the same`,
  });
