import type { PageImage } from '../model/change.ts';
import { type Fault, PgnotionError } from '../model/errors.ts';
import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { readPage } from '../model/page.ts';
import type { Ask, NotionClient, NotionPage } from './client.ts';

export type WholePage = { readonly page: NotionPage; readonly image: PageImage };

/** The mapped values of a page, with those that its answer cut short fetched one by one. */
export async function wholeImage(
  notion: NotionClient,
  table: ResolvedTable,
  ids: Readonly<Record<string, string>>,
  page: NotionPage,
  ask: Ask,
): Promise<PageImage> {
  const reading = readPage(table, ids, page.properties);
  if (reading.faults.length > 0) throw schemaDrift(table, reading.faults);
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

function schemaDrift(table: ResolvedTable, faults: readonly Fault[]): PgnotionError {
  return new PgnotionError({
    code: 'notion_schema_changed',
    message: `the database of ${table.name} no longer fits the mapping: ${faults.map((each) => each.message).join('; ')}`,
    remedy: faults[0]?.remedy ?? 'run `pgnotion apply`',
  });
}
