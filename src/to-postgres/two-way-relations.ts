import type { PageId, TableName } from '../model/ids.ts';
import { goesToPostgres, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import { propertyId } from '../model/schema/property-id.ts';
import type { NotionClient, NotionDataSource, NotionPage } from '../notion/client.ts';
import { pagesShowing } from '../state/away.ts';
import type { Source } from '../state/sources.ts';
import type { SyncContext } from '../sync/context.ts';

const ASK = { priority: 'poll' } as const;
/** How long a schema is taken as it was. */
const FRESH_MS = 600_000;
/** More other ends of one page than this are left to the sweep. */
const MOST_ENDS = 500;

/** Which property at the other end a two-way relation is shown in. */
export type TwoWayRelations = {
  /** The property's id, or null if the relation goes one way. */
  readonly of: (source: Source, field: ResolvedField) => Promise<string | null>;
};

export function createTwoWayRelations(notion: NotionClient, steadyMs: () => number): TwoWayRelations {
  const schemas = new Map<TableName, { readonly at: number; readonly schema: NotionDataSource }>();
  return {
    of: async (source, field) => {
      let known = schemas.get(source.table);
      if (known === undefined || steadyMs() - known.at > FRESH_MS) {
        known = { at: steadyMs(), schema: await notion.retrieveDataSource(source.dataSource, ASK) };
        schemas.set(source.table, known);
      }
      return mirrorIn(known.schema, source.properties[field.property]);
    },
  };
}

function mirrorIn(schema: NotionDataSource, id: string | undefined): string | null {
  if (id === undefined) return null;
  const property = Object.values(schema.properties).find((each) => each.id === id);
  const relation = property?.relation as
    | { readonly dual_property?: { readonly synced_property_id?: unknown } }
    | undefined;
  const mirror = relation?.dual_property?.synced_property_id;
  return typeof mirror === 'string' ? propertyId(mirror) : null;
}

/**
 * Pages whose relation to this page was changed from here: those that this page shows at the other end of a two-way
 * relation and their base does not, or the other way about. Notion dates no edit of theirs, so that only a whole
 * reading would find them.
 */
export async function affectedPages(
  context: SyncContext,
  twoWayRelations: TwoWayRelations,
  {
    name,
    page,
    changed,
  }: { readonly name: TableName; readonly page: PageId; readonly changed: 'all' | readonly string[] },
): Promise<readonly { readonly page: PageId; readonly table: TableName }[]> {
  if (changed !== 'all' && changed.length === 0) return [];
  const wanted = changed === 'all' ? null : new Set(changed.map(propertyId));
  let seen: NotionPage | null = null;
  const ends: { page: PageId; table: TableName }[] = [];
  for (const { table, field } of relationsTo(context.tables.values(), name)) {
    const mirror = await twoWayRelations.of(await context.sourceOf(table.name), field);
    if (mirror === null || (wanted !== null && !wanted.has(mirror))) continue;
    seen ??= await context.notion.retrievePage(page, ASK);
    const shown = await shownAt(context.notion, seen, mirror, field);
    if (shown === null) continue;
    const based = new Set(await pagesShowing(context.store, table.name, field.property, page));
    const differing = [...shown, ...based].filter((end) => !(shown.has(end) && based.has(end)));
    ends.push(...differing.slice(0, MOST_ENDS).map((end) => ({ page: end, table: table.name })));
  }
  return ends;
}

const relationsTo = (tables: Iterable<ResolvedTable>, name: TableName) =>
  [...tables].flatMap((table) =>
    table.fields
      .filter((field) => field.relatedTable === name && goesToPostgres(field))
      .map((field) => ({ table, field })),
  );

/** The pages that a relation property shows, all of them; `field` is its other end, which reads alike. Null if it is none. */
async function shownAt(
  notion: NotionClient,
  page: NotionPage,
  mirror: string,
  field: ResolvedField,
): Promise<Set<PageId> | null> {
  const property = Object.values(page.properties).find((each) => propertyId(each.id) === mirror);
  if (property === undefined) return null;
  const reading = field.codec.read(property);
  if (reading.kind === 'value') return new Set(reading.value as PageId[]);
  if (reading.kind === 'mismatch') return null;
  return new Set(field.codec.readItems(await notion.retrieveProperty(page.id, property.id, ASK)) as PageId[]);
}
