import type { NotionProperty } from '../../src/model/codecs/codec.ts';
import { encodeField } from '../../src/model/fields.ts';
import { pageId, type RowKey } from '../../src/model/ids.ts';
import { goesToNotion, type ResolvedTable } from '../../src/model/mapping.ts';
import { lookupsOver, readPage } from '../../src/model/page.ts';
import { readKeys, readRows } from '../../src/postgres/rows.ts';
import type { PageView } from '../../src/sandbox/notion/human.ts';
import type { ChaosTable } from './chaos-shop.ts';
import type { World } from './chaos-world.ts';

/** What may differ, because it stands where an operator sees it, with a reason. */
export type Excuses = {
  /** `table/key` of deliveries that are set aside. */
  readonly deliveries: ReadonlySet<string>;
  /** Page -> the fields of its edit that is set aside; none named: the page as a whole. */
  readonly edits: ReadonlyMap<string, ReadonlySet<string>>;
  /** Twins that pgnotion says it has found. */
  readonly seconds: readonly string[];
};

export type Comparison = {
  /** What neither agrees nor has a reason. */
  readonly faults: readonly string[];
  /** How much was excused by a line in the failures. */
  readonly excused: number;
  readonly compared: number;
};

export async function excusesOf(world: World): Promise<Excuses> {
  const lines = await world.sql<{ name: string; reason: string | null }>(
    `select table_name || '/' || key as name, reason from pgnotion.outbox where parked_at is not null`,
  );
  const edits = await world.sql<{ page: string; fields: string[]; reason: string | null; code: string }>(
    'select page_id as page, fields, reason, code from pgnotion.edits where code is not null',
  );
  for (const { reason } of [...lines, ...edits])
    if (!reason) throw new Error('something is set aside without a reason');
  return {
    deliveries: new Set(lines.map((line) => line.name)),
    edits: new Map(edits.map((edit) => [edit.page, new Set(edit.fields)])),
    seconds: edits.filter((edit) => edit.code === 'second_page').map((edit) => edit.page),
  };
}

type Seen = { readonly table: ResolvedTable; readonly pages: readonly (readonly [RowKey, PageView])[] };
type Findings = { readonly faults: string[]; excused: number; compared: number };

const shownKey = (table: ResolvedTable, page: PageView): RowKey => {
  const property = page.properties[table.idProperty] as
    | { readonly rich_text?: readonly { readonly plain_text: string }[] }
    | undefined;
  return (property?.rich_text ?? []).map((run) => run.plain_text).join('') as RowKey;
};

/** Compares all rows with all live pages, found by the key that a page shows and by nothing that pgnotion remembers. */
export async function compare(world: World): Promise<Comparison> {
  const excuses = await excusesOf(world);
  const seen: Seen[] = world.installation.tables.map((table) => ({
    table,
    pages: world
      .pages(table.name as string as ChaosTable)
      .map((page) => [shownKey(table, page), page] as const),
  }));
  const pairs = seen.flatMap(({ table, pages }) =>
    pages
      .filter(([, page]) => !isWholePage(excuses, page))
      .map(([key, page]) => ({ table: table.name, key, page: pageId(page.id) })),
  );
  const lookups = lookupsOver({ pairs, users: new Map() });
  const found: Findings = { faults: [], excused: 0, compared: 0 };
  const unasked = excuses.seconds.filter((page) => !world.restored.has(page));
  found.faults.push(...unasked.map((page) => `invariant 3: page ${page} is a second one for its record`));
  const undone = await world.sql<{ id: string; type: string }>(
    // What brings a row back may be refused, or wait for a page that is no record: that stands in the failures.
    `select id, type from pgnotion.conflicts c where status in ('open', 'decided') and type <> 'REFUSED_EDIT'
        and not exists (select from pgnotion.edits e where e.page_id = c.page_id and (e.code = 'related_page_unknown' or e.code is not null and e.parked_at is not null))`,
  );
  found.faults.push(
    ...undone.map(({ id, type }) => `invariant 9: conflict ${id} (${type}) was decided and not ended`),
  );
  for (const { table, pages } of seen) await compareTable(world, { table, pages }, excuses, lookups, found);
  return found;
}

const isWholePage = (excuses: Excuses, page: PageView): boolean => excuses.edits.get(page.id)?.size === 0;

async function compareTable(
  world: World,
  { table, pages }: Seen,
  excuses: Excuses,
  lookups: ReturnType<typeof lookupsOver>,
  found: Findings,
): Promise<void> {
  const keys: RowKey[] = [];
  for await (const some of readKeys(world.installation.db, table, 1_000)) keys.push(...some);
  const rows = await readRows(world.installation.db, table, keys);
  const live = pages.filter(([, page]) => !isWholePage(excuses, page));
  found.excused += pages.length - live.length;
  const byKey = Map.groupBy(live, ([key]) => key);
  for (const [key, same] of byKey) {
    const name = `${table.name}/${key}`;
    if (same.length > 1)
      found.faults.push(`${name} has ${same.length} pages: ${same.map(([, page]) => page.id).join(' ')}`);
    if (rows.has(key)) continue;
    if (excuses.deliveries.has(name)) found.excused += 1;
    else found.faults.push(`${name} has a page (${same[0]?.[1].id}) and no row`);
  }
  for (const [key, row] of rows) {
    const name = `${table.name}/${key}`;
    const page = byKey.get(key)?.[0]?.[1];
    const differ = page === undefined ? ['no page'] : unequal(table, row, page, lookups, excuses.deliveries);
    found.compared += 1;
    for (const [field, what] of differ.map((text) => [text.split(':')[0] ?? '', text] as const)) {
      const edit = page === undefined ? undefined : excuses.edits.get(page.id);
      const trashed = page === undefined && (await isSetAside(world, table.name, key));
      if (excuses.deliveries.has(name) || edit?.has(field) || trashed) found.excused += 1;
      else found.faults.push(`${name} ${what}`);
    }
  }
}

/** Whether the page's leaving stands in the failures. */
async function isSetAside(world: World, table: string, key: string): Promise<boolean> {
  const rows = await world.sql(
    'select from pgnotion.edits where table_name = $1 and key = $2 and code is not null',
    [table, key],
  );
  return rows.length > 0;
}

function unequal(
  table: ResolvedTable,
  row: Readonly<Record<string, string | null>>,
  page: PageView,
  lookups: ReturnType<typeof lookupsOver>,
  excused: ReadonlySet<string>,
): string[] {
  const properties = Object.entries(page.properties).map(([name, value]) => [name, value as NotionProperty]);
  const names = Object.fromEntries(table.fields.map(({ property }) => [property, property]));
  const { image } = readPage(table, names, Object.fromEntries(properties));
  return table.fields.filter(goesToNotion).flatMap((field) => {
    const encoded = encodeField(field, row[field.property] ?? null, lookups);
    const there = image[field.property] ?? null;
    if (encoded.kind === 'value' && field.codec.same(encoded.value, there)) return [];
    // It points to a record that has no page, which is told of itself.
    if (
      encoded.kind === 'unresolved' &&
      encoded.missing.every(({ table: to, key }) => excused.has(`${to}/${key}`))
    )
      return [];
    const wanted = encoded.kind === 'value' ? encoded.value : encoded.kind;
    return [
      `${field.property}: the row is ${JSON.stringify(wanted)}, the page ${page.id} ${JSON.stringify(there)}`,
    ];
  });
}
