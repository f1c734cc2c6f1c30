import type { Pool } from 'pg';
import type { TableName } from '../model/ids.ts';
import { createTurns } from '../runtime/turns.ts';
import { createPool, type PoolOptions } from './pool.ts';
import { RowStatementError } from './row-statement-error.ts';
import type { UserDatabase } from './rows.ts';

/** How long one statement on a user's table may wait for a lock, and how long it may take. */
export type WriteLimits = { readonly lockMs: number; readonly statementMs: number };

/**
 * Makes the transactions that change users' tables. A row that an application has locked, or a trigger that does not end,
 * takes up one place for a short time, and never all of them (invariant 16).
 */
export type Writer = {
  readonly run: <T>(
    table: TableName,
    work: (db: UserDatabase, limits: WriteLimits) => Promise<T>,
  ) => Promise<T>;
  /** For records that were blocked before: waits longer, in fewer places. */
  readonly patient: Writer;
};

/** Connections, and so transactions, at a time. */
const WRITE_CONNECTIONS = 4;
const PLACES = { all: WRITE_CONNECTIONS, perGroup: 2, slow: 2 };

/** What a session of the writer's has to start with; each transaction sets what is shorter. */
const PATIENT: WriteLimits = { lockMs: 2_000, statementMs: 10_000 };
const PATIENT_SETTINGS = `-c lock_timeout=${PATIENT.lockMs} -c statement_timeout=${PATIENT.statementMs}`;
const USUAL: WriteLimits = { lockMs: 2_000, statementMs: 5_000 };
/** In a table that blocked a statement of late: the record is tried again by itself, so that no time is lost on many. */
const HASTY: WriteLimits = { lockMs: 100, statementMs: 1_000 };
const LATELY_MS = 10_000;

/** The connections of a writer. Values stay PostgreSQL's text. */
export const createWritePool = (options: Omit<PoolOptions, 'max' | 'raw'>): Pool =>
  createPool({
    ...options,
    max: WRITE_CONNECTIONS,
    raw: true,
    settings: `${PATIENT_SETTINGS} ${options.settings ?? ''}`,
  });

export function createWriter(db: UserDatabase, steadyMs: () => number = () => performance.now()): Writer {
  const turns = createTurns(PLACES);
  const blockedAt = new Map<TableName, number>();
  const limitsFor = (table: TableName): WriteLimits =>
    steadyMs() - (blockedAt.get(table) ?? Number.NEGATIVE_INFINITY) < LATELY_MS ? HASTY : USUAL;
  const patient: Writer = {
    run: (table, work) => turns.run({ group: table, slow: true }, () => work(db, PATIENT)),
    get patient() {
      return patient;
    },
  };
  return {
    patient,
    run: (table, work) =>
      turns.run({ group: table, slow: false }, async () => {
        try {
          return await work(db, limitsFor(table));
        } catch (error) {
          if (isBlocked(error)) blockedAt.set(table, steadyMs());
          throw error;
        }
      }),
  };
}

const isBlocked = (error: unknown): boolean =>
  error instanceof RowStatementError && error.failure === 'blocked';
