import type { ServerError } from './server-error.ts';

/**
 * What PostgreSQL's answer to a statement on a user's table means for the edit that the statement carries out.
 * `refused`: it is PostgreSQL's judgement of this edit. `repeat`: the same transaction may pass at once. `blocked`: it may
 * pass later, because of a lock, a statement that takes too long, or a resource that is short. `lost`: the session is over,
 * which says nothing of the edit.
 */
export type StatementFailure = 'refused' | 'repeat' | 'blocked' | 'lost';

/**
 * The judgement of a statement that writes a row. A trigger may raise any SQLSTATE and fail in any class, so all that is not listed is a
 * refusal (invariants 4 and 16). An error over a living session never speaks of the connection to this server: class 08
 * comes from a foreign server then.
 */
export function statementFailure({ code, raised, fatal, stalePlan }: ServerError): StatementFailure {
  if (raised) return RAISED[code] ?? 'refused';
  if (fatal) return 'lost';
  if (stalePlan || code === '40001' || code === '40P01') return 'repeat';
  return BLOCKED.test(code) ? 'blocked' : 'refused';
}

/** What the author of a trigger asks for with these is what PostgreSQL itself means by them. */
const RAISED: Readonly<Record<string, StatementFailure>> = {
  '40001': 'repeat',
  '40P01': 'repeat',
  '55P03': 'blocked',
  '57014': 'blocked',
};

/** A read-only server (25006) is one that is not the primary any more, or not yet. */
const BLOCKED = /^(08|53|57|55P03$|25006$|58030$)/;

/** Lack of resources, a server that stops, and our own fence against a second daemon. */
const SERVER = /^(53|57P|58|PGN01$)/;

/**
 * Whether an answer is about the server or the session, and not about what was asked for. A function of the users' may raise
 * any code; it speaks of its own row.
 */
export const isServerFailure = ({ code, raised, fatal }: ServerError): boolean =>
  fatal || (SERVER.test(code) && (!raised || code === 'PGN01'));

/** A lock that was not given in time, a statement that took too long, a transaction that met another. */
const PASSING: ReadonlySet<string> = new Set(['55P03', '57014', '40001', '40P01', '55006', '25P02']);

/** Whether a statement of ours failed because of what others do at the moment, so that the same one may pass later. */
export const isPassing = (code: string): boolean => PASSING.has(code);
