import { messageOf } from '../model/errors.ts';
import { isConnectionLost } from './connection-lost.ts';
import { errorCode, type Queryable } from './pool.ts';

/** Why a publication could not be changed, and what an operator has to do. */
type Denial = {
  readonly message: string;
  readonly remedy: string;
  /** Whether it stays so until somebody acts. */
  readonly lasting: boolean;
};

/** Runs statements that change a publication, in one transaction. */
export type ChangePublication = (sql: string) => Promise<Denial | null>;

/** `CREATE INDEX CONCURRENTLY` and its like hold a lock for hours, and other tables must not wait for it. */
const LOCK_TIMEOUT = '3s';
/** What was denied is tried again after this: each try leaves an error in the log of the server. */
const DENIED_MS = 30_000;
const MOST_DENIALS = 1_000;

/** As `changesOn`; what was denied is not tried again for a while. */
export function patientChangesOn(db: Queryable, steadyMs: () => number): ChangePublication {
  const denied = new Map<string, { readonly at: number; readonly denial: Denial }>();
  const change = changesOn(db);
  return async (sql) => {
    const before = denied.get(sql);
    if (before !== undefined && steadyMs() - before.at < DENIED_MS) return before.denial;
    const denial = await change(sql);
    if (denied.size >= MOST_DENIALS) denied.clear();
    if (denial?.lasting !== true) denied.delete(sql);
    else denied.set(sql, { at: steadyMs(), denial });
    return denial;
  };
}

const LOCK_NOT_AVAILABLE = '55P03';
const PRIVILEGE = '42501';
const STATE_LENGTH = 5;

/** Gives what an operator has to do if this role may not, or if a lock is in the way. */
export const changesOn =
  (db: Queryable): ChangePublication =>
  (sql) =>
    attempt(db, sql);

async function attempt(db: Queryable, sql: string): Promise<Denial | null> {
  try {
    // Several statements in one message are one transaction.
    await db.query(`set local lock_timeout = '${LOCK_TIMEOUT}'; ${sql}`);
    return null;
  } catch (error) {
    const code = errorCode(error);
    if (code === LOCK_NOT_AVAILABLE)
      return {
        message: 'the publication cannot be changed now, because another session holds a lock on the table',
        lasting: false,
        remedy: `it is tried again until that lock is gone. See who holds it: SELECT pid, mode FROM pg_locks WHERE granted AND mode LIKE '%Exclusive%';`,
      };
    if (code !== PRIVILEGE && (isConnectionLost(error) || code.length !== STATE_LENGTH)) throw error;
    if (code !== PRIVILEGE)
      return {
        message: `PostgreSQL refuses to change the publication: ${messageOf(error)}`,
        lasting: false,
        remedy: `run this as the owner of the table and of the publication, to see what is in the way:\n  ${sql};`,
      };
    const { rows } = await db.query<{ role: string; database: string }>(
      'select quote_ident(current_user) as role, quote_ident(current_database()) as database',
    );
    const [place] = rows;
    return {
      message: `the publication cannot be changed by this role: ${messageOf(error)}`,
      lasting: true,
      remedy: `only the owner of the tables and of the publication may do this. Let that role (or a superuser) run:\n  ${sql};\nand start pgnotion again if it has ended. If ${place?.role} owns the tables: GRANT CREATE ON DATABASE ${place?.database} TO ${place?.role};`,
    };
  }
}
