import type { Lookups } from '../model/codecs/codec.ts';
import { HEAL_STEPS, type HealStep, healCell, healRecord } from '../model/heal.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Winner } from '../model/merge.ts';
import { lookupsJoined } from '../model/page.ts';
import { lifeOf } from '../model/record-state.ts';
import { lookSoon } from '../state/edits.ts';
import {
  beginHeal,
  deliverSoon,
  linkAgain,
  lookAtPage,
  noteHeal,
  rebase,
  rejectRemoval,
  restAsBroughtBack,
} from '../state/heals.ts';
import { forget, recordsByKey, recordsByPage, type SyncRecord } from '../state/records.ts';
import { remake, unlinkRecord } from '../state/reset.ts';
import { endRun } from '../state/runs.ts';
import type { Sql } from '../state/sql.ts';
import { findingsOf, type KeptFinding } from '../state/verify.ts';
import { lookupsFor } from '../sync/row-lookups.ts';
import type { VerifyContext } from './verify-context.ts';
import { movedOf } from './verify-judge.ts';

type HealOptions = {
  /** The comparison whose findings are healed. */
  readonly verification: string;
  readonly winner: Winner;
  readonly dryRun: boolean;
  readonly actor: string;
  readonly total: number;
  readonly onStep: (finding: KeptFinding, step: HealStep) => Promise<void>;
};

export type HealResult = {
  /** Null for a dry run, and if there was nothing to do. */
  readonly run: string | null;
  readonly steps: Readonly<Record<string, number>>;
  readonly left: number;
};

const AT_ONCE = 200;

/** What a step is called in a summary. */
export function stepName(step: HealStep): string {
  if (step.kind === 'left') return `left: ${step.why}`;
  if (step.kind !== 'base') return HEAL_STEPS[step.kind];
  const { carries } = step.change;
  if (carries === null) return 'only what both sides agreed on is corrected';
  return carries === 'delivery'
    ? "the row's value is written to the page"
    : "the page's value is written to the row";
}

/**
 * Hands what a comparison found over to the ordinary flows: bases are set so that the winner's value is a plain change, and
 * the outbox or the poll carries it, with guards, audit and conflicts as for any. Each record is a transaction of its own;
 * one that somebody touched since is left for the next comparison.
 */
export async function heal(context: VerifyContext, options: HealOptions): Promise<HealResult> {
  const { store } = context;
  const { dryRun, winner, actor, total } = options;
  const steps: Record<string, number> = {};
  let left = 0;
  const selection = JSON.stringify({ verification: options.verification, winner });
  const run = dryRun || total === 0 ? null : await beginHeal(store, { selection, actor, total });
  for await (const findings of findingsOf(store, options.verification, AT_ONCE)) {
    const planned = await planAll(context, findings, winner);
    for (const record of planned) {
      const isDone = run === null || (await store.transaction((sql) => carryOut(sql, run, record, actor)));
      for (const { finding, step: meant } of record.steps) {
        const step = isDone ? meant : MOVED;
        steps[stepName(step)] = (steps[stepName(step)] ?? 0) + 1;
        if (step.kind === 'left') left += 1;
        await options.onStep(finding, step);
      }
    }
    context.tell(`${Object.values(steps).reduce((sum, count) => sum + count, 0)} differences handed over`);
  }
  if (run !== null) await endRun(store, run);
  return { run, steps, left };
}

const MOVED: HealStep = { kind: 'left', why: 'it was changed since it was compared' };

/** What was seen is out of date then: a base made of it would be one that never was. */
const hasMoved = ({ key, moved }: KeptFinding, record: SyncRecord | undefined): boolean =>
  key !== null && moved !== null && movedOf(record) !== moved;

type PlannedRecord = {
  readonly table: TableName;
  readonly key: RowKey | null;
  readonly page: PageId | null;
  readonly record: SyncRecord | undefined;
  readonly steps: readonly { readonly finding: KeptFinding; readonly step: HealStep }[];
};

/** Findings of one record together, in their order. */
async function planAll(
  context: VerifyContext,
  findings: readonly KeptFinding[],
  winner: Winner,
): Promise<readonly PlannedRecord[]> {
  const byTable = Map.groupBy(findings, ({ table }) => table);
  const planned: PlannedRecord[] = [];
  for (const [name, some] of byTable) {
    const table = context.tables.get(name);
    if (table === undefined) continue;
    const keys = some.flatMap(({ key }) => key ?? []);
    const records = await recordsByKey(context.store, name, keys);
    const lookups = await lookupsOf(context, table, some);
    for (const own of Map.groupBy(some, ({ key, page }) => page ?? `key ${key ?? ''}`).values()) {
      const [{ key, page } = { key: null, page: null }] = own;
      const record = key === null ? undefined : records.get(key);
      const life = record === undefined ? null : lifeOf(record.state).kind;
      const steps = own.map((finding) => {
        const field = table.fields.find(({ property }) => property === finding.field);
        const step = hasMoved(finding, record)
          ? MOVED
          : field === undefined
            ? healRecord(finding, { winner, life, direction: table.direction })
            : healCell(field, finding, { winner, lookups });
        return { finding, step };
      });
      planned.push({ table: name, key, page, record, steps });
    }
  }
  return planned;
}

/** What the rows' values and the pages' relations name. */
async function lookupsOf(
  context: VerifyContext,
  table: ResolvedTable,
  findings: readonly KeptFinding[],
): Promise<Lookups> {
  const rows = findings.flatMap(({ field, row }) => (field === null ? [] : [{ [field]: row }]));
  const known = await lookupsFor(context, table, rows);
  const relations = table.fields.filter(({ type }) => type === 'relation').map(({ property }) => property);
  const pages = findings.flatMap(({ field, value }) =>
    field !== null && relations.includes(field) && Array.isArray(value) ? (value as PageId[]) : [],
  );
  const records = await recordsByPage(context.store, pages);
  const pairs = [...records].map(([page, { table: of, key }]) => ({ table: of, key, page }));
  return lookupsJoined(known, { pairs });
}

/** False if somebody touched the record since. */
async function carryOut(sql: Sql, run: string, planned: PlannedRecord, actor: string): Promise<boolean> {
  const { table, key, page, record } = planned;
  const changes = planned.steps.flatMap(({ step }) => (step.kind === 'base' ? [step.change] : []));
  const note = (direction: 'to-notion' | 'to-postgres'): Promise<void> =>
    noteHeal(sql, run, { table, key, page, direction });
  if (changes.length > 0) {
    if (record === undefined || key === null) return false;
    const row = Object.fromEntries(changes.map((one) => [one.field, one.row]));
    const base = { row, page: Object.fromEntries(changes.map((one) => [one.field, one.page])) };
    if (!(await rebase(sql, record, base))) return false;
    const delivered = changes.filter(({ carries }) => carries === 'delivery');
    if (delivered.length > 0) {
      await note('to-notion');
      const fields = delivered.flatMap(({ restore, field }) => (restore ? [field] : []));
      await deliverSoon(sql, { table, key, kind: 'write', fields });
    }
    if (changes.some(({ carries }) => carries === 'poll') && page !== null) {
      await note('to-postgres');
      await lookSoon(sql, { table, key, page });
    }
  }
  for (const { step } of planned.steps) await carryOutRecord(sql, { planned, step, note, actor });
  return true;
}

async function carryOutRecord(
  sql: Sql,
  {
    planned: { table, key, page, record },
    step,
    note,
    actor,
  }: {
    readonly planned: PlannedRecord;
    readonly step: HealStep;
    readonly note: (direction: 'to-notion' | 'to-postgres') => Promise<void>;
    readonly actor: string;
  },
): Promise<void> {
  switch (step.kind) {
    case 'base':
    case 'left':
      return;
    case 'look':
      await note('to-postgres');
      // A second page is not that of the record whose key it shows.
      if (page !== null && key !== null && record?.page === page) await lookSoon(sql, { table, key, page });
      else if (page !== null) await lookAtPage(sql, table, page);
      return;
    case 'restore page':
      await note('to-notion');
      if (page !== null && key !== null) await rejectRemoval(sql, { table, key, page });
      return;
    default:
      if (key !== null) await carryOutRow(sql, { table, key, page, kind: step.kind, note, actor });
  }
}

async function carryOutRow(
  sql: Sql,
  {
    table,
    key,
    page,
    kind,
    note,
    actor,
  }: {
    readonly table: TableName;
    readonly key: RowKey;
    readonly page: PageId | null;
    readonly kind: Exclude<HealStep['kind'], 'base' | 'left' | 'look' | 'restore page'>;
    readonly note: (direction: 'to-notion' | 'to-postgres') => Promise<void>;
    readonly actor: string;
  },
): Promise<void> {
  await note(kind === 'restore row' || kind === 'unmark row' ? 'to-postgres' : 'to-notion');
  switch (kind) {
    case 'write':
      return deliverSoon(sql, { table, key, kind: 'write', fields: [] });
    case 'delete':
      await linkAgain(sql, table, key);
      return deliverSoon(sql, { table, key, kind: 'delete', fields: [] });
    case 'restore row':
    case 'unmark row': {
      const state = kind === 'restore row' ? 'deleted_trashed' : 'soft_deleted';
      await restAsBroughtBack(sql, { table, key, state });
      if (page !== null) await lookSoon(sql, { table, key, page });
      return;
    }
    case 'new page':
      await unlinkRecord(sql, table, key, actor);
      await remake(sql, table, key);
      return;
    case 'forget':
      return forget(sql, table, key);
    default:
      return kind satisfies never;
  }
}
