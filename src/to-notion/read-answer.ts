import { awayOf } from '../model/away.ts';
import type { PageImage } from '../model/change.ts';
import { baseAfterWrite } from '../model/merge.ts';
import { type Unshown, unshownAfterWrite, withUnshown } from '../model/relation-targets.ts';
import type { NotionPage } from '../notion/client.ts';
import { readLate, readWhole } from '../notion/pages.ts';
import type { SyncContext } from '../sync/context.ts';
import { holdMoveLosses, withoutMoveLosses } from '../sync/move-losses.ts';
import type { Linked } from './conclude.ts';
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

/**
 * Null if the answer says that the page had been moved to another database. `unseen`: the record, if the page was written without a
 * look: then its answer is the first that shows what the page lost on a way through another database, and the last, because the
 * values that were written hide it from the next look.
 */
export async function readAnswer(
  context: SyncContext,
  { entry, table, source }: Delivery,
  {
    known,
    sent,
    answer,
    unseen,
  }: {
    readonly known: Unshown;
    readonly sent: PageImage;
    readonly answer: NotionPage;
    readonly unseen: Linked | null;
  },
): Promise<ReadAnswer | null> {
  if (awayOf(answer, source.dataSource) === 'moved') return null;
  const ask = { priority: urgencyOf(entry) };
  const shown = await readWhole(context.notion, table, { ids: source.properties, page: answer, ask });
  const late = readLate(table, source.properties, answer);
  const unshown = unshownAfterWrite(table.fields, sent, shown.image, late);
  const image = withUnshown(table.fields, shown.image, { ...known, ...unshown });
  if (unseen !== null) {
    const written = Object.keys(sent);
    const seen = { table, source, page: answer, image, written };
    const home = await withoutMoveLosses(context, seen, unseen);
    const still = table.fields.map(({ property }) => property).filter((name) => !written.includes(name));
    await holdMoveLosses(context, seen, home, still);
  }
  return { image, base: baseAfterWrite(table.fields, sent, image, late), unshown };
}
