import type { Json } from '../model/change.ts';
import { type EditInterval, editInterval, narrowed, type RowTime, rowTimeOf } from '../model/conflict.ts';
import type { PageId } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import type { Looks } from '../runtime/looks.ts';
import { changeTimesOf } from './change-times.ts';
import type { SyncRecord } from './records.ts';
import { type Sighting, sightingsOf } from './sightings.ts';
import type { Sql } from './sql.ts';

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
  { looks, botId }: { readonly looks: Looks; readonly botId: string },
  record: SyncRecord & { readonly page: PageId },
  page: { readonly lastEditedTime: Date; readonly lastEditedBy: string | null },
): Promise<EditTimes> {
  const times = await changeTimesOf(sql, record.table, record.key);
  const sightings = await sightingsOf(sql, record.page);
  const looked = looks.last(record.table, record.page);
  const absentAt =
    looked === null ? null : new Date(times.now.getTime() - Math.max(0, performance.now() - looked));
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
