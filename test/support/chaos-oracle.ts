import type { Json } from '../../src/model/change.ts';
import { isResting } from '../../src/model/record-state.ts';
import type { PageView } from '../../src/sandbox/notion/human.ts';
import { type Excuses, excusesOf, isAway } from './chaos-excuses.ts';
import { isRaced } from './chaos-history.ts';
import { type Journal, readJournal } from './chaos-journal.ts';
import type { ChaosTable } from './chaos-shop.ts';
import { rowTexts } from './chaos-texts.ts';
import type { World } from './chaos-world.ts';
import { differencesOf } from './history/convergence.ts';
import type { Texts } from './history/history.ts';
import { judgeSetAside, type SetAside } from './history/set-aside.ts';

export type Comparison = {
  /** What neither agrees nor has a reason. */
  readonly faults: readonly string[];
  /** How much was excused by a line in the failures. */
  readonly excused: number;
  readonly compared: number;
};

type Row = Readonly<Record<string, Json>>;
type Seen = { readonly table: ChaosTable; readonly pages: readonly (readonly [string, PageView])[] };
type Findings = { readonly faults: string[]; excused: number; compared: number };

/**
 * The key that a page shows, as PostgreSQL spells it; that of its record while there is no property for it, or while it
 * shows another row's, which the failures tell.
 */
function shownKey(world: World, excuses: Excuses, table: ChaosTable, page: PageView): string {
  const name = world.propertyNow(table, 'Supabase ID');
  if (name === undefined || excuses.strays.has(page.id)) return excuses.owners.get(page.id)?.key ?? '';
  const property = page.properties[name] as
    | { readonly rich_text?: readonly { readonly plain_text: string }[] }
    | undefined;
  const text = (property?.rich_text ?? []).map((run) => run.plain_text).join('');
  if (table === 'parents') return /^ *\d+ *$/.test(text) ? String(Number(text)) : text;
  const hex = text.trim().toLowerCase().replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/.test(hex)) return text;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Compares all rows with all live pages, found by the key that a page shows and by nothing that pgnotion remembers. */
export async function compare(world: World): Promise<Comparison> {
  const excuses = await excusesOf(world);
  const seen: Seen[] = (['parents', 'children'] as const).map((name) => {
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
    return { table: name, pages: here.map((page) => [shownKey(world, excuses, name, page), page] as const) };
  });
  const keys = new Map(
    seen.flatMap(({ pages }) =>
      pages
        // One that shows another row's key is still its own record's, which the failures tell.
        .filter(([, page]) => !isWholePage(excuses, page) || excuses.strays.has(page.id))
        .map(([key, page]) => [page.id, key] as const),
    ),
  );
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
  found.faults.push(
    ...lostUploads(world),
    ...untold(world, excuses),
    ...judgeSetAside(await setAsideOf(world)),
  );
  const journal = await readJournal(world);
  const shown = new Map(journal.pages.map(({ page, values }) => [page, values]));
  for (const each of seen) await compareTable(world, each, { excuses, journal, shown, keys }, found);
  return found;
}

const setAsideOf = (world: World): Promise<SetAside[]> =>
  world.sql<SetAside>(
    `select 'outbox ' || table_name || '/' || key as what, code from pgnotion.outbox where parked_at is not null and code is not null
     union all select 'edit ' || page_id, code from pgnotion.edits where parked_at is not null and code is not null`,
  );

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
  readonly journal: Journal;
  /** What each page holds at the end. */
  readonly shown: ReadonlyMap<string, Texts>;
  /** The key that each page shows. */
  readonly keys: ReadonlyMap<string, string>;
};

/** As the table's condition has them, by key. */
async function rowsOf(world: World, table: ChaosTable): Promise<Map<string, Row>> {
  const condition = table === 'children' ? 'not hidden' : 'true';
  const rows = await world.sql<{ key: string; row: Row }>(
    `select id::text as key, to_jsonb(t) as row from ${table} t where ${condition}`,
  );
  return new Map(rows.map(({ key, row }) => [key, row]));
}

async function compareTable(
  world: World,
  { table, pages }: Seen,
  means: Means,
  found: Findings,
): Promise<void> {
  const { excuses } = means;
  const rows = await rowsOf(world, table);
  const live = pages.filter(([, page]) => !isWholePage(excuses, page));
  found.excused += pages.length - live.length;
  const byKey = Map.groupBy(live, ([key]) => key);
  for (const [key, same] of byKey) {
    const name = `${table}/${key}`;
    if (same.length > 1)
      found.faults.push(`${name} has ${same.length} pages: ${same.map(([, page]) => page.id).join(' ')}`);
    if (rows.has(key)) continue;
    if (excuses.deliveries.has(name) || same.every(([, page]) => excuses.filtered.has(page.id)))
      found.excused += 1;
    else found.faults.push(`${name} has a page (${same[0]?.[1].id}) and no row`);
  }
  for (const [key, row] of rows) {
    const name = `${table}/${key}`;
    const page = byKey.get(key)?.[0]?.[1];
    const differ = page === undefined ? ['no page'] : unequal({ world, table, key }, row, page, means);
    found.compared += 1;
    for (const [field, what] of differ.map((text) => [text.split(':')[0] ?? '', text] as const)) {
      const edit = page === undefined ? undefined : excuses.edits.get(page.id);
      const told = page === undefined || world.away.has(page.id) ? excuses.told.has(name) : false;
      if (excuses.deliveries.has(name) || edit?.has(field) || told) found.excused += 1;
      else found.faults.push(`${name} ${what}`);
    }
  }
}

const RELATIONS: ReadonlySet<string> = new Set(['Parent']);

/** Field by field, as texts that no code of either side has made. */
function unequal(
  { world, table, key }: { readonly world: World; readonly table: ChaosTable; readonly key: string },
  row: Row,
  page: PageView,
  { excuses, journal, shown, keys }: Means,
): string[] {
  const name = table === 'children' ? world.propertyNow(table, 'Parent') : undefined;
  const related = (page.properties[name ?? ''] ?? {}) as {
    readonly relation?: readonly { readonly id: string }[];
  };
  const texts = {
    ...shown.get(page.id),
    // What the editor shows: some targets are there and cannot be seen.
    ...(related.relation === undefined
      ? {}
      : { Parent: JSON.stringify(related.relation.map(({ id }) => id)) }),
  };
  // The failures tell of a page that is away which record it still is.
  const keyOf = (id: string): string | null => {
    const owner = excuses.owners.get(id)?.key ?? '';
    return keys.get(id) ?? (excuses.told.has(`parents/${owner}`) ? owner : null);
  };
  const found = differencesOf(rowTexts(table, row, journal.options), texts, RELATIONS, keyOf);
  return found.flatMap((each) => {
    const target = `parents/${each.row}`;
    const isTold = excuses.deliveries.has(target) || excuses.told.has(target);
    // It points to a record that has no page, which is told of itself.
    if (each.property === 'Parent' && each.page === null && isTold) return [];
    const [want, there] = [JSON.stringify(each.row), JSON.stringify(each.page)];
    return [`${each.property}: the row ${table}/${key} is ${want}, the page ${page.id} ${there}`];
  });
}
