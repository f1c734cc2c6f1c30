import type { PageImage, PageValue, RowImage, SqlText } from '../model/change.ts';
import type { NotionClock } from '../model/clock.ts';
import type { Decoded, Lookups } from '../model/codecs/codec.ts';
import { decodeField } from '../model/fields.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { ResolvedField, ResolvedTable } from '../model/mapping.ts';
import type { Guards } from '../model/mass-change.ts';
import { lookupsJoined, lookupsOver } from '../model/page.ts';
import { targetsOf } from '../model/plan.ts';
import { lacking, type Pair, pairsOfReferences, recordsOf, referencePlace } from '../model/references.ts';
import { validate } from '../model/validate.ts';
import type { NotionClient, NotionPage } from '../notion/client.ts';
import type { SettleRelations } from '../notion/locate.ts';
import type { People } from '../notion/people.ts';
import { findReferences, referenceValues } from '../postgres/references.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import { statementsOn, type UserTransaction } from '../postgres/write.ts';
import type { Writer } from '../postgres/writer.ts';
import type { KeyLock } from '../runtime/keylock.ts';
import type { Log } from '../runtime/log.ts';
import type { Looks } from '../runtime/looks.ts';
import { pagesOf, recordsByPage } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { Sql, Store } from '../state/sql.ts';
import type { SchemaCheck } from './schema-losses.ts';

/** What the way back works with. */
export type InboundContext = {
  readonly store: Store;
  readonly db: UserDatabase;
  readonly writer: Writer;
  readonly notion: NotionClient;
  readonly people: People;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  /** Notion's schema as it is known, and whether it still is what a page was read by. */
  readonly schema: SchemaCheck;
  /** Looks whether PostgreSQL's catalog says something else of a table by now, and gives the table as it is. */
  readonly shapes: { readonly refresh: (table: TableName) => Promise<ResolvedTable | undefined> };
  readonly sourceOf: (table: TableName) => Promise<Source>;
  readonly settleRelations: SettleRelations;
  readonly locks: KeyLock;
  readonly botId: string;
  readonly tagSecret: Buffer;
  /** Resolves once all that is committed now is in the outbox; with false if that takes too long. */
  readonly readLog: () => Promise<boolean>;
  readonly clock: NotionClock;
  readonly looks: Looks;
  /** How long a new page must have been left alone before it becomes a row. */
  readonly settleMs: number;
  /** Data sources of at most this many pages are read whole at each poll. */
  readonly wholePollPages: number;
  readonly sweepMs: number;
  readonly guards: Guards;
  /** How long a query may miss, or show old, what was done before it. */
  readonly queryLagMs: number;
  /** Rings the delivery: an applied edit may have left something to write back. */
  readonly onDirty: () => void;
  readonly now: () => Date;
  readonly log: Log;
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
    record.page === null || (record.state === 'resting' && record.restedAs !== 'soft' && !record.filtered)
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

/** The same with the records that the relations of these images of a row point to: what a set has in common needs both. */
export async function lookupsWithRows(
  {
    db,
    tables,
    sql,
  }: { readonly db: UserDatabase; readonly tables: InboundContext['tables']; readonly sql: Sql },
  lookups: Lookups,
  table: ResolvedTable,
  rows: readonly RowImage[],
): Promise<Lookups> {
  const targets = rows.flatMap((row) => targetsOf(table, row, NO_LOOKUPS));
  if (targets.length === 0) return lookups;
  const known = await pagesOf(
    sql,
    targets.filter(({ by }) => by === undefined),
  );
  const references = await findReferences(db, tables, lacking(targets, known));
  const found = pairsOfReferences(references, await pagesOf(sql, recordsOf(references)));
  return lookupsJoined(lookups, { pairs: [...found.pairs, ...known], targets: found.targets });
}

const NO_LOOKUPS = lookupsOver({ pairs: [], users: EMPTY });

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
