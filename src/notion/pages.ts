import type { PageImage } from '../model/change.ts';
import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { readPage } from '../model/page.ts';
import type { Ask, NotionClient, NotionPage } from './client.ts';

export type WholePage = { readonly page: NotionPage; readonly image: PageImage };

/**
 * The mapped values of a page, with those that its answer cut short fetched one by one. A field whose property the page
 * lacks, or has with another type, is left out: nothing can be said of it, and the rest of the page goes on.
 */
export async function wholeImage(
  notion: NotionClient,
  table: ResolvedTable,
  ids: Readonly<Record<string, string>>,
  page: NotionPage,
  ask: Ask,
): Promise<PageImage> {
  const reading = readPage(table, ids, page.properties);
  const image: Record<string, PageImage[string]> = { ...reading.image };
  for (const field of reading.truncated) {
    const items = await notion.retrieveProperty(page.id, ids[field.property] ?? field.property, ask);
    image[field.property] = field.codec.readItems(items);
  }
  return image;
}

/** What its answer leaves out of a page, so that it is read by a request of its own, some time later. */
export const readLate = (
  table: ResolvedTable,
  ids: Readonly<Record<string, string>>,
  page: NotionPage,
): ReadonlySet<string> =>
  new Set(readPage(table, ids, page.properties).truncated.map(({ property }) => property));

/** The page as it is this moment: a GET shows every write that was answered before it. */
export async function fetchPage(
  notion: NotionClient,
  table: ResolvedTable,
  ids: Readonly<Record<string, string>>,
  id: PageId,
  ask: Ask,
): Promise<WholePage> {
  const page = await notion.retrievePage(id, ask);
  return { page, image: await wholeImage(notion, table, ids, page, ask) };
}
