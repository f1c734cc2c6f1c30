import type { Json } from '../../src/model/change.ts';
import { type ChaosTable, isSqls, TRACKED } from './chaos-shop.ts';
import type { World } from './chaos-world.ts';

export type Verdict = {
  readonly faults: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
};

/** What people choose rather than type. */
const UNTRACKED: Readonly<Record<ChaosTable, Readonly<Record<string, string>>>> = {
  parents: { Mood: 'mood' },
  children: { Mood: 'mood', Stage: 'stage', Parent: 'parent_id' },
};
const UNTRACKED_COLUMNS = { mood: true, stage: true, parent_id: true } as const;

/** The foreign key's own doing, in the transaction that deleted the parent. */
const isCascade = (audit: readonly Audit[], { xid, old }: Audit): boolean =>
  audit.some(
    (other) =>
      other.xid === xid &&
      other.source === 'parents' &&
      (other.op === 'DELETE' || other.op === 'UPDATE') &&
      other.old?.id === old?.parent_id &&
      other.new?.id !== old?.parent_id,
  );

type Audit = {
  readonly n: string;
  readonly xid: string;
  readonly source: ChaosTable;
  readonly op: string;
  readonly old: Readonly<Record<string, Json>> | null;
  readonly new: Readonly<Record<string, Json>> | null;
};

type Applied = {
  readonly xid: string;
  readonly key: string;
  readonly before: Readonly<Record<string, Json>>;
  readonly kind: string;
  readonly page_id: string | null;
  readonly table_name: ChaosTable;
};

/** A page that changed rows of both tables: a record belongs to its table. */
function crossings(lines: readonly Applied[]): string[] {
  const tables = new Map<string, ChaosTable>();
  return lines.flatMap(({ page_id, table_name, kind }) => {
    if (page_id === null || kind === 'delete') return [];
    const first = tables.get(page_id) ?? table_name;
    tables.set(page_id, first);
    return first === table_name
      ? []
      : [`invariant 15: page ${page_id} changed a row of ${first} and one of ${table_name}`];
  });
}

/**
 * A page that was moved out of its database and back between two looks: if it lost a single value, nothing in Notion's
 * answers tells that from what a person emptied.
 */
const isUnseenMove = (world: World, { page_id, key }: Applied): boolean =>
  page_id !== null &&
  world.movedBack.has(page_id) &&
  !world.daemon
    .output()
    .split('\n')
    .some((line) => line.includes('"page_moved"') && line.includes(`"key":"${key}"`));

/** Whether a person chose another target that Notion did not show then: what is seen is that the former was taken out. */
const isRelatedToHidden = (world: World, page: string | null): boolean =>
  [...(world.related.get(page ?? '') ?? [])].some((target) => world.taken.has(target));

/**
 * Pages that were put away for the sake of rows that nobody deleted, gave another key or filtered out. A second page of
 * ours for one record is not the row's: its record had another one by then.
 */
async function judgeRemovals(world: World): Promise<string[]> {
  const removed = await world.sql<{ name: string; page: string; other: string | null; creates: number }>(
    `select o.table_name || '/' || first.key as name, o.page_id as page,
            (select count(*)::int from pgnotion.operations c
              where c.table_name = o.table_name and c.key = o.key and c.kind = 'create' and c.id < o.id) as creates,
            (select r.page_id from pgnotion.records r
              where r.table_name = o.table_name and r.key = o.key and r.page_id <> o.page_id) as other
       from pgnotion.operations o
       join lateral (select key from operation_transactions t where t.operation = o.id::text order by n limit 1) first on true
      where o.direction = 'to-notion' and o.kind in ('delete', 'filter') and not o.before ? 'page'
        and not exists (select from audit a where a.source = o.table_name and a.old ->> 'id' = first.key
                           and (a.op = 'DELETE' or a.new ->> 'id' <> first.key))
        and not exists (select from audit a where a.source = o.table_name and a.new ->> 'id' = first.key
                           and (a.new ->> 'hidden')::boolean)`,
  );
  const told = world.daemon.output().split('\n');
  const isSecond = (page: string): boolean =>
    told.some((line) => line.includes('a second page for one record was trashed') && line.includes(page));
  return removed
    .filter(({ page, other, creates }) => other === null || !(creates > 1 || isSecond(page)))
    .map(({ name, page }) => `invariant 1: ${name} was never gone, and its page ${page} was removed`);
}

/** Invariants 1, 6, 7, 9 and 15 on PostgreSQL's side: the audit has every change, and the transaction that made it. */
export async function judgeRows(world: World): Promise<Verdict> {
  const audit = await world.sql<Audit>(
    `select n, xid::text, source, op, old, new from audit where application = 'pgnotion' and depth = 1 order by n`,
  );
  const lines = await world.sql<Applied>(
    `select distinct t.xid::text, o.key, before, kind, page_id, table_name
       from pgnotion.operations o join operation_transactions t on t.operation = o.id::text where direction = 'to-postgres'`,
  );
  const byTransaction = Map.groupBy(lines, (line) => line.xid);
  const faults = [...crossings(lines), ...(await judgeRemovals(world))];
  const unseen = new Set(lines.filter((line) => isUnseenMove(world, line)).map(({ key }) => key));
  const applied = new Set<string>();
  let changes = 0;
  for (const each of audit) {
    if (each.op === 'INSERT') continue;
    const mine = byTransaction.get(each.xid) ?? [];
    const name = `${each.source}/${String(each.old?.id)}`;
    if (each.op === 'DELETE') {
      if (!mine.some((line) => line.kind === 'delete'))
        faults.push(`invariant 7: ${name} was deleted without an operation`);
      continue;
    }
    const columns = Object.entries({ ...TRACKED[each.source], ...UNTRACKED[each.source] });
    const losses = columns.filter(
      ([, column]) => !isEmpty(each.old?.[column] ?? null) && isEmpty(each.new?.[column] ?? null),
    ).length;
    for (const [property, column] of columns) {
      const [old, now] = [each.old?.[column] ?? null, each.new?.[column] ?? null];
      if (JSON.stringify(old) === JSON.stringify(now)) continue;
      if (column === 'parent_id' && isCascade(audit, each)) continue;
      changes += 1;
      if (!mine.some((line) => property in line.before))
        faults.push(`invariant 7: ${name} ${column} was ${JSON.stringify(old)} and is in no operation`);
      const emptied = isEmpty(now);
      const isTold = mine.some(
        (line) =>
          world.cleared.has(`${line.page_id}/${property}`) ||
          (losses === 1 && unseen.has(line.key)) ||
          (column === 'parent_id' && isRelatedToHidden(world, line.page_id)),
      );
      if (emptied && !isTold)
        faults.push(
          `invariant 15: ${name} ${column} was ${JSON.stringify(old)} and was emptied, which nobody did in Notion`,
        );
      if (column in UNTRACKED_COLUMNS || emptied) continue;
      const text = typeof now === 'string' ? now : JSON.stringify(now);
      // Of a set that both sides changed, what SQL put in stays; nothing of it is put in by us.
      const brought = Array.isArray(now) && Array.isArray(old) ? addedTo(old, now) : text;
      // A row that takes over a copy of another's page, by a key that was given away since, gets what it lacks from it.
      const isCopied =
        isEmpty(old) && mine.some((line) => property in line.before && world.copies.has(line.page_id ?? ''));
      // One that came back from its page while a column was away gets what it lacks from that page, too.
      const isBack =
        isEmpty(old) && lines.some((line) => line.kind === 'create' && line.key === String(each.new?.id));
      if (!isCopied && !isBack && isSqls(column, column === 'amount' ? Number(now).toFixed(2) : brought))
        faults.push(`invariant 6: ${name} ${column} got ${text}, which nobody typed in Notion`);
      // A copy's values may be those that another row of this key got before.
      if (!isCopied && applied.has(`${name} ${column} ${text}`))
        faults.push(`invariant 9: ${name} ${column} got ${text} a second time`);
      applied.add(`${name} ${column} ${text}`);
    }
  }
  return { faults, counts: { appliedRows: changes } };
}

const isEmpty = (value: Json): boolean => value === null || (Array.isArray(value) && value.length === 0);

/** The elements that a list got, as one text. */
const addedTo = (old: readonly Json[], now: readonly Json[]): string =>
  now.filter((item) => !old.includes(item)).join(' ');
