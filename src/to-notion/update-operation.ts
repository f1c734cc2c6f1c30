import type { PageImage } from '../model/change.ts';
import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { rowChangeOf } from '../model/merge.ts';
import { pick } from '../model/pick.ts';
import type { PagePlan } from '../model/plan.ts';
import { BACKFILL } from '../model/urgency.ts';
import type { SyncRecord } from '../state/records.ts';
import type { RequestedOperation } from '../state/request-operation.ts';
import type { Delivery } from './context.ts';

type Linked = SyncRecord & { readonly page: PageId };

/** The operation of an update, stored before the request leaves. */
export const operationOf = (
  { entry, table, row }: Delivery,
  record: Linked,
  plan: PagePlan,
  page: PageImage,
): RequestedOperation => ({
  direction: 'to-notion',
  table: table.name,
  key: entry.key,
  page: record.page,
  kind: 'update',
  before: pick(page, Object.keys(plan.writes)),
  after: plan.writes,
  row: rowChangeOf(record.baseRow, row, valuesAmong(table, Object.keys(plan.writes))),
  lsn: entry.lsn,
  changedAt: entry.changedAt,
  attempt: entry.attempts + 1,
  batch: entry.urgency === BACKFILL ? 'backfill' : null,
});

/** Without the record's id: a key that changed is told by its column, if that is mapped, and brought back by it. */
const valuesAmong = ({ fields }: ResolvedTable, names: readonly string[]): string[] =>
  fields
    .filter(({ property, source }) => source.kind !== 'key' && names.includes(property))
    .map(({ property }) => property);
