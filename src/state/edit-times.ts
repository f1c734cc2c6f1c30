import type { Json } from '../model/change.ts';
import { type EditInterval, editInterval, narrowed, type RowTime, rowTimeOf } from '../model/conflict.ts';
import type { PageId, TableName } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import type { Looks } from '../runtime/looks.ts';
import { changeTimesOf } from './change-times.ts';
import type { SyncRecord } from './records.ts';
import { keepSightings, type Sighting, sightingsOf } from './sightings.ts';
import type { Sql } from './sql.ts';

type Looking = { readonly looks: Looks; readonly botId: string };

/** When both sides changed what differs from their base, as far as it can be known. */
export type EditTimes = {
  /** When the row's present value of a field was committed. `changed`: it is not the base's. */
  readonly row: (property: string, changed: boolean) => RowTime;
  /** When the page's present value of a field was typed. */
  readonly page: (property: string, value: Json) => EditInterval;
  /** What was seen on the page before and is not taken over yet. */
  readonly sightings: readonly Sighting[];
};

/** `page` is as it was just seen to differ from its record's base. */
export async function editTimesOf(
  sql: Sql,
  { looks, botId }: Looking,
  record: SyncRecord & { readonly page: PageId },
  page: { readonly lastEditedTime: Date; readonly lastEditedBy: string | null },
): Promise<EditTimes> {
  const times = await changeTimesOf(sql, record.table, record.key);
  const sightings = await sightingsOf(sql, record.page);
  const absentAt = momentOf(looks.last(record.table, record.page), times.now);
  const whole = editInterval(page, botId, record.agreedAt);
  return {
    row: (property, changed) => rowTimeOf(times, property, changed),
    page: (property, value) => {
      const seen = sightings.find((each) => each.field === property && sameJson(each.value, value));
      return narrowed(whole, seen ?? { absentAt, seenAt: times.now });
    },
    sightings,
  };
}

type Page = { readonly table: TableName; readonly page: PageId };

/** Under this name the first sight of a page that is to become a row is kept, all of its values together. */
const NEW_PAGE = '';

export const keepNewPage = (
  sql: Sql,
  looking: Looking,
  at: {
    readonly table: TableName;
    readonly page: Parameters<typeof keepSightings>[3]['seen'] & { readonly id: PageId };
  },
  digest: string,
): Promise<void> =>
  keepSightings(
    sql,
    looking,
    { table: at.table, page: at.page.id },
    { seen: at.page, values: { [NEW_PAGE]: digest } },
  );

/** When a page without a record can have been given these values at the earliest. `digest` tells them from others. */
export async function newPageSince(
  sql: Sql,
  { looks, botId }: Looking,
  { table, page }: Page,
  seen: { readonly lastEditedTime: Date; readonly lastEditedBy: string | null; readonly digest: string },
): Promise<Date> {
  const sighting = (await sightingsOf(sql, page)).find(
    ({ field, value }) => field === NEW_PAGE && value === seen.digest,
  );
  const now = await clockOf(sql);
  const last = sighting ?? { absentAt: momentOf(looks.last(table, page), now), seenAt: now };
  return narrowed(editInterval(seen, botId, null), last).from;
}

/**
 * When a page can have gone to the trash, or come back, at the earliest. Notion does not say: it leaves the time of the last
 * edit as it is. Null if nobody knows.
 */
export async function movedSince(sql: Sql, { looks }: Looking, { table, page }: Page): Promise<Date | null> {
  const looked = looks.lastPlace(table, page);
  return looked === null ? null : momentOf(looked, await clockOf(sql));
}

/** A moment of `performance.now` on PostgreSQL's clock. */
const momentOf = (at: number | null, now: Date): Date | null =>
  at === null ? null : new Date(now.getTime() - Math.max(0, performance.now() - at));

async function clockOf(sql: Sql): Promise<Date> {
  // As a number, because the users' own connections leave times as they are.
  const [row] = await sql.query<{ now: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
  );
  return new Date(Number(row?.now));
}
