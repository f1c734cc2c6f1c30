import type { RecordState } from '../../src/model/record-state.ts';
import { ApiError } from '../../src/sandbox/notion/errors.ts';
import type { ChaosTable } from './chaos-shop.ts';
import type { World } from './chaos-world.ts';

/** What may differ, because it stands where an operator sees it, with a reason. */
export type Excuses = {
  /** `table/key` of deliveries that are set aside, or wait for a page that people took away. */
  readonly deliveries: ReadonlySet<string>;
  /** Page -> the fields of its edit that is set aside; none named: the page as a whole. */
  readonly edits: ReadonlyMap<string, ReadonlySet<string>>;
  /** `table/key` of all that the failures name. */
  readonly told: ReadonlySet<string>;
  /** `table/field` of what is not synced, since its property is gone or of another type. */
  readonly drift: ReadonlySet<string>;
  /** Twins that pgnotion says it has found. */
  readonly seconds: readonly string[];
  /** Pages of records on which a person typed the key of another row, which stands in the failures. */
  readonly strays: ReadonlySet<string>;
  /** Pages that a person changed or restored while their row was filtered out: the change waits for the row. */
  readonly filtered: ReadonlySet<string>;
  /** Page -> the record that it belongs to. */
  readonly owners: ReadonlyMap<string, Owner>;
};

type Owner = { readonly table: ChaosTable; readonly key: string; readonly state: RecordState };

/** Whether a person took the page away from where it was, or deleted it for good. */
export function isAway(world: World, page: string): boolean {
  if (world.away.has(page)) return true;
  try {
    return world.stage.sandbox.control.page(page).in_trash;
  } catch (error) {
    if (error instanceof ApiError) return true;
    throw error;
  }
}

export async function excusesOf(world: World): Promise<Excuses> {
  const lines = await world.sql<{ name: string; reason: string | null }>(
    `select table_name || '/' || key as name, reason from pgnotion.outbox
      where parked_at is not null or code in ('page_hidden', 'page_moved', 'page_archived', 'property_out_of_order')`,
  );
  const edits = await world.sql<{ page: string; fields: string[]; reason: string | null; code: string }>(
    'select page_id as page, fields, reason, code from pgnotion.edits where code is not null',
  );
  const told = await world.sql<{ name: string; reason: string | null }>(
    `select table_name || '/' || key as name, reason from pgnotion.failures where key is not null`,
  );
  for (const { reason } of [...lines, ...edits, ...told])
    if (!reason) throw new Error('something is set aside without a reason');
  const owners = await world.sql<Owner & { page: string }>(
    'select page_id as page, table_name as "table", key, state from pgnotion.records where page_id is not null',
  );
  const drift = await world.sql<{ name: string }>(
    `select table_name || '/' || property as name from pgnotion.drift where kind not in ('property_renamed', 'option_renamed')`,
  );
  return {
    deliveries: new Set(lines.map((line) => line.name)),
    edits: new Map(edits.map((edit) => [edit.page, new Set(edit.fields)])),
    told: new Set(told.map((line) => line.name)),
    drift: new Set(drift.map((line) => line.name)),
    seconds: edits.filter((edit) => edit.code === 'second_page').map((edit) => edit.page),
    // What is wrong beside it may give the entry its code.
    strays: new Set(
      edits.filter(({ reason }) => reason?.includes('shows the key of another row')).map(({ page }) => page),
    ),
    filtered: new Set(edits.filter((edit) => edit.code === 'row_filtered').map((edit) => edit.page)),
    owners: new Map(owners.map(({ page, ...owner }) => [page, owner])),
  };
}
