import type { ActionDone, ActionInput, ActionName, Actions } from '../admin/actions.ts';
import { PgnotionError } from '../model/errors.ts';
import { LISTED_KINDS, type ListedKind } from '../model/mass-change.ts';
import { askVerify, noteAction } from '../state/admin-actions.ts';
import { createStore, inCommandTransaction, type Sql } from '../state/sql.ts';
import type { Installation } from './connections.ts';
import { decideWaiting, pairNow, pauseOrResume, resolveNow, resyncNow, retryNow } from './operator.ts';
import { tablesMeant } from './verify.ts';

/** What the dashboard and the API can have done, by what the commands of the same names do. */
export function adminActions(installation: Installation): Actions {
  const { pool, config, tables } = installation;
  /** The act and the note of it are there together, or neither is. */
  const noted =
    <Name extends ActionName>(
      action: Name,
      act: (sql: Sql, input: ActionInput<Name>, actor: string) => Promise<string>,
    ) =>
    (input: ActionInput<Name>, actor: string): Promise<ActionDone> =>
      inCommandTransaction(pool, async (sql) => {
        const message = await act(sql, input, actor);
        await noteAction(sql, { actor, action, input, message });
        return { message };
      });
  const decide =
    (decision: 'approve' | 'reject') =>
    (sql: Sql, { table, key, kind, field }: ActionInput<'approve'>): Promise<string> =>
      decideWaiting(sql, decision, {
        table,
        key: key ?? null,
        kind: kind === undefined ? null : kindOf(kind),
        field: field ?? null,
      });
  return {
    retry: noted('retry', (sql, { table, key }) => retryNow(sql, table, key)),
    resolve: noted('resolve', (sql, { id, keep, value }, by) =>
      resolveNow(sql, tables, id, { keep, value, by }),
    ),
    approve: noted('approve', decide('approve')),
    reject: noted('reject', decide('reject')),
    pair: noted('pair', (sql, pair) => pairNow(sql, config, pair)),
    pause: noted('pause', (sql, { table }) => pauseOrResume(sql, config, 'pause', table ?? null)),
    resume: noted('resume', (sql, { table }) => pauseOrResume(sql, config, 'resume', table ?? null)),
    resync: noted('resync', (sql, { table }) => resyncNow(sql, config, table ?? null)),
    verify: noted('verify', async (sql, { table }, actor) => {
      tablesMeant(installation, table === undefined ? [] : [table]);
      if (!(await askVerify(sql, { table: table ?? null, actor }))) throw alreadyAsked();
      return `the daemon compares ${table ?? 'all tables'} next; the result is among the runs`;
    }),
    undo: async ({ operation, force = false }, actor) => {
      // A daemon that nobody asks for it does without.
      const { undoOperation } = await import('./undo-operation.ts');
      const message = await undoOperation(installation, { id: operation, force, actor });
      // Its operations name the actor themselves.
      await noteAction(createStore(pool, 0), { actor, action: 'undo', input: { operation, force }, message });
      return { message };
    },
  };
}

function kindOf(kind: string): ListedKind {
  const known = LISTED_KINDS.find((each) => each === kind);
  if (known !== undefined) return known;
  throw new PgnotionError({
    code: 'admin_action_invalid',
    message: `${JSON.stringify(kind.slice(0, 40))} is no kind of change`,
    remedy: `give kind as one of ${LISTED_KINDS.join(', ')}`,
  });
}

const alreadyAsked = (): PgnotionError =>
  new PgnotionError({
    code: 'verify_asked',
    message: 'a comparison has been asked for already and is under way, or begins when the daemon is at work',
    remedy: 'wait for its result among the runs, or run `pgnotion verify` beside the daemon',
  });
