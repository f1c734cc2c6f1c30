import type { Sql } from './sql.ts';

/** What daemons before this one told of, by cause: times in milliseconds since 1970. */
type StoredAlerts = Readonly<Record<string, { readonly nextAt: number; readonly seenAt: number }>>;

export async function readAlerts(sql: Sql): Promise<StoredAlerts> {
  const [row] = await sql.query<{ value: StoredAlerts }>(
    `select value from pgnotion.settings where name = 'alerts'`,
  );
  return row?.value ?? {};
}

export async function saveAlerts(sql: Sql, alerts: StoredAlerts): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('alerts', $1)
     on conflict (name) do update set value = excluded.value`,
    [JSON.stringify(alerts)],
  );
}
