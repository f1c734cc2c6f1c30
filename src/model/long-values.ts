import { createHash } from 'node:crypto';
import type { PageImage } from './change.ts';
import type { NotionProperty } from './codecs/codec.ts';
import { canonicalJson } from './json.ts';

/** The values that a page's answer cut short, as they were last read whole. */
export type LongValues = {
  /** Notion's time of the page's last edit when they were read. */
  readonly editedAt: Date;
  /** That minute was over when they were read: an edit after the reading has a later time. */
  readonly closed: boolean;
  /** See `listedDigest`. */
  readonly listed: string;
  readonly whole: PageImage;
  /** How often they were read since the page was last edited, as far as its time shows. */
  readonly reads: number;
  readonly readMsAgo: number;
};

const MINUTE_MS = 60_000;
/** Within the minute of an edit, later edits leave no trace: the values are read again after this time, then ever less often. */
const FIRST_MS = 5_000;
const FACTOR = 4;

/** Whether Notion's clock has left the minute of an edit. `now` is a time that it has passed; null if none is known. */
export const isMinuteOver = (editedAt: Date, now: Date | null): boolean =>
  now !== null && now.getTime() >= editedAt.getTime() + MINUTE_MS;

/**
 * Whether values that were read before are taken for the page's without another request: neither its time of edit nor
 * the parts that its answer lists have changed since. What moves neither is left to the sweep.
 */
export function stillStands(
  known: LongValues | undefined,
  seen: { readonly editedAt: Date; readonly listed: string },
  now: Date | null,
): known is LongValues {
  if (known === undefined || known.listed !== seen.listed) return false;
  if (known.editedAt.getTime() !== seen.editedAt.getTime()) return false;
  if (known.closed) return true;
  return !isMinuteOver(seen.editedAt, now) && known.readMsAgo < FIRST_MS * FACTOR ** (known.reads - 1);
}

/** Tells the listed parts of cut values: by ids where there are some, because names and addresses beside them change. */
export function listedDigest(properties: readonly NotionProperty[]): string {
  const parts = properties.map((property) => {
    const content = property[property.type];
    const items: readonly unknown[] = Array.isArray(content) ? content : [content];
    return [property.id, property.has_more ?? null, ...items.map(idOf)];
  });
  return createHash('sha256')
    .update(canonicalJson(JSON.parse(JSON.stringify(parts))))
    .digest('hex')
    .slice(0, 32);
}

const idOf = (item: unknown): unknown =>
  typeof item === 'object' && item !== null && 'id' in item ? item.id : item;
