import type { Sql } from './sql.ts';

/** What the publication was when all that it had not published had been looked at: see `publicationSeal`. */
export async function readSeal<Seal>(sql: Sql): Promise<Seal | null> {
  const [row] = await sql.query<{ value: Seal }>(
    `select value from pgnotion.settings where name = 'publication'`,
  );
  return row?.value ?? null;
}

export async function saveSeal(sql: Sql, seal: object): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('publication', $1)
     on conflict (name) do update set value = excluded.value`,
    [JSON.stringify(seal)],
  );
}
