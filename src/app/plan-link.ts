import type { Json, PageImage, RowImage } from '../model/change.ts';
import { editInterval } from '../model/conflict.ts';
import { type FirstLink, firstLink } from '../model/first-link.ts';
import type { DataSourceId, RowKey } from '../model/ids.ts';
import type { FirstLinkRule } from '../model/mapping.ts';
import { type PagePlan, planPage } from '../model/plan.ts';
import { isComing } from '../notion/schema-rehearsal.ts';
import { commitTimes } from '../postgres/commit-times.ts';
import { capturedTimes } from '../state/change-times.ts';
import { NOBODY, pageSample, type SeenPage, type TableWalk } from './plan-walk.ts';

/** Where a table's pages are. */
export type Place = {
  readonly dataSource: DataSourceId;
  /** Property ids, those of properties included that `apply` adds. */
  readonly ids: Readonly<Record<string, string>>;
  readonly botId: string;
};

export function noteNew({ table, counter }: TableWalk, { page, image }: SeenPage): void {
  if (table.direction !== 'to-notion') counter.add('become', pageSample(table, page.id, image));
}

const NO_LINK: FirstLink = { baseRow: {}, basePage: {}, differing: [], toRow: [], review: [] };

/** What becomes of a page that a row takes over. Without a rule PostgreSQL wins whatever differs. */
export function linkedTo(
  { table }: TableWalk,
  place: Place,
  { page, image }: SeenPage,
  {
    row,
    lookups,
    rule,
    rowAt,
    equal,
  }: {
    readonly row: RowImage;
    readonly rule: FirstLinkRule | null;
    readonly rowAt: Date | null;
    /** Properties by which both were found. */
    readonly equal: ReadonlySet<string>;
  } & Pick<Parameters<typeof planPage>[0], 'lookups'>,
): { readonly plan: PagePlan; readonly link: FirstLink } {
  const shown = { ...emptyImage(table, place), ...image };
  const edit = editInterval(page, place.botId, null);
  const meeting = { fields: table.fields, row, image: shown, lookups, rowAt, edit, equal, fresh: false };
  const link = rule === null ? NO_LINK : firstLink({ ...meeting, rule });
  const plan = planPage({
    table,
    base: { row: link.baseRow, page: link.basePage },
    row,
    page: shown,
    seen: true,
    restore: [],
    lookups,
    decided: NOBODY,
    withheld: NOBODY,
    judge: ({ property }) => (link.review.includes(property) ? 'hold' : 'postgres'),
  });
  return { plan, link };
}

/** What pages show in the properties that `apply` is yet to add. */
function emptyImage(table: TableWalk['table'], { ids }: Place): PageImage {
  const lists = ['title', 'rich_text', 'multi_select', 'relation', 'people', 'files'];
  return Object.fromEntries(
    table.fields.flatMap(({ property, type, codec, shape }) => {
      const id = ids[property];
      if (id === undefined || !isComing(id)) return [];
      const content: Json = lists.includes(type) ? [] : type === 'checkbox' ? false : null;
      const read = codec.read({ id, type, [type]: content }, shape);
      return read.kind === 'value' ? [[property, read.value] as const] : [];
    }),
  );
}

/** Counts what a first link does where both sides hold values, or one alone. */
export function noteLink({ written }: TableWalk, { differing, toRow, review }: FirstLink): void {
  if (differing.length > 0) written.differing += 1;
  if (toRow.length > 0) written.toRows += 1;
  if (review.length > 0) written.review += 1;
}

/** When rows were committed as they are, where that decides. */
export async function rowTimesOf(
  { table, db, store }: TableWalk,
  keys: readonly RowKey[],
): Promise<ReadonlyMap<RowKey, Date>> {
  if (table.firstLink !== 'newest') return new Map();
  return new Map([
    ...(await commitTimes(db, table, keys)),
    ...(await capturedTimes(store, table.name, keys)),
  ]);
}
