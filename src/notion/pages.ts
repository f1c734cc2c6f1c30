import type { PageImage, PageValue } from '../model/change.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { extrasOfItems, type PageExtras, readPage } from '../model/page.ts';
import type { Ask, NotionClient, NotionPage } from './client.ts';
import { isGone, stopsAll } from './error-classification.ts';

/** A field of a page whose value could not be read, and why. */
export type Unread = { readonly field: string; readonly error: unknown };

export type CompletePage = {
  readonly page: NotionPage;
  readonly image: PageImage;
  /** What the properties hold beyond these values, as far as they were read now. */
  readonly extras: PageExtras;
  /** Fields that the image lacks because their own request failed. */
  readonly unread: readonly Unread[];
};

/** What need not be asked for: values that are known from before, and fields that are not to be tried now. */
type KnownValues = { readonly values: PageImage; readonly skip: readonly string[] };

const NOTHING_KNOWN: KnownValues = { values: {}, skip: [] };

/**
 * The mapped values of a page, with those that its answer cut short fetched one by one. A field whose property the page
 * lacks, has with another type or does not give is left out: nothing can be said of it, and the rest of the page goes on.
 */
export async function readWhole(
  notion: NotionClient,
  table: ResolvedTable,
  {
    ids,
    page,
    ask,
  }: { readonly ids: Readonly<Record<string, string>>; readonly page: NotionPage; readonly ask: Ask },
  known = NOTHING_KNOWN,
): Promise<CompletePage> {
  const reading = readPage(table, ids, page.properties);
  const image: Record<string, PageValue> = { ...reading.image };
  const extras: Record<string, PageExtras[string]> = { ...reading.extras };
  const unread: Unread[] = [];
  for (const field of reading.truncated) {
    const { property, codec, shape } = field;
    const value = known.values[property];
    if (value !== undefined) image[property] = value;
    if (value !== undefined || known.skip.includes(property)) continue;
    try {
      const items = await notion.retrieveProperty(page.id, ids[property] ?? property, ask);
      image[property] = codec.readItems(items, shape);
      const more = extrasOfItems(field, items);
      if (more !== undefined) extras[property] = more;
    } catch (error) {
      if (stopsAll(error) || isGone(error)) throw error;
      unread.push({ field: property, error });
    }
  }
  return { page, image, extras, unread };
}

/** What its answer leaves out of a page, so that it is read by a request of its own, some time later. */
export const readLate = (
  table: ResolvedTable,
  ids: Readonly<Record<string, string>>,
  page: NotionPage,
): ReadonlySet<string> =>
  new Set(readPage(table, ids, page.properties).truncated.map(({ property }) => property));
