import { type Away, awayOf } from '../model/away.ts';
import type { PageImage } from '../model/change.ts';
import type { DataSourceId, PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Unshown } from '../model/relation-targets.ts';
import type { Ask, NotionClient, NotionPage } from './client.ts';
import { isGone } from './error-classification.ts';
import { type CompletePage, readWhole } from './pages.ts';

/** Where a table's pages are, and which property ids their fields have there. */
type Place = {
  readonly dataSource: DataSourceId;
  readonly properties: Readonly<Record<string, string>>;
};

/** A page as a GET finds it. Its values are read only if it is a live page of its table. */
export type Located =
  | ({ readonly kind: 'here' } & CompletePage)
  | { readonly kind: 'away'; readonly away: Exclude<Away, 'hidden'>; readonly page: NotionPage }
  | { readonly kind: 'hidden' };

/** Looks for a page, and says where it is before anything is read out of it. */
export async function locatePage(
  notion: NotionClient,
  table: ResolvedTable,
  { at, id, ask }: { readonly at: Place; readonly id: PageId; readonly ask: Ask },
): Promise<Located> {
  try {
    const page = await notion.retrievePage(id, ask);
    const away = awayOf(page, at.dataSource);
    if (away !== null) return { kind: 'away', away, page };
    return { kind: 'here', ...(await readWhole(notion, table, { ids: at.properties, page, ask })) };
  } catch (error) {
    if (isGone(error)) return { kind: 'hidden' };
    throw error;
  }
}

/**
 * What a live page holds, with the elements of its relations that it cannot show now. Null if it is no longer a live page
 * of its table.
 */
export type SettleRelations = (
  seen: Pick<CompletePage, 'page' | 'image'>,
  of: {
    readonly table: ResolvedTable;
    readonly at: Place;
    readonly record: { readonly key: string; readonly basePage: PageImage; readonly unshown: Unshown };
  },
  ask: Ask,
) => Promise<SettledPage | null>;

export type SettledPage = Pick<CompletePage, 'page' | 'image'> & {
  readonly unshown: Unshown;
  /** The record's base, which may have lost elements of relations. */
  readonly basePage: PageImage;
  /** Related pages that were found out of their places. */
  readonly away: ReadonlySet<PageId>;
};
