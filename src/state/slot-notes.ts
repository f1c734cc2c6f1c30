import type { Sql } from './sql.ts';

/** A slot that was replaced, because changes may be missing from it. */
type SlotRenewal = { readonly at: Date; readonly slot: string; readonly reason: string };

/** A start that waits, and the transactions that it waits for. */
export type SlotWait = { readonly since: string; readonly transactions: readonly string[] };

/** For whom a start waits, in words: process ids, roles and programs, and no statement. */
export const waitText = ({ since, transactions }: SlotWait): string =>
  `the replication slot is made once the transactions have ended that were open at ${since}: ${transactions.length === 0 ? 'none can be seen any more' : transactions.join('; ')}`;

export async function noteRenewal(sql: Sql, slot: string, reason: string): Promise<void> {
  await sql.query('insert into pgnotion.slot_renewals (slot, reason) values ($1, $2)', [slot, reason]);
}

const TOLD_FOR = '7 days';

/** The last renewal, for as long as people may not have heard of it. */
async function lastRenewal(sql: Sql): Promise<SlotRenewal | null> {
  const [row] = await sql.query<SlotRenewal>(
    `select at, slot, reason from pgnotion.slot_renewals
      where at > clock_timestamp() - $1::interval order by id desc limit 1`,
    [TOLD_FOR],
  );
  return row ?? null;
}

export async function noteWait(sql: Sql, wait: SlotWait): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value)
     values ('slot_wait', $1::jsonb || jsonb_build_object('told', clock_timestamp()))
     on conflict (name) do update set value = excluded.value`,
    [JSON.stringify(wait)],
  );
}

export async function forgetWait(sql: Sql): Promise<void> {
  await sql.query(`delete from pgnotion.settings where name = 'slot_wait'`);
}

/** A wait that is told again and again, so that one which nobody tells any more has ended. */
async function presentWait(sql: Sql): Promise<SlotWait | null> {
  const [row] = await sql.query<{ wait: SlotWait }>(
    `select value as wait from pgnotion.settings
      where name = 'slot_wait' and (value ->> 'told')::timestamptz > clock_timestamp() - interval '1 minute'`,
  );
  return row === undefined ? null : { since: row.wait.since, transactions: row.wait.transactions };
}

/** What people have to know of the slot, a line each. */
export async function slotLines(sql: Sql): Promise<readonly string[]> {
  const wait = await presentWait(sql);
  const renewal = await lastRenewal(sql);
  return [
    ...(wait === null ? [] : [`waiting: ${waitText(wait)}`]),
    ...(renewal === null
      ? []
      : [
          `slot ${renewal.slot} was made anew at ${renewal.at.toISOString()}, and every row and page compared: ${renewal.reason}`,
        ]),
  ];
}
