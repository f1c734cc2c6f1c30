import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** What people call a record: its page's title, as far as it is known. */
type Titles = {
  readonly ofKey: (key: string) => string | undefined;
  readonly ofPage: (page: string) => string | undefined;
};

/** The titles of these records of one table, by key and by page. `property` is the table's title property. */
export async function titlesOf(
  sql: Sql,
  table: TableName,
  property: string,
  wanted: { readonly keys: readonly string[]; readonly pages: readonly string[] },
): Promise<Titles> {
  const rows =
    wanted.keys.length + wanted.pages.length === 0
      ? []
      : await sql.query<{ key: RowKey; page: PageId | null; title: string | null }>(
          `select key, page_id as page, base_page ->> $2 as title from pgnotion.records
            where table_name = $1 and (key = any($3::text[]) or page_id = any($4::uuid[]))`,
          [table, property, wanted.keys, wanted.pages],
        );
  const titled = rows.flatMap(({ key, page, title }) => (title ? [{ key, page, title }] : []));
  const keys = new Map<string, string>(titled.map(({ key, title }) => [key, title]));
  const pages = new Map<string, string>(
    titled.flatMap(({ page, title }) => (page === null ? [] : [[page, title] as const])),
  );
  return { ofKey: (key) => keys.get(key), ofPage: (page) => pages.get(page) };
}
