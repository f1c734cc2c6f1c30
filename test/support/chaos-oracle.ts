import type { NotionProperty } from '../../src/model/codecs/codec.ts';
import { encodeField } from '../../src/model/fields.ts';
import { pageId, type RowKey } from '../../src/model/ids.ts';
import { goesToNotion, type ResolvedTable } from '../../src/model/mapping.ts';
import { lookupsOver, readPage } from '../../src/model/page.ts';
import { isResting } from '../../src/model/record-state.ts';
import { readKeys, readRows } from '../../src/postgres/read-rows.ts';
import type { PageView } from '../../src/sandbox/notion/human.ts';
import { type Excuses, excusesOf, isAway } from './chaos-excuses.ts';
import { isRaced } from './chaos-history.ts';
import type { ChaosTable } from './chaos-shop.ts';
import { optionNames, shownFields } from './chaos-shown.ts';
import type { World } from './chaos-world.ts';

export type Comparison = {
  /** What neither agrees nor has a reason. */
  readonly faults: readonly string[];
  /** How much was excused by a line in the failures. */
  readonly excused: number;
  readonly compared: number;
};

type Seen = { readonly table: ResolvedTable; readonly pages: readonly (readonly [RowKey, PageView])[] };
type Findings = { readonly faults: string[]; excused: number; compared: number };

/**
 * The key that a page shows, as PostgreSQL spells it; that of its record while there is no property for it, or while it
 * shows another row's, which the failures tell.
 */
function shownKey(world: World, excuses: Excuses, table: ChaosTable, page: PageView): RowKey {
  const name = world.propertyNow(table, 'Supabase ID');
  if (name === undefined || excuses.strays.has(page.id))
    return (excuses.owners.get(page.id)?.key ?? '') as RowKey;
  const property = page.properties[name] as
    | { readonly rich_text?: readonly { readonly plain_text: string }[] }
    | undefined;
  const text = (property?.rich_text ?? []).map((run) => run.plain_text).join('');
  if (table === 'parents') return (/^ *\d+ *$/.test(text) ? String(Number(text)) : text) as RowKey;
  const hex = text.trim().toLowerCase().replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/.test(hex)) return text as RowKey;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') as RowKey;
}

/** Compares all rows with all live pages, found by the key that a page shows and by nothing that pgnotion remembers. */
export async function compare(world: World): Promise<Comparison> {
  const excuses = await excusesOf(world);
  const seen: Seen[] = world.installation.tables.map((table) => {
    const name = table.name as string as ChaosTable;
    // One that was moved here is still the other table's, and stands in the failures there. One that was unshared before
    // anybody knew of it can be known to nobody.
    const here = world.pages(name).filter(({ id }) => {
      const owner = excuses.owners.get(id);
      if (owner !== undefined && !isResting(owner.state)) return owner.table === name;
      // No listing and no GET shows what was taken away before it was known, or out of the trash: nobody asks for it.
      if (world.away.has(id)) return false;
      // A new page waits while there is no property for its key, which drift tells.
      return owner !== undefined ? owner.table === name : !excuses.drift.has(`${name}/Supabase ID`);
    });
    return { table, pages: here.map((page) => [shownKey(world, excuses, name, page), page] as const) };
  });
  const pairs = seen.flatMap(({ table, pages }) =>
    pages
      .filter(([, page]) => !isWholePage(excuses, page))
      .map(([key, page]) => ({ table: table.name, key, page: pageId(page.id) })),
  );
  const lookups = lookupsOver({ pairs, users: new Map() });
  const found: Findings = { faults: [], excused: 0, compared: 0 };
  const unasked = excuses.seconds.filter(
    (page) => !world.restored.has(page) && !world.spelled.has(page) && !world.taken.has(page),
  );
  found.faults.push(...unasked.map((page) => `invariant 3: page ${page} is a second one for its record`));
  const undone = await world.sql<{ id: string; type: string; page: string }>(
    // What brings a row back may be refused, or wait for a page that is no record: that stands in the failures.
    `select id, type, page_id as page from pgnotion.conflicts c where status in ('open', 'decided') and type <> 'REFUSED_EDIT'
        and not exists (select from pgnotion.edits e where e.page_id = c.page_id and (e.code = 'related_page_unknown' or e.code is not null and e.parked_at is not null))`,
  );
  found.faults.push(
    // What is decided of a page that people took away is carried out once it is back.
    ...undone.flatMap(({ id, type, page }) =>
      isAway(world, page) ? [] : `invariant 9: conflict ${id} (${type}) was decided and not ended`,
    ),
  );
  found.faults.push(...lostUploads(world), ...untold(world, excuses));
  const names = await optionNames(world);
  for (const { table, pages } of seen)
    await compareTable(world, { table, pages }, { excuses, lookups, names }, found);
  return found;
}

/** Files that people uploaded and took out nowhere, but for those that came between our look at the page and its write. */
function lostUploads(world: World): string[] {
  const name = world.propertyNow('parents', 'Docs');
  if (name === undefined) return [];
  const held = new Map(
    world.pages('parents').map((page) => [page.id, JSON.stringify(page.properties[name])]),
  );
  return [...world.uploads].flatMap(([page, files]) =>
    files
      .filter(({ file, at }) => held.get(page)?.includes(`"${file}"`) === false && !isRaced(world, page, at))
      .map(({ file }) => `invariant 7: page ${page} lost the upload ${file}`),
  );
}

/** What is not synced because of its property, and stands nowhere. */
const untold = (world: World, { drift }: Excuses): string[] =>
  world.installation.tables.flatMap((table) =>
    table.fields
      .filter(({ property }) => world.propertyNow(table.name as string as ChaosTable, property) === undefined)
      .filter(({ property }) => !drift.has(`${table.name}/${property}`))
      .map(
        ({ property }) => `invariant 15: ${table.name} ${property} is out of sync, and drift does not say so`,
      ),
  );

const isWholePage = (excuses: Excuses, page: PageView): boolean => excuses.edits.get(page.id)?.size === 0;

type Means = {
  readonly excuses: Excuses;
  readonly lookups: ReturnType<typeof lookupsOver>;
  readonly names: ReadonlyMap<string, readonly string[]>;
};

async function compareTable(
  world: World,
  { table, pages }: Seen,
  means: Means,
  found: Findings,
): Promise<void> {
  const { excuses } = means;
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
    if (excuses.deliveries.has(name) || same.every(([, page]) => excuses.filtered.has(page.id)))
      found.excused += 1;
    else found.faults.push(`${name} has a page (${same[0]?.[1].id}) and no row`);
  }
  for (const [key, row] of rows) {
    const name = `${table.name}/${key}`;
    const page = byKey.get(key)?.[0]?.[1];
    const differ = page === undefined ? ['no page'] : unequal(world, table, row, page, means);
    found.compared += 1;
    for (const [field, what] of differ.map((text) => [text.split(':')[0] ?? '', text] as const)) {
      const edit = page === undefined ? undefined : excuses.edits.get(page.id);
      const told = page === undefined || world.away.has(page.id) ? excuses.told.has(name) : false;
      if (excuses.deliveries.has(name) || edit?.has(field) || told) found.excused += 1;
      else found.faults.push(`${name} ${what}`);
    }
  }
}

function unequal(
  world: World,
  table: ResolvedTable,
  row: Readonly<Record<string, string | null>>,
  page: PageView,
  { excuses, lookups, names }: Means,
): string[] {
  const name = table.name as string as ChaosTable;
  const fields = table.fields.filter(
    // The pair was found by its key, which a person may spell in another way.
    (field) =>
      goesToNotion(field) &&
      field.source.kind !== 'key' &&
      world.propertyNow(name, field.property) !== undefined,
  );
  const called = Object.fromEntries(
    fields.map(({ property }) => [property, world.propertyNow(name, property) ?? property]),
  );
  const properties = Object.entries(page.properties).map(([each, value]) => [each, value as NotionProperty]);
  const { image } = readPage({ ...table, fields }, called, Object.fromEntries(properties));
  return fields.flatMap((field) => {
    const shown = shownFields(
      field,
      row[field.property] ?? null,
      page.properties[called[field.property] ?? ''],
      names,
    );
    if (shown === true) return [];
    const encoded = encodeField(field, row[field.property] ?? null, lookups);
    const there = image[field.property] ?? null;
    if (shown === null && encoded.kind === 'value' && field.codec.same(encoded.value, there)) return [];
    // It points to a record that has no page, which is told of itself.
    if (
      encoded.kind === 'unresolved' &&
      encoded.missing.every(
        ({ table: to, key }) => excuses.deliveries.has(`${to}/${key}`) || excuses.told.has(`${to}/${key}`),
      )
    )
      return [];
    const wanted = encoded.kind === 'value' ? encoded.value : encoded.kind;
    return [
      `${field.property}: the row is ${JSON.stringify(wanted)}, the page ${page.id} ${JSON.stringify(there)}`,
    ];
  });
}
