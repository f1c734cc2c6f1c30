import { awayOf } from '../model/away.ts';
import type { PageImage } from '../model/change.ts';
import { baseAfterWrite } from '../model/merge.ts';
import { type Unshown, unshownAfterWrite, withUnshown } from '../model/relation-targets.ts';
import type { NotionPage } from '../notion/client.ts';
import { readLate, readWhole } from '../notion/pages.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Delivery } from './context.ts';
import { urgencyOf } from './failure.ts';

/** What a write's answer shows of the page. */
type ReadAnswer = {
  /** The page's values, with what its relations cannot show now. */
  readonly image: PageImage;
  readonly base: PageImage;
  /** What of the written relations the page does not show. */
  readonly unshown: Unshown;
};

/** Null if the answer says that the page had been moved to another database. */
export async function readAnswer(
  context: SyncContext,
  { entry, table, source }: Delivery,
  { known, sent, answer }: { readonly known: Unshown; readonly sent: PageImage; readonly answer: NotionPage },
): Promise<ReadAnswer | null> {
  if (awayOf(answer, source.dataSource) === 'moved') return null;
  const ask = { priority: urgencyOf(entry) };
  const shown = await readWhole(context.notion, table, { ids: source.properties, page: answer, ask });
  const late = readLate(table, source.properties, answer);
  const unshown = unshownAfterWrite(table.fields, sent, shown.image, late);
  const image = withUnshown(table.fields, shown.image, { ...known, ...unshown });
  return { image, base: baseAfterWrite(table.fields, sent, image, late), unshown };
}
