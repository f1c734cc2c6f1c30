import type { Installation } from '../app/connections.ts';
import { type ActionNote, noteAction } from '../state/admin-actions.ts';
import { inCommandTransaction, type Sql } from '../state/sql.ts';
import { accountName } from './account.ts';
import { type Loaded, within } from './commands.ts';

type Noted = Pick<ActionNote, 'action' | 'input'> & { readonly actor?: string };

/** Does what a person asks for, and notes who did, in one transaction: both are there, or neither is. Gives what is told of it. */
export const noted = (
  { pool }: Installation,
  { action, input, actor = accountName() }: Noted,
  work: (sql: Sql) => Promise<string>,
): Promise<string> =>
  inCommandTransaction(pool, async (sql) => {
    const message = await work(sql);
    await noteAction(sql, { actor, action, input, message });
    return message;
  });

/** The same for a command that needs nothing of the tables. */
export const notedState = (
  loaded: Loaded,
  note: Noted,
  work: (sql: Sql) => Promise<string>,
): Promise<string> => within(loaded, (installation) => noted(installation, note, work), 'none');
