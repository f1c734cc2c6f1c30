import type { PageValue } from '../../src/model/change.ts';
import type { NotionProperty } from '../../src/model/codecs/codec.ts';
import { encodeField } from '../../src/model/fields.ts';
import { pageId, type RowKey } from '../../src/model/ids.ts';
import { goesToNotion, type ResolvedTable } from '../../src/model/mapping.ts';
import { lookupsOver, readPage } from '../../src/model/page.ts';
import { readKeys, readRows } from '../../src/postgres/read-rows.ts';
import type { PageView } from '../../src/sandbox/notion/human.ts';
import { readSources } from '../../src/state/sources.ts';
import { createStore } from '../../src/state/sql.ts';
import type { CliStage } from './cli-stage.ts';

type Side = { readonly table: ResolvedTable; readonly pages: readonly (readonly [RowKey, PageView])[] };

/**
 * Compares all rows with all live pages of the sandbox, found by the key that a page shows and by nothing that
 * pgnotion remembers. A line for each row without a page, page without a row, second page, and unequal field.
 */
export async function differences(stage: Pick<CliStage, 'install' | 'sandbox'>): Promise<string[]> {
  const installation = await stage.install();
  try {
    const sources = await readSources(createStore(installation.pool, 0));
    const sides: Side[] = installation.tables.map((table) => {
      const source = sources.get(table.name);
      const pages = source === undefined ? [] : stage.sandbox.control.pages(source.dataSource);
      return { table, pages: pages.map((page) => [keyOn(table, page), page] as const) };
    });
    const pairs = sides.flatMap(({ table, pages }) =>
      pages.map(([key, page]) => ({ table: table.name, key, page: pageId(page.id) })),
    );
    const lookups = lookupsOver({ pairs, users: new Map() });
    const found: string[] = [];
    for (const { table, pages } of sides) {
      const keys: RowKey[] = [];
      for await (const some of readKeys(installation.db, table, 1_000)) keys.push(...some);
      const rows = await readRows(installation.db, table, keys);
      const byKey = Map.groupBy(pages, ([key]) => key);
      for (const [key, same] of byKey) {
        if (same.length > 1) found.push(`${table.name}/${key} has ${same.length} pages`);
        if (!rows.has(key)) found.push(`${table.name}/${key} has a page and no row`);
      }
      for (const [key, row] of rows) {
        const page = byKey.get(key)?.[0]?.[1];
        if (page === undefined) found.push(`${table.name}/${key} has no page`);
        else found.push(...unequal(table, key, row, page, lookups));
      }
    }
    return found;
  } finally {
    await installation.close();
  }
}

function keyOn(table: ResolvedTable, page: PageView): RowKey {
  const property = page.properties[table.idProperty] as
    | { readonly rich_text?: readonly { readonly plain_text: string }[] }
    | undefined;
  return (property?.rich_text ?? []).map((run) => run.plain_text).join('') as RowKey;
}

function unequal(
  table: ResolvedTable,
  key: RowKey,
  row: Readonly<Record<string, string | null>>,
  page: PageView,
  lookups: Parameters<typeof encodeField>[2],
): string[] {
  const properties = Object.entries(page.properties).map(([name, value]) => [name, value as NotionProperty]);
  const names = Object.fromEntries(table.fields.map(({ property }) => [property, property]));
  const { image } = readPage(table, names, Object.fromEntries(properties));
  return table.fields.filter(goesToNotion).flatMap((field) => {
    const encoded = encodeField(field, row[field.property] ?? null, lookups);
    const wanted: PageValue | string = encoded.kind === 'value' ? encoded.value : encoded.kind;
    const there = image[field.property] ?? null;
    if (encoded.kind === 'value' && field.codec.same(encoded.value, there)) return [];
    return [
      `${table.name}/${key} ${field.property}: the row is ${JSON.stringify(wanted)}, the page ${JSON.stringify(there)}`,
    ];
  });
}
