import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import type { TableName } from '../../src/model/ids.ts';
import { LIVE, type Urgency } from '../../src/model/urgency.ts';
import { claimDue } from '../../src/state/due.ts';
import type { OutboxEntry } from '../../src/state/outbox.ts';
import type { Sql } from '../../src/state/sql.ts';
import { addSource, createState, products, type StateStage, suppliers } from './state.ts';

type Stored = {
  readonly first_at: Date;
  readonly restore: string[];
  readonly parked: boolean;
  readonly [name: string]: unknown;
};

/** Gives the tests of a file one database, emptied before each, with two tables that are ready to be delivered. */
export function useOutbox() {
  let state: StateStage;
  beforeAll(async () => {
    state = await createState();
  });
  afterAll(() => state.database.drop());
  beforeEach(async () => {
    await state.clear();
    await addSource(state.store, suppliers, 1);
    await addSource(state.store, products, 2);
  });
  const sql: Sql = { query: (text, values) => state.store.query(text, values) };
  /** The due entries of the first of these tables that has any. */
  const claim = async (
    more: { tables?: TableName[]; urgency?: Urgency; limit?: number; busy?: string[] } = {},
  ): Promise<OutboxEntry[]> => {
    const { urgency = LIVE, tables = [suppliers, products], limit = 100, busy = [] } = more;
    const [first] = (await claimDue(sql, { tables, urgency, limit, busy })).values();
    return [...(first ?? [])];
  };
  return {
    sql,
    pool: () => state.pool,
    claim,
    /** The one line that is due. */
    only: async (urgency: Urgency = 0): Promise<OutboxEntry> => {
      const [entry, ...more] = await claim({ urgency });
      if (entry === undefined || more.length > 0)
        expect.fail(`${more.length} lines besides ${JSON.stringify(entry)}`);
      return entry;
    },
    stored: async (name = 'a'): Promise<Stored | undefined> =>
      (
        await sql.query<Stored>(
          `select kind, priority, lsn::text, changed_at, first_at, version::int, restore, attempts,
                  parked_at is not null as parked, code, approved, next_at <= clock_timestamp() as due
             from pgnotion.outbox where key = $1`,
          [name],
        )
      )[0],
  };
}

/** `table/key` of lines, in their order. */
export const names = (entries: readonly OutboxEntry[]): string[] =>
  entries.map((entry) => `${entry.table}/${entry.key}`);

/** A minute of some hour. */
export const at = (minute: number): Date => new Date(Date.UTC(2026, 2, 1, 12, minute));

export const failure = { code: 'c', reason: 'r', remedy: 'm' };

/** How many lines wait and are not set aside. */
export async function pendingCount(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    'select count(*)::int as n from pgnotion.outbox where parked_at is null',
  );
  return row?.n ?? 0;
}
