import type { Sql } from './sql.ts';

/** Has the slot made anew at the next start of the daemon's work, because nobody gets past what it comes to. */
export async function askRenewal(sql: Sql, slot: string, reason: string): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('slot_renewal', jsonb_build_object('slot', $1::text, 'reason', $2::text))
     on conflict (name) do update set value = excluded.value`,
    [slot, reason],
  );
}

/** Why this slot is to be made anew, or null. */
export async function renewalAsked(sql: Sql, slot: string): Promise<string | null> {
  const [row] = await sql.query<{ reason: string }>(
    `select value ->> 'reason' as reason from pgnotion.settings
      where name = 'slot_renewal' and value ->> 'slot' = $1`,
    [slot],
  );
  return row?.reason ?? null;
}

/** Once there is a new slot. */
export async function forgetRenewal(sql: Sql): Promise<void> {
  await sql.query(`delete from pgnotion.settings where name = 'slot_renewal'`);
}
