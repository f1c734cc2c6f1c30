import type { awayOf } from '../model/away.ts';
import type { PageImage, RowImage } from '../model/change.ts';
import type { Lookups } from '../model/codecs/codec.ts';
import type { LeftOut } from '../model/filtered.ts';
import type { PageId, RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { isLeftInSight, lifeOf } from '../model/record-state.ts';
import { withUnshown } from '../model/relation-targets.ts';
import { type Finding, type FindingKind, judgeCells, type Known, UNLIKE_NOTE } from '../model/verify.ts';
import type { NotionPage } from '../notion/client.ts';
import type { CompletePage } from '../notion/pages.ts';
import { holdsAs } from '../postgres/cast-value.ts';
import { findKeys } from '../postgres/keys.ts';
import { readUnlocked } from '../postgres/row-states.ts';
import { softDeletedKeys } from '../postgres/soft-delete.ts';
import { keysWithPage, recordsByKey, recordsByPage, type SyncRecord } from '../state/records.ts';
import { lookupsFor } from '../sync/row-lookups.ts';
import type { VerifyTable } from './verify-context.ts';

/** A page as it was read; fields that the image lacks say nothing. */
export type PageRead = {
  readonly page: NotionPage;
  readonly image: PageImage;
  /** Of these, those whose own request failed. */
  readonly unread: readonly string[];
};

export const pageRead = ({
  page,
  image,
  unread,
}: Pick<CompletePage, 'page' | 'image' | 'unread'>): PageRead => ({
  page,
  image,
  unread: unread.map(({ field }) => field),
});

/** What one look says of a record, or of a page that belongs to none. */
export type Judged = {
  readonly key: RowKey | null;
  readonly page: PageId | null;
  readonly findings: readonly Finding[];
  /** What the look itself shows to be no difference. */
  readonly known: readonly Known[];
  /** When the record last moved: what was seen before may be out of date. */
  readonly moved: string | null;
  /** When the page was edited; absent if it was not seen. */
  readonly editedAt?: Date;
};

const finding = (
  kind: FindingKind,
  { key, page }: Pick<Finding, 'key' | 'page'>,
  note: string,
  cell: Partial<Pick<Finding, 'field' | 'row' | 'value'>> = {},
): Finding => ({ kind, key, page, field: null, row: null, value: null, ...cell, note });

/** How a record is; another text once anything of it has moved. */
export const movedOf = (record: SyncRecord | undefined): string | null =>
  record === undefined ? null : `${record.state} ${record.syncedAt?.getTime() ?? ''}`;

/** Judges live pages of a table: each with its record and row, or as one that no record has. */
export async function judgePages(at: VerifyTable, reads: readonly PageRead[]): Promise<readonly Judged[]> {
  const { context, table } = at;
  const records = await recordsByPage(
    context.store,
    reads.map(({ page }) => page.id),
  );
  const linked = reads.flatMap((read) => {
    const record = records.get(read.page.id);
    return record === undefined ? [] : [{ ...read, record }];
  });
  const keys = linked.flatMap(({ record }) => (record.table === table.name ? [record.key] : []));
  const { rows, broken, leftOut } = await readUnlocked(context.db, table, keys);
  const lookups = await lookupsFor(context, table, [...rows.values()]);
  const judged: Judged[] = [];
  for (const { record, page, image, unread } of linked) {
    const { key } = record;
    const pair = { key, page: page.id };
    const of = {
      ...pair,
      moved: movedOf(record),
      known: [] as readonly Known[],
      editedAt: page.lastEditedTime,
    };
    if (record.table !== table.name)
      judged.push({
        ...of,
        key: null,
        findings: [
          finding('unlinked_page', { key: null, page: page.id }, `the page is a record of ${record.table}`),
        ],
      });
    else if (broken.has(key))
      judged.push({ ...of, findings: [], known: [{ what: 'failures', fields: null }] });
    else
      judged.push({
        ...of,
        ...(await judgeRecord(at, {
          record,
          page,
          image,
          unread,
          row: rows.get(key),
          leftOut: leftOut.get(key),
          lookups,
        })),
      });
  }
  const strangers = reads.filter(({ page }) => !records.has(page.id));
  return strangers.length === 0 ? judged : [...judged, ...(await judgeStrangers(at, strangers))];
}

type Pair = PageRead & {
  readonly record: SyncRecord;
  readonly row: RowImage | undefined;
  /** Why it is not synced, although it is there. */
  readonly leftOut: LeftOut | undefined;
  readonly lookups: Lookups;
};

async function judgeRecord(at: VerifyTable, pair: Pair): Promise<Pick<Judged, 'findings' | 'known'>> {
  const { record, page, row, leftOut } = pair;
  const names = { key: record.key, page: page.id };
  const life = lifeOf(record.state);
  const one = (kind: FindingKind, note: string) => ({ findings: [finding(kind, names, note)], known: [] });
  switch (life.kind) {
    case 'creating':
      return { findings: [], known: [{ what: 'outbox', fields: null }] };
    case 'away':
      return one('page_back', 'the page is among the live ones, and the record says that it is not');
    case 'resting':
      return isLeftInSight(life)
        ? { findings: [], known: [] }
        : one('page_back', 'the page was put away with its row, and is among the live ones');
    case 'linked':
      // What becomes of a row does not concern the page then.
      if (leftOut === 'filtered' && at.table.direction === 'to-postgres') return { findings: [], known: [] };
      if (leftOut !== undefined && at.table.direction !== 'to-postgres')
        return one(LEFT_OUT[leftOut].kind, `${LEFT_OUT[leftOut].note}, and its page is live`);
      return row === undefined
        ? one('missing_row', 'the row is gone, and its page is live')
        : judgeLinked(at, { ...pair, row });
    default:
      return life satisfies never;
  }
}

/** A row that is there and not to be synced: its page is not to stay as it is. */
const LEFT_OUT = {
  filtered: {
    kind: 'filtered_row',
    note: 'the query or the condition of the table leaves the row out',
  },
  soft: { kind: 'marked_row', note: 'the row is marked as deleted' },
} as const satisfies Readonly<Record<LeftOut, { readonly kind: FindingKind; readonly note: string }>>;

async function judgeLinked(
  { context, table, unseen }: VerifyTable,
  { record, page, image, unread, row, lookups }: Omit<Pair, 'leftOut'> & { readonly row: RowImage },
): Promise<Pick<Judged, 'findings' | 'known'>> {
  const whole = withUnshown(table.fields, image, record.unshown);
  const base = { row: record.baseRow, page: record.basePage };
  const findings: Finding[] = [];
  for (const { property } of table.fields)
    if (!(property in whole) && !unread.includes(property)) unseen.add(property);
  const known: Known[] = unread.length === 0 ? [] : [{ what: 'failures', fields: unread }];
  for (const { field, verdict } of judgeCells(table, { base, row, page: whole, lookups })) {
    const name = field.property;
    const cell = { field: name, row: row[name] ?? null, value: whole[name] ?? null };
    const names = { key: record.key, page: page.id };
    if (verdict.kind === 'waits') known.push({ what: 'references', fields: [name] });
    else if (verdict.kind === 'differs') findings.push(finding(verdict.as, names, verdict.note, cell));
    else {
      const type = field.source.kind === 'column' ? table.columnTypes[field.source.column] : undefined;
      const isHeld =
        type !== undefined && verdict.text !== null && cell.row !== null
          ? await holdsAs(context.db, type, { given: verdict.text, holds: cell.row })
          : false;
      if (!isHeld) findings.push(finding('cell', names, UNLIKE_NOTE, cell));
    }
  }
  return { findings, known };
}

/** Pages that belong to no record. */
async function judgeStrangers(
  { context, table }: VerifyTable,
  reads: readonly PageRead[],
): Promise<Judged[]> {
  const typed = reads.flatMap(({ image }) => recordIdOn(table, image) ?? []);
  const keys = await findKeys(context.db, table, typed);
  const owners = await recordsByKey(
    context.store,
    table.name,
    [...keys.values()].map(({ key }) => key),
  );
  return reads.flatMap(({ page, image }) => {
    const id = page.id;
    const text = recordIdOn(table, image);
    const found = text === null ? undefined : keys.get(text);
    const of = (kind: FindingKind, note: string, key: RowKey | null = null): Judged[] => [
      {
        key,
        page: id,
        findings: [finding(kind, { key, page: id }, note)],
        known: [],
        moved: null,
        editedAt: page.lastEditedTime,
      },
    ];
    // Where pages do not become rows, one without a key is nobody's concern.
    if (text === null)
      return table.direction === 'to-notion'
        ? []
        : of('unlinked_page', 'the page shows no record id, and is no row yet');
    if (found === undefined) return of('missing_row', 'the page shows a record id that is none');
    const owner = owners.get(found.key);
    if (owner?.page != null && lifeOf(owner.state).kind !== 'resting')
      return of('duplicate_page', 'the page shows the record id of a row that has another page', found.key);
    return found.exists
      ? of('unlinked_page', 'the page shows the record id of a row, and is not linked to it', found.key)
      : of('missing_row', 'the page shows a record id that no row has', found.key);
  });
}

export function recordIdOn(table: ResolvedTable, image: PageImage): string | null {
  const id = image[table.idProperty];
  return typeof id === 'string' && id.trim() !== '' ? id : null;
}

/** Judges rows by whether they have a record: what page and row hold is compared where the page is read. */
export async function judgeRows(
  { context, table }: VerifyTable,
  keys: readonly RowKey[],
): Promise<readonly Judged[]> {
  if (table.direction === 'to-postgres') return [];
  const withPage = await keysWithPage(context.store, table.name, keys);
  const without = keys.filter((key) => !withPage.has(key));
  if (without.length === 0) return [];
  const records = await recordsByKey(context.store, table.name, without);
  const soft = await softDeletedKeys(context.db, table, without);
  return without.flatMap((key) => {
    const record = records.get(key);
    const life = record === undefined ? null : lifeOf(record.state);
    if (soft.has(key)) return [];
    const known: Known[] = life?.kind === 'creating' ? [{ what: 'outbox', fields: null }] : [];
    const note =
      life?.kind === 'resting' ? 'the row is there, and its page was put away' : 'the row has no page';
    const of = { key, page: null };
    return [{ ...of, known, findings: [finding('missing_page', of, note)], moved: movedOf(record) }];
  });
}

/** Judges a record whose page is not among the live ones, as a request for the page itself has shown. */
export async function judgeGone(
  { context, table }: VerifyTable,
  { key, page }: { readonly key: RowKey; readonly page: PageId },
  where: ReturnType<typeof awayOf> | 'hidden',
): Promise<Judged | null> {
  const record = (await recordsByPage(context.store, [page])).get(page);
  if (record === undefined || record.table !== table.name || record.state !== 'linked') return null;
  const { rows, broken, leftOut } = await readUnlocked(context.db, table, [record.key]);
  const of = { key: record.key, page };
  const isThere = rows.has(record.key) || broken.has(record.key);
  const left = leftOut.get(record.key);
  const kind: FindingKind = isThere ? (where === 'hidden' ? 'missing_page' : 'page_away') : 'lost_pair';
  const place =
    where === 'hidden'
      ? 'is not shown by Notion'
      : where === 'moved'
        ? 'is in another database'
        : `is ${where}`;
  return {
    ...of,
    key,
    findings: [
      left === undefined
        ? finding(kind, of, `the page ${place}`)
        : finding(LEFT_OUT[left].kind, of, `${LEFT_OUT[left].note}, and the page ${place}`),
    ],
    known: [],
    moved: movedOf(record),
  };
}
