import { awayOf } from '../model/away.ts';
import type { PageId } from '../model/ids.ts';
import { isWhole, type ResolvedTable } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { readPage } from '../model/page.ts';
import { withUnshown } from '../model/relation-targets.ts';
import { isUnedited } from '../model/unedited.ts';
import type { NotionPage } from '../notion/client.ts';
import { keepAgreed } from '../state/agreed.ts';
import { saysNothing, type WaitingEdit } from '../state/edits.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { InboundContext } from './context.ts';

type Listed = {
  readonly pages: readonly NotionPage[];
  readonly records: ReadonlyMap<PageId, SyncRecord>;
};

/** Those of the listed pages that somebody may have edited: the others are no part of a mass of edits (see `emptiedByNobody`). */
export const maybeEdited = (
  { overlapMs }: Pick<InboundContext, 'overlapMs'>,
  { watermark }: Pick<Source, 'watermark'>,
  { pages, records }: Listed,
  {
    edits,
    failures,
  }: {
    readonly edits: ReadonlyMap<PageId, WaitingEdit>;
    readonly failures: Pick<ReadonlySet<PageId>, 'has'>;
  },
): readonly NotionPage[] =>
  pages.filter(({ id, lastEditedTime: editedAt }) => {
    const edit = edits.get(id);
    if (failures.has(id) || (edit !== undefined && !saysNothing(edit))) return true;
    const agreedAt = records.get(id)?.agreedAt ?? null;
    return !isUnedited({ editedAt, agreedAt, polledTo: watermark }, overlapMs);
  });

/**
 * Keeps that these pages hold what their records know, although they were edited since: in their text, say, or in a property that
 * is not mapped. A table that goes without some of its fields has not looked at those.
 */
export async function noteAgreed(
  { store }: Pick<InboundContext, 'store'>,
  table: ResolvedTable,
  { dataSource, properties }: Source,
  { pages, records }: Listed,
): Promise<void> {
  if (!isWhole(table)) return;
  const agreed = pages.flatMap((page) => {
    const record = records.get(page.id);
    if (record?.state !== 'linked' || record.table !== table.name) return [];
    if (awayOf(page, dataSource) !== null) return [];
    if (record.agreedAt !== null && page.lastEditedTime <= record.agreedAt) return [];
    const { image, truncated } = readPage(table, properties, page.properties);
    const whole = withUnshown(table.fields, image, record.unshown);
    if (truncated.length > 0 || changedOnPage(table.fields, record.basePage, whole).length > 0) return [];
    return [{ page: page.id, at: page.lastEditedTime }];
  });
  if (agreed.length > 0) await store.transaction((sql) => keepAgreed(sql, agreed));
}
