import type { PageImage, RowImage } from '../model/change.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { RefusedField } from '../model/refused-field.ts';
import type { Unshown } from '../model/relation-targets.ts';
import { liveConflictsJson } from './conflicts.ts';
import { closingDoubts, doubtSeconds, type OperationId } from './operations.ts';
import { type OutboxEntry, type SettledEntry, settling } from './outbox.ts';
import { RECORD_COLUMNS, type RecordRow, type SyncRecord, toRecord } from './records.ts';
import { refusedFieldsJson } from './refused-fields.ts';
import type { Sql, Store } from './sql.ts';
import { releasing, shareWaiting } from './waiting.ts';

/** What is known of the records of a batch before any of them is delivered. */
export type KnownBatch = {
  readonly records: ReadonlyMap<RowKey, SyncRecord>;
  /** What Notion refused before, by record; what it refused of the whole table is among each. */
  readonly refused: ReadonlyMap<RowKey, readonly RefusedField[]>;
  /** Records with fields whose clearing waits, or whose decision is to be carried out. */
  readonly clearing: ReadonlySet<RowKey>;
};

/** In one question, because every delivery asks it. */
export async function knownOfBatch(sql: Sql, table: TableName, keys: readonly RowKey[]): Promise<KnownBatch> {
  const rows = await sql.query<
    RecordRow & { asked: RowKey; refused: readonly RefusedField[]; clearing: boolean }
  >(
    `select u.k as asked, ${RECORD_COLUMNS},
            ${refusedFieldsJson('$1', 'u.k')} as refused,
            exists (select from pgnotion.clearings c
                     where c.table_name = $1 and c.key = u.k and c.side = 'to-notion' and c.state <> 'crossed') as clearing
       from unnest($2::text[]) as u(k)
       left join pgnotion.records on table_name = $1 and key = u.k`,
    [table, keys],
  );
  return {
    records: new Map(rows.flatMap((row) => (row.key === null ? [] : [[row.key, toRecord(row)]]))),
    refused: new Map(rows.map(({ asked, refused }) => [asked, refused])),
    clearing: new Set(rows.flatMap(({ asked, clearing }) => (clearing ? [asked] : []))),
  };
}

/** What is known of one record; the caller holds its lock, so that only people's decisions change any of it. */
export type KnownRecord = {
  readonly record: SyncRecord | undefined;
  readonly conflicts: readonly LiveConflict[];
  /** Whether a write to its page is on record that replaced more than its values. */
  readonly replacedExtras: boolean;
};

export async function knownOfRecord(sql: Sql, table: TableName, key: RowKey): Promise<KnownRecord> {
  const [row] = await sql.query<RecordRow & { conflicts: readonly LiveConflict[]; replaced_extras: boolean }>(
    `select ${RECORD_COLUMNS}, ${liveConflictsJson('$1', '$2')} as conflicts,
            exists (select from pgnotion.operations o
                     where o.table_name = $1 and o.key = $2 and o.extras is not null) as replaced_extras
       from (select) as one
       left join pgnotion.records on table_name = $1 and key = $2`,
    [table, key],
  );
  return {
    record: row === undefined || row.key === null ? undefined : toRecord(row),
    conflicts: row?.conflicts ?? [],
    replacedExtras: row?.replaced_extras ?? false,
  };
}

/** A page that was just made, as Notion answered it. */
export type MadePage = {
  readonly table: TableName;
  readonly key: RowKey;
  readonly page: PageId;
  readonly baseRow: RowImage;
  readonly basePage: PageImage;
  readonly pageEditedAt: Date;
  readonly extras: readonly string[];
  readonly unshown: Unshown;
  /** Null if it was never stored. */
  readonly operation: OperationId | null;
};

/**
 * Ties a page that was just made to its record and ends the operation, in one statement. Nothing can have pointed to the page
 * before.
 */
export async function linkMade(sql: Sql, made: MadePage): Promise<void> {
  await sql.query(`with ${tying(2)} select`, [made.table, made.key, ...tied(made)]);
}

/**
 * The same of a page that waits for no other, with the end of what waits for it and of its entry: every page of a first sync
 * passes here. The transaction has nothing else to do.
 */
export async function finishMade(
  sql: Sql,
  {
    entry,
    made,
    settles,
  }: { readonly entry: OutboxEntry; readonly made: MadePage; readonly settles: boolean },
): Promise<void> {
  await shareWaiting(sql);
  await sql.query(
    `with ${tying(6)},
     ${releasing({ waitsForNothing: 'true', urgency: '$5' })},
     ${settling('$6::boolean and (select count(*) from released) >= 0')}
     select count(*) from released`,
    [entry.table, entry.key, entry.version, entry.restore, entry.urgency, settles, ...tied(made)],
  );
}

/** Common table expressions that tie a page to the record of table $1 and key $2, with parameters of their own (`tied`). */
const tying = (before: number): string => {
  const [page, row, image, edited, extras, unshown, operation] = [1, 2, 3, 4, 5, 6, 7].map(
    (n) => `$${before + n}`,
  );
  return `
     done as (
       update pgnotion.operations
          set status = 'done', error = null, finished_at = clock_timestamp(), page_id = ${page} where id = ${operation}),
     linked as (
       insert into pgnotion.records
         (table_name, key, page_id, state, base_row, base_page, page_edited_at, agreed_at, synced_at, extras, unshown)
       values ($1, $2, ${page}::uuid, 'linked', ${row}, ${image}, ${edited}, ${edited}, clock_timestamp(), ${extras}::text[], ${unshown})
       on conflict (table_name, key) do update
         set page_id = excluded.page_id, state = 'linked', base_row = excluded.base_row, rested_at = null,
             base_page = excluded.base_page, intent_at = null, page_edited_at = excluded.page_edited_at,
             agreed_at = excluded.agreed_at, synced_at = excluded.synced_at, extras = excluded.extras,
             unshown = excluded.unshown)`;
};

const tied = ({ page, baseRow, basePage, pageEditedAt, extras, unshown, operation }: MadePage): unknown[] => [
  page,
  JSON.stringify(baseRow),
  JSON.stringify(basePage),
  pageEditedAt,
  extras,
  JSON.stringify(Object.fromEntries(Object.entries(unshown).filter(([, pages]) => pages.length > 0))),
  operation,
];

/** What an update of a page leaves behind. */
export type FinishedUpdate = {
  /** What the base becomes, for the fields that were written or found equal. */
  readonly row: RowImage;
  readonly page: PageImage;
  /** With this base, the page holds nothing that it does not say. */
  readonly rests: boolean;
  /** Null if nothing was written. */
  readonly written: {
    readonly operation: OperationId | null;
    readonly pageEditedAt: Date;
    /** The fields of the page that hold more than their values say. */
    readonly extras: readonly string[];
    /** What of the written relations the page does not show. */
    readonly unshown: Unshown;
  } | null;
  /** When the page was looked at before the write, by `performance.now`; null if it was not. */
  readonly lookedAt: number | null;
  /** The record waits for no other record. */
  readonly waitsForNothing: boolean;
  /** Nothing is left to be delivered. */
  readonly settles: boolean;
};

/**
 * Base, audit trail and outbox commit together, in one statement that fails if another daemon has taken over. What waits is
 * locked before the entry, as everywhere: see `state/waiting.ts`.
 */
export async function finishUpdate(
  sql: Sql,
  { epoch }: Pick<Store, 'epoch'>,
  entry: SettledEntry,
  { row, page, rests, written, lookedAt, waitsForNothing, settles }: FinishedUpdate,
): Promise<void> {
  const unshown = written?.unshown ?? {};
  await sql.query(
    `with no_longer as (
       delete from pgnotion.waiting where $5::boolean and table_name = $1 and key = $2 returning 1),
     moved as (
       update pgnotion.records
          set base_row = base_row || $7, base_page = base_page || $8,
              page_edited_at = greatest(page_edited_at, $9),
              agreed_at = case when $10 then greatest(agreed_at, $9) else agreed_at end, synced_at = clock_timestamp(),
              extras = coalesce($11::text[], extras), unshown = (unshown || $12) - $13::text[]
        where table_name = $1 and key = $2 returning page_id),
     -- What was seen of an edit of these fields is settled with them: the same value typed again is another edit.
     forgotten as (
       delete from pgnotion.edit_sightings s using moved where s.page_id = moved.page_id and $8::jsonb ? s.field),
     done as (
       update pgnotion.operations set status = 'done', error = null, finished_at = clock_timestamp() where id = $14),
     closed as (
       update pgnotion.operations ${closingDoubts('$1', '$2', '$15')} and id is distinct from $14),
     ${settling('$6::boolean and (select count(*) from no_longer) >= 0')}
     select pgnotion.fence($16)`,
    [
      entry.table,
      entry.key,
      entry.version,
      entry.restore,
      waitsForNothing,
      settles,
      JSON.stringify(row),
      JSON.stringify(page),
      written?.pageEditedAt ?? null,
      rests,
      written?.extras ?? null,
      JSON.stringify(unshown),
      Object.keys(unshown).filter((field) => unshown[field]?.length === 0),
      written?.operation ?? null,
      lookedAt === null ? null : doubtSeconds(lookedAt),
      epoch,
    ],
  );
}
