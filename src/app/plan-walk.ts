import type { PageImage, RowImage } from '../model/change.ts';
import type { Lookups } from '../model/codecs/codec.ts';
import { optionName } from '../model/codecs/values.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { hasOptions, MOST_OPTIONS } from '../model/schema/options.ts';
import type { Counter, PeoplePlan, Sample } from '../model/sync-plan.ts';
import { MOST_SAMPLES } from '../model/sync-plan.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import type { NotionClient, NotionPage } from '../notion/client.ts';
import type { People } from '../notion/people.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import type { Store } from '../state/sql.ts';
import { lookupsFor } from '../sync/row-lookups.ts';

/** Who is named in pages that are written. */
export type PeopleCounter = {
  readonly note: (users: Iterable<string>) => void;
  readonly done: () => Promise<PeoplePlan>;
};

/** A page as a listing gave it. */
export type SeenPage = { readonly page: NotionPage; readonly image: PageImage };

/** One table on its way through the plan. */
export type TableWalk = {
  /** As it can be synced once `apply` is done. */
  readonly table: ResolvedTable;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  readonly store: Store;
  readonly db: UserDatabase;
  readonly notion: NotionClient;
  readonly people: People;
  readonly naming: PeopleCounter;
  readonly counter: Counter;
  /** Rows that get a page which is there, of this table and of those before it; null where a person has to say which. */
  readonly adopted: Map<RowKey, PageId | null>;
  readonly adoptedOf: ReadonlyMap<TableName, ReadonlyMap<RowKey, PageId | null>>;
  /** Adopted pages whose rows point to pages that were not known when they were met. */
  readonly late: { readonly seen: SeenPage; readonly key: RowKey }[];
  readonly written: WrittenValues;
  /** Pages without a key are joined with rows by what they hold. */
  readonly isMatched: boolean;
  readonly tell: (what: string, done: number) => void;
};

/** What is written, beyond how many pages it goes to. */
export type WrittenValues = {
  adoptedWritten: number;
  adoptedLate: number;
  matchedWritten: number;
  differing: number;
  toRows: number;
  review: number;
  extra: number;
  waiting: number;
  secondPass: number;
  readonly fields: Record<string, number>;
  readonly options: Map<string, Set<string>>;
  /** Keys of rows whose pages are made before those of the rows that are looked at. */
  readonly made: Set<RowKey>;
  /** Tables of the same circle that are made before this one. */
  readonly before: ReadonlySet<TableName>;
};

export const nothingWritten = (before: ReadonlySet<TableName>): WrittenValues => ({
  adoptedWritten: 0,
  adoptedLate: 0,
  matchedWritten: 0,
  differing: 0,
  toRows: 0,
  review: 0,
  extra: 0,
  waiting: 0,
  secondPass: 0,
  fields: {},
  options: new Map(),
  made: new Set(),
  before,
});

/** Look-ups for encoding rows that take over pages: what they point to may be about to take over one too. */
export async function adoptionLookups(walk: TableWalk, rows: readonly RowImage[]): Promise<Lookups> {
  const lookups = await lookupsFor(walk, walk.table, rows);
  return {
    ...lookups,
    pageOf: (table, key) => lookups.pageOf(table, key) ?? walk.adoptedOf.get(table)?.get(key) ?? undefined,
  };
}

/** Never judges: whoever plans has no person's decision and no times. */
export const NOBODY: ReadonlySet<string> = new Set();

const titleOf = ({ fields }: ResolvedTable): string | undefined =>
  fields.find(({ type }) => type === 'title')?.property;

const shown = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? cutText(value, TEXT_LIMITS.shownValue) : null;

export const rowSample = (
  table: ResolvedTable,
  key: RowKey,
  row: RowImage | undefined,
  note: string | null = null,
): Sample => ({
  key: cutText(key, TEXT_LIMITS.shownKey),
  title: shown(row?.[titleOf(table) ?? '']),
  page: null,
  note: note === null ? null : cutText(note, TEXT_LIMITS.reason),
});

export const pageSample = (
  table: ResolvedTable,
  page: PageId,
  image: PageImage,
  { key = null, note = null }: { readonly key?: string | null; readonly note?: string | null } = {},
): Sample => ({
  key: key === null ? null : cutText(key, TEXT_LIMITS.shownKey),
  title: shown(image[titleOf(table) ?? '']),
  page,
  note,
});

/** Notes the options that a row's values are, no further than tells that they are too many. */
export function noteOptions(
  { table, written }: Pick<TableWalk, 'table' | 'written'>,
  writes: PageImage,
): void {
  for (const { property, type } of table.fields) {
    if (!hasOptions(type) || !(property in writes)) continue;
    const seen = written.options.get(property) ?? new Set<string>();
    written.options.set(property, seen);
    const value = writes[property];
    for (const name of Array.isArray(value) ? value : [value])
      if (typeof name === 'string' && seen.size <= MOST_OPTIONS) seen.add(optionName(name, { property }));
  }
}

/** The people whom a write adds to a page: those who stand there already are not told again. */
export function newPeople(table: ResolvedTable, writes: PageImage, before: PageImage): readonly string[] {
  const idsIn = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
  const added = table.fields
    .filter(({ type, property }) => type === 'people' && property in writes)
    .flatMap(({ property }) => {
      const known = new Set(idsIn(before[property]));
      return idsIn(writes[property]).filter((id) => !known.has(id));
    });
  return [...new Set(added)];
}

export function createPeopleCounter(people: People): PeopleCounter {
  const pages = new Map<string, number>();
  let notifications = 0;
  return {
    note: (users) => {
      for (const user of users) {
        notifications += 1;
        pages.set(user, (pages.get(user) ?? 0) + 1);
      }
    },
    done: async () => {
      const most = [...pages].sort(([, a], [, b]) => b - a).slice(0, MOST_SAMPLES);
      const samples = await Promise.all(
        most.map(async ([user, count]) => ({ person: (await people.nameOf(user)) ?? user, pages: count })),
      );
      return { people: pages.size, notifications, samples };
    },
  };
}
