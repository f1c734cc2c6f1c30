import type { PageImage, RowImage } from './change.ts';
import type { EditInterval } from './conflict.ts';
import type { PageId, RowKey, TableName } from './ids.ts';
import type { ResolvedTable } from './mapping.ts';
import { pick } from './pick.ts';

export type ConflictType =
  | 'CONCURRENT_UPDATE'
  | 'DELETED_IN_POSTGRES'
  | 'DELETED_IN_NOTION'
  | 'DUPLICATED_PAGE'
  | 'ID_EDITED'
  | 'REFUSED_EDIT';

/** What stands against what. Images hold the fields that are at stake. */
export type Clash = {
  readonly type: ConflictType;
  readonly table: TableName;
  readonly key: RowKey;
  readonly page: PageId | null;
  readonly field: string | null;
  readonly base: { readonly row: RowImage; readonly page: PageImage };
  readonly local: RowImage;
  readonly remote: PageImage;
  readonly note?: string;
  /** When the two values came to be, where that decides. */
  readonly times?: { readonly rowChangedAt: Date | null; readonly edit: EditInterval } | undefined;
};

/** A record as a conflict keeps it. */
type ClashRecord = {
  readonly key: RowKey;
  readonly page: PageId | null;
  readonly baseRow: RowImage;
  readonly basePage: PageImage;
};

/** Both sides of one field or, without a field, of the whole record. */
export function clashOf(
  { type, field }: { readonly type: ConflictType; readonly field: string | null },
  table: ResolvedTable,
  record: ClashRecord,
  sides: { readonly row: RowImage; readonly page: PageImage },
): Clash {
  const names = field === null ? table.fields.map(({ property }) => property) : [field];
  return {
    type,
    table: table.name,
    key: record.key,
    page: record.page,
    field,
    base: { row: pick(record.baseRow, names), page: pick(record.basePage, names) },
    local: pick(sides.row, names),
    remote: pick(sides.page, names),
  };
}
