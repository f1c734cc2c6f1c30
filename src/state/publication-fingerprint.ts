import type { Sql } from './sql.ts';

/** What the publication was when all that it had not published had been looked at: see `publicationSeal`. */
export const readFingerprint = <Seal>(sql: Sql): Promise<Seal | null> => read<Seal>(sql, 'publication');
export const saveFingerprint = (sql: Sql, seal: object): Promise<void> => save(sql, 'publication', seal);

/**
 * What differs once the publication was changed; null if there is none. To be asked for before the publication is looked
 * at: what is changed in between then shows as a change.
 */
export async function publishedAs(sql: Sql, publication: string): Promise<string | null> {
  const [row] = await sql.query<{ mark: string | null }>(
    'select pgnotion.published_as(oid) as mark from pg_publication where pubname = $1',
    [publication],
  );
  return row?.mark ?? null;
}

/** The labels of enums when the rows that show them were compared last. */
export const readLabels = <Labels>(sql: Sql): Promise<Labels | null> => read<Labels>(sql, 'enum_labels');
export const saveLabels = (sql: Sql, labels: object): Promise<void> => save(sql, 'enum_labels', labels);

async function read<Seal>(sql: Sql, name: string): Promise<Seal | null> {
  const [row] = await sql.query<{ value: Seal }>(`select value from pgnotion.settings where name = $1`, [
    name,
  ]);
  return row?.value ?? null;
}

async function save(sql: Sql, name: string, seal: object): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ($1, $2)
     on conflict (name) do update set value = excluded.value`,
    [name, JSON.stringify(seal)],
  );
}
