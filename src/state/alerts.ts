import type { Sql } from './sql.ts';

/** An alert that is raised. */
export type ActiveAlert = {
  readonly cause: string;
  readonly text: string;
  readonly since: Date;
};

/** What the daemon at work has raised and not resolved, the oldest first. */
export const readActiveAlerts = (sql: Sql): Promise<ActiveAlert[]> =>
  sql.query<ActiveAlert>(
    `select a.value ->> 'kind' as cause, a.value ->> 'text' as text,
            to_timestamp((a.value ->> 'raisedAt')::float8 / 1000) as since
       from pgnotion.settings s cross join lateral jsonb_each(s.value) as a
      where s.name = 'alerts' and a.value ->> 'raisedAt' is not null
        -- What happened once is never over, and so is not active either.
        and a.value ->> 'kind' not in ('slot-renewed', 'taken-over') and not coalesce((a.value ->> 'over')::boolean, false)
      order by 3, a.key`,
  );

/** What daemons before this one told of, by cause, as it was saved. */
export async function readAlerts<T extends object>(sql: Sql): Promise<Readonly<Record<string, T>>> {
  const [row] = await sql.query<{ value: Readonly<Record<string, T>> }>(
    `select value from pgnotion.settings where name = 'alerts'`,
  );
  return row?.value ?? {};
}

export async function saveAlerts(sql: Sql, alerts: Readonly<Record<string, object>>): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('alerts', $1)
     on conflict (name) do update set value = excluded.value`,
    [JSON.stringify(alerts)],
  );
}
