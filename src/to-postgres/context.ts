import type { PageImage, PageValue, SqlText } from '../model/change.ts';
import type { Decoded, Lookups } from '../model/codecs/codec.ts';
import { decodeField } from '../model/fields.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { lookupsOver } from '../model/page.ts';
import { isDeleted } from '../model/record-state.ts';
import { type Pair, referencePlace } from '../model/references.ts';
import { validate } from '../model/validate.ts';
import type { NotionPage } from '../notion/client.ts';
import { referenceValues } from '../postgres/references.ts';
import { statementsOn, type UserTransaction } from '../postgres/write.ts';
import type { Writer } from '../postgres/writer.ts';
import { recordsByPage } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';
import type { SyncContext } from '../sync/context.ts';

/** What the way back works with. */
export type InboundContext = SyncContext & {
  readonly writer: Writer;
  readonly tagSecret: Buffer;
  /** How long a new page must have been left alone before it becomes a row. */
  readonly settleMs: number;
  /** Data sources of at most this many pages are read whole at each poll. */
  readonly wholePollPages: number;
  readonly sweepMs: number;
  /** How long a query may miss, or show old, what was done before it. */
  readonly queryLagMs: number;
  /** For how long a change of the schema may hide pages of a database that was known before. */
  readonly blackoutMs: number;
  /** How far before the last poll the next one begins: Notion's times are rounded down, and its queries may lag. */
  readonly overlapMs: number;
};

/** A page as it was seen, with what it is a page of. */
export type Sighting = {
  readonly table: ResolvedTable;
  readonly source: Source;
  readonly page: NotionPage;
  readonly image: PageImage;
  /** A webhook told of it: the person may still be typing. */
  readonly hinted?: boolean;
  /** Related pages that were found out of their places. */
  readonly away?: ReadonlySet<PageId>;
};

const EMPTY: ReadonlyMap<string, string> = new Map();

/**
 * Look-ups for decoding these values: the records behind the related pages, those that `base` showed before included
 * (what a person took away is known by them), and the workspace's people.
 */
export async function inboundLookups(
  context: InboundContext,
  { fields, image }: { readonly fields: readonly ResolvedField[]; readonly image: PageImage },
  base: PageImage = {},
  away: ReadonlySet<PageId> = new Set(),
): Promise<Lookups> {
  const users = fields.some((field) => field.type === 'people') ? await context.people.byEmail() : EMPTY;
  const related = fields.filter((field) => field.relatedTable !== undefined);
  const pages = related.flatMap(({ property }) =>
    [image, base].flatMap((each) => idsIn(each[property] ?? null)),
  );
  const records = await recordsByPage(context.store, pages);
  const pairs = [...records.values()].flatMap((record) =>
    record.page === null || isDeleted(record.state)
      ? []
      : [{ table: record.table, key: record.key, page: record.page }],
  );
  return lookupsOver({ pairs: [...pairs, ...(await pairsBy(context, related, pairs))], users, away });
}

/** What the related records' rows have in the columns that these fields refer to them by. */
async function pairsBy(
  { db, tables }: Pick<InboundContext, 'db' | 'tables'>,
  related: readonly ResolvedField[],
  records: readonly Pair[],
): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (const { relatedTable, relatedBy } of related) {
    const table = relatedTable === undefined ? undefined : tables.get(relatedTable);
    if (table === undefined || relatedBy === undefined) continue;
    const own = records.filter((record) => record.table === table.name);
    const values = await referenceValues(
      db,
      table,
      relatedBy,
      own.map(({ key }) => key),
    );
    for (const { key, page } of own) {
      const value = values.get(key);
      if (value !== undefined) pairs.push({ table: referencePlace(table.name, relatedBy), key: value, page });
    }
  }
  return pairs;
}

export const idsIn = (value: PageValue): PageId[] => (Array.isArray(value) ? (value as PageId[]) : []);

/** The state's statements on a connection of Kysely's, so that row and state commit together. */
export const stateOn = (transaction: UserTransaction): Sql => statementsOn(transaction);

export type DecodedField = { readonly field: ResolvedField; readonly decoded: Decoded };

const decoded = (
  field: ResolvedField,
  value: PageValue,
  lookups: Lookups,
  current: SqlText | undefined,
): Decoded => validate(field, value, decodeField(field, value, lookups, current ?? null), current);

/** What PostgreSQL would get of a page's values, judged as far as can be. `current` is the row; empty if there is none. */
export const decodeAll = (
  fields: readonly ResolvedField[],
  image: PageImage,
  lookups: Lookups,
  current: Readonly<Record<string, string | null>>,
): DecodedField[] =>
  fields.map((field) => ({
    field,
    decoded: decoded(field, image[field.property] ?? null, lookups, current[field.property]),
  }));

/** The same context, with the table's own lane in the queue for Notion: many pages of one table delay no other. */
export const inLane = (context: InboundContext, table: TableName): InboundContext => ({
  ...context,
  notion: context.notion.forLane(table),
});
