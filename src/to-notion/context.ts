import type { PageImage, PageValue, RowImage } from '../model/change.ts';
import type { NotionClock } from '../model/clock.ts';
import type { Lookups } from '../model/codecs/codec.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Guards } from '../model/mass-change.ts';
import { lookupsOver } from '../model/page.ts';
import { targetsOf } from '../model/plan.ts';
import { lacking, pairsOfReferences, recordsOf } from '../model/references.ts';
import type { RefusedField } from '../model/refused-field.ts';
import type { NotionClient } from '../notion/client.ts';
import type { SettleRelations } from '../notion/locate.ts';
import type { People } from '../notion/people.ts';
import { findReferences } from '../postgres/references.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import type { KeyLock } from '../runtime/keylock.ts';
import type { Log } from '../runtime/log.ts';
import type { Looks } from '../runtime/looks.ts';
import type { Failure, OutboxEntry } from '../state/outbox.ts';
import { pagesOf } from '../state/records.ts';
import { propertyKey, type Source } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import type { PrereadListings } from './preread-listing.ts';
import type { RefusedFieldSearch } from './refused-field-search.ts';
import type { RefusedRequests } from './refused-requests.ts';

/** `version`: as in `Source.schemaVersion`, of what we know of the schema. `digest`: of all that is in it. */
export type SchemaState = { readonly version: number; readonly digest: string };

/** What a delivery works with. */
export type DeliverContext = {
  readonly store: Store;
  readonly db: UserDatabase;
  readonly notion: NotionClient;
  readonly people: People;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  readonly sourceOf: (table: TableName) => Promise<Source>;
  readonly settleRelations: SettleRelations;
  readonly locks: KeyLock;
  /** Resolves once all that is committed now is in the outbox; with false if that takes too long. */
  readonly readLog: () => Promise<boolean>;
  /** Records whose refused field is being looked for. */
  readonly refusedFields: RefusedFieldSearch;
  readonly looks: Looks;
  readonly clock: NotionClock;
  /** What listings before writes have shown. */
  readonly listings: PrereadListings;
  /** Reads a table's schema now, and says which one it is; null for a table that is not synced. */
  readonly schema: { readonly afresh: (table: TableName) => Promise<SchemaState | null> };
  /** Whole kinds of requests that Notion refuses. */
  readonly refusedRequests: RefusedRequests;
  /** Our own user in Notion: only what it made is ever taken for a duplicate of ours. */
  readonly botId: string;
  /** Tells the way back that a person has edited this page. */
  readonly hint: (page: PageId) => void;
  /** How long a create that nobody answered may still come true. */
  readonly createGraceMs: number;
  readonly guards: Guards;
  /** Rings the delivery: other records have become due, or more urgent. */
  readonly onDirty: () => void;
  readonly now: () => Date;
  readonly log: Log;
};

/** One outbox entry with all that is needed to deliver it. */
export type Delivery = {
  readonly entry: OutboxEntry;
  readonly table: ResolvedTable;
  readonly source: Source;
  readonly row: RowImage;
  readonly lookups: Lookups;
  /** What Notion refused of this record, or of its table, before. */
  readonly refused: readonly RefusedField[];
  /** Conflicts of this record that are not over. Nobody makes another one while its lock is held. */
  readonly conflicts: readonly LiveConflict[];
  /** Whether a write to its page is on record that replaced more than its values. */
  readonly replacedExtras: boolean;
};

/** A delivery of a row that is gone. */
export type Deletion = Pick<Delivery, 'entry' | 'table' | 'source'>;

/** How a delivery ended, for the outbox. */
export type Delivered =
  | { readonly kind: 'settled' }
  | { readonly kind: 'postponed'; readonly ms: number }
  | { readonly kind: 'retry'; readonly ms: number | null; readonly failure: Failure }
  | { readonly kind: 'parked'; readonly failure: Failure };

export const SETTLED: Delivered = { kind: 'settled' };

/** Look-ups that find nothing: encoding with them shows which records a row points to. */
const NO_LOOKUPS = lookupsOver({ pairs: [], users: new Map() });

/** Fetches the pages that these rows' relations point to, in one query; what has none by that name is asked of PostgreSQL. */
export async function lookupsFor(
  context: Pick<DeliverContext, 'store' | 'db' | 'tables' | 'people'>,
  table: ResolvedTable,
  rows: readonly RowImage[],
): Promise<Lookups> {
  const targets = rows.flatMap((row) => targetsOf(table, row, NO_LOOKUPS));
  const known = await pagesOf(
    context.store,
    targets.filter(({ by }) => by === undefined),
  );
  const references = await findReferences(context.db, context.tables, lacking(targets, known));
  const found = pairsOfReferences(references, await pagesOf(context.store, recordsOf(references)));
  const users = table.fields.some((field) => field.type === 'people')
    ? await context.people.byEmail()
    : new Map();
  return lookupsOver({ pairs: [...found.pairs, ...known], targets: found.targets, users });
}

const OUT_OF_ORDER_MS = 5_000;

/** That a record waits because a property is out of order without which its page cannot be made or marked; null if it is there. */
export function awaitProperty(
  { table, source }: Pick<Delivery, 'table' | 'source'>,
  property: string | null,
): Delivered | null {
  if (property === null || propertyKey(source, property) !== undefined) return null;
  return {
    kind: 'retry',
    ms: OUT_OF_ORDER_MS,
    failure: {
      code: 'property_out_of_order',
      reason: `the database of ${table.name} has no usable property ${JSON.stringify(property)} now`,
      remedy: 'see `pgnotion status` for what became of it; the record goes on by itself once it is back',
    },
  };
}

/** The fields of `image` that are not as `base` has them, leaving out `written`: a person was there. */
export function strangerFields(
  table: ResolvedTable,
  base: PageImage,
  {
    image,
    written,
    same,
  }: {
    readonly image: PageImage;
    readonly written: Iterable<string>;
    readonly same: (a: PageValue, b: PageValue) => boolean;
  },
): string[] {
  const ours = new Set(written);
  return table.fields
    .map((field) => field.property)
    .filter(
      (name) =>
        !ours.has(name) && name in base && name in image && !same(base[name] ?? null, image[name] ?? null),
    );
}
