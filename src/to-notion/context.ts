import type { PageImage, PageValue, RowImage } from '../model/change.ts';
import type { Lookups } from '../model/codecs/codec.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { RefusedField } from '../model/refused-field.ts';
import type { Failure, OutboxEntry } from '../state/outbox.ts';
import { propertyKey, type Source } from '../state/sources.ts';
import type { SyncContext } from '../sync/context.ts';
import type { InHand } from './in-hand.ts';
import type { PrereadListings } from './preread-listing.ts';
import type { RefusedFieldSearch } from './refused-field-search.ts';
import type { RefusedRequests } from './refused-requests.ts';

/** What a delivery works with. */
export type DeliverContext = SyncContext & {
  /** What listings before writes have shown. */
  readonly listings: PrereadListings;
  /** Records whose refused field is being looked for. */
  readonly refusedFields: RefusedFieldSearch;
  /** Records whose page is about to be made. */
  readonly inHand: InHand;
  /** Whole kinds of requests that Notion refuses. */
  readonly refusedRequests: RefusedRequests;
  /** Tells the way back that a person has edited this page. */
  readonly hint: (page: PageId) => void;
  /** How long a create that nobody answered may still come true. */
  readonly createGraceMs: number;
  /** How far before the last poll a listing begins: Notion's times are rounded down, and its queries may lag. */
  readonly overlapMs: number;
  /** False where Notion is known to refuse or to lose uploaded files that are handed back; they are not tried then. */
  readonly handsBackFiles: boolean;
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
