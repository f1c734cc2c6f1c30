import type { Sql } from './sql.ts';

/** The token that Notion signs its webhooks with, or null before the handshake. A secret (invariant 14). */
export async function webhookToken(sql: Sql): Promise<string | null> {
  const [row] = await sql.query<{ value: string }>(
    `select value #>> '{}' as value from pgnotion.settings where name = 'webhook_token'`,
  );
  return row?.value ?? null;
}

/** Keeps the token of a handshake unless there is one already; gives the one that is kept. */
export async function keepWebhookToken(sql: Sql, token: string): Promise<string> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('webhook_token', to_jsonb($1::text))
     on conflict (name) do nothing`,
    [token],
  );
  return (await webhookToken(sql)) ?? token;
}

/** Forgets the token, so that the next handshake is taken. Gives whether there was one. */
export async function forgetWebhookToken(sql: Sql): Promise<boolean> {
  const gone = await sql.query(`delete from pgnotion.settings where name = 'webhook_token' returning name`);
  return gone.length > 0;
}
