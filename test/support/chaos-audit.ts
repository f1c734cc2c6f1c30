import type { Json } from '../../src/model/change.ts';
import type { ChaosTable } from './chaos-shop.ts';
import { exactTexts, keptTexts, type OptionNames, rowTexts } from './chaos-texts.ts';
import type { World } from './chaos-world.ts';
import type { Operation, RowVersion } from './history/history.ts';

type Audit = {
  readonly n: string;
  readonly at: Date;
  readonly xid: string;
  readonly application: string;
  readonly source: ChaosTable;
  readonly old: Readonly<Record<string, Json>> | null;
  readonly new: Readonly<Record<string, Json>> | null;
};

/** The foreign key's own doing, in the transaction that deleted or renamed the parent. */
const isCascade = (audit: readonly Audit[], { xid, source, old, new: now }: Audit): boolean =>
  source === 'children' &&
  old?.parent_id !== now?.parent_id &&
  audit.some(
    (other) =>
      other.xid === xid &&
      other.source === 'parents' &&
      other.old !== null &&
      other.old.id === old?.parent_id &&
      other.new?.id !== old?.parent_id,
  );

/** Every committed version of every row, in the order of its line. */
export async function readRowVersions(world: World, options: OptionNames): Promise<RowVersion[]> {
  const audit = await world.sql<Audit>(
    'select n, at, xid::text, application, source, old, new from audit order by n',
  );
  const lines = new Map<string, string>();
  return audit.map((each) => {
    const old = `${each.source}/${each.old?.id}`;
    const key = String((each.new ?? each.old)?.id);
    const line = (each.old === null ? undefined : lines.get(old)) ?? `${each.source}#${each.n}`;
    lines.delete(old);
    if (each.new !== null) lines.set(`${each.source}/${key}`, line);
    return {
      table: each.source,
      line,
      key,
      n: Number(each.n),
      at: each.at.getTime(),
      by: each.application === 'pgnotion' ? 'pgnotion' : 'application',
      transaction: each.xid,
      cascaded: isCascade(audit, each),
      values: each.new === null ? null : rowTexts(each.source, each.new, options),
      exact: exactTexts(each.source, each.new ?? {}),
      hidden: each.new?.hidden === true,
    };
  });
}

type Line = {
  readonly direction: Operation['direction'];
  readonly kind: string;
  readonly page: string | null;
  readonly transaction: string;
  readonly before: Json;
  readonly table: ChaosTable;
  readonly key: string;
};

export type Trail = {
  readonly operations: readonly Operation[];
  /** `table/key` that each page was the record's of, in any operation or now. */
  readonly keys: ReadonlyMap<string, ReadonlySet<string>>;
};

export async function readTrail(world: World, options: OptionNames): Promise<Trail> {
  const lines = await world.sql<Line>(
    `select distinct o.direction, o.kind, o.page_id as page, t.xid::text as transaction, o.before,
            o.table_name as "table", t.key
       from pgnotion.operations o join operation_transactions t on t.operation = o.id::text`,
  );
  const owners = await world.sql<Pick<Line, 'page' | 'table' | 'key'>>(
    'select page_id as page, table_name as "table", key from pgnotion.records where page_id is not null',
  );
  const keys = new Map<string, Set<string>>();
  for (const { page, table, key } of [...lines, ...owners])
    if (page !== null) keys.set(page, (keys.get(page) ?? new Set()).add(`${table}/${key}`));
  return {
    keys,
    operations: lines.map(({ direction, kind, page, transaction, before }) => ({
      direction,
      kind,
      page,
      transaction,
      before: keptTexts(before, options),
    })),
  };
}
