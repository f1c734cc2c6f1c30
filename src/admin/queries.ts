import type { RowImage } from '../model/change.ts';
import { conflictTitle } from '../model/conflict-page.ts';
import { failureSentence } from '../model/failure-sentence.ts';
import { type Progress, progressJson, wholeOf } from '../model/first-sync.ts';
import { pageId } from '../model/ids.ts';
import { notionIdIn } from '../model/notion-address.ts';
import type { Evidence } from '../model/probe/evidence.ts';
import type { Slo } from '../model/slo.ts';
import { type ActivityFilter, type Listing, type OperationLine, readActivity } from '../state/activity.ts';
import { type ActionLine, readActions } from '../state/admin-actions.ts';
import { type ActiveAlert, readActiveAlerts } from '../state/alerts.ts';
import { type ChartPoint, readCharts, requestsWithin } from '../state/charts.ts';
import { type ConflictLine, readConflicts, readRecordConflicts } from '../state/conflicts.ts';
import { readSystem, type SystemStatus } from '../state/daemon-status.ts';
import { type DriftEntry, driftEntries } from '../state/drift.ts';
import { storedEvidence } from '../state/evidence.ts';
import type { ExplainLine } from '../state/explain.ts';
import { type FoundRecord, findRecords } from '../state/find-records.ts';
import { readFirstSync } from '../state/first-sync.ts';
import { type GuardedChange, readGuardedChanges } from '../state/guarded-changes.ts';
import { type RecordLine, readRecordLine } from '../state/record-view.ts';
import { type RefusedKind, readRefusedKinds } from '../state/refused-requests.ts';
import { type RunLine, readRuns } from '../state/run-list.ts';
import { readSlo } from '../state/slo.ts';
import { slotLines } from '../state/slot-notes.ts';
import type { Sql } from '../state/sql.ts';
import { type FailureLine, readFailures, readStatus, type StatusLine } from '../state/status.ts';
import { type LastVerification, lastVerification } from '../state/verifications.ts';
import { remembered } from './remembered.ts';

// What the dashboard shows and the API answers, as both ask for it.

export type Overview = SystemStatus & {
  readonly at: Date;
  readonly tables: readonly StatusLine[];
  /** What people have to know of the slot, a line each. */
  readonly notes: readonly string[];
  /** Kinds of requests that Notion refuses to this connection. */
  readonly refused: readonly RefusedKind[];
  /** The requests of the present window, and how many there may be. */
  readonly budget: { readonly requests: number; readonly limit: number; readonly window_ms: number };
  /** How much waits for a person. */
  readonly waiting: Waiting;
  /** What the daemon has raised and not resolved, the oldest first. */
  readonly alerts: readonly ActiveAlert[];
  readonly first_sync: object | null;
  readonly verification: LastVerification | null;
};

export type Waiting = {
  readonly failures: number;
  readonly conflicts: number;
  readonly guarded: number;
  readonly drift: number;
};

/** Everything that waits for a person: the first of each kind, of which there may be more (`Overview.waiting` counts them). */
export type Inbox = {
  readonly failures: readonly (FailureLine & { readonly sentence: string })[];
  readonly conflicts: readonly (ConflictLine & { readonly title: string })[];
  readonly guarded: readonly (GuardedChange & { readonly sentence: string })[];
  readonly drift: readonly DriftEntry[];
  /** The kinds of which there are more than these. */
  readonly more: readonly ('failures' | 'conflicts' | 'guarded')[];
};

export type RecordView = RecordLine & {
  /** The row as it is now; null if there is none, or it cannot be read. Mapped columns only. */
  readonly row: RowImage | null;
  /** Newest first, as the command `explain` tells it. */
  readonly journey: readonly ExplainLine[];
};

export type ChartSpan = 'hour' | 'day';
export const SLO_DAYS = ['1', '7', '30'] as const;
export type SloDays = (typeof SLO_DAYS)[number];

/** Where queries go, and what they need to know of the configuration. */
export type QueryParts = {
  readonly sql: Sql;
  readonly slot: string;
  readonly limit: { readonly requests: number; readonly windowMs: number };
  /** The row of a record as it is now, of its mapped columns. */
  readonly readRow: (table: string, key: string) => Promise<RowImage | null>;
};

export type Queries = {
  readonly overview: () => Promise<Overview>;
  /** Of one table, or of all for null. */
  readonly inbox: (table?: string | null) => Promise<Inbox>;
  /** Null if there is no such record. */
  readonly record: (table: string, key: string) => Promise<RecordView | null>;
  /** The conflicts of a record that are not over. */
  readonly conflicts: (table: string, key: string) => Promise<readonly ConflictLine[]>;
  /** Records of these tables by their key, page id or address in Notion. */
  readonly find: (text: string, tables: readonly string[]) => Promise<readonly FoundRecord[]>;
  /** The first sync, or the comparison of all rows, that is under way. */
  readonly progress: () => Promise<Progress | null>;
  readonly operations: (filter: ActivityFilter) => Promise<Listing<OperationLine>>;
  readonly runs: (before: string | null) => Promise<Listing<RunLine>>;
  readonly charts: (span: ChartSpan) => Promise<readonly ChartPoint[]>;
  /** How the success criteria were met in the last days; read once a minute at most. */
  readonly slo: (days: SloDays) => Promise<Slo>;
  /** What people had done through the port. */
  readonly actions: () => Promise<readonly ActionLine[]>;
  readonly evidence: () => Promise<Evidence | null>;
};

const DAY_MS = 86_400_000;
const SLO_FRESH_MS = 60_000;
const MOST_LINES = 200;
const OPERATIONS = 50;
const RUNS = 50;

export function createQueries(parts: QueryParts): Queries {
  const { sql } = parts;
  const slo = { '1': sloOfDays(1), '7': sloOfDays(7), '30': sloOfDays(30) } satisfies Record<
    SloDays,
    unknown
  >;
  return {
    overview: () => readOverview(parts),
    inbox: (table = null) => readInbox(sql, table),
    record: (table, key) => readRecord(parts, table, key),
    conflicts: (table, key) => readRecordConflicts(sql, table, key),
    find: (text, tables) => {
      const page = notionIdIn(text, 'page');
      return findRecords(sql, { key: text, page: page === null ? null : pageId(page) }, tables);
    },
    progress: async () => wholeOf(await readFirstSync(sql)),
    operations: (filter) => readActivity(sql, filter, OPERATIONS),
    runs: (before) => readRuns(sql, before, RUNS),
    charts: (span) => (span === 'hour' ? readCharts(sql, 1, 60) : readCharts(sql, 24, 1_800)),
    slo: (days) => slo[days](sql),
    actions: () => readActions(sql, MOST_LINES),
    evidence: () => storedEvidence(sql),
  };
}

/** Hours that the daemon has not summed up yet are counted from their operations, which may take a second. */
const sloOfDays = (days: number) =>
  remembered(SLO_FRESH_MS, (sql: Sql) => {
    const now = new Date();
    return readSlo(sql, new Date(now.getTime() - days * DAY_MS), now);
  });

async function readOverview({ sql, slot, limit }: QueryParts): Promise<Overview> {
  const [system, tables, drift, notes, firstSync, refused, requests, verification, alerts] =
    await Promise.all([
      readSystem(sql, slot),
      readStatus(sql),
      driftEntries(sql),
      slotLines(sql),
      readFirstSync(sql),
      readRefusedKinds(sql),
      requestsWithin(sql, limit.windowMs),
      lastVerification(sql),
      readActiveAlerts(sql),
    ]);
  const total = (of: (line: StatusLine) => number): number => tables.reduce((sum, line) => sum + of(line), 0);
  return {
    at: new Date(),
    ...system,
    tables,
    notes,
    refused,
    budget: { requests, limit: limit.requests, window_ms: limit.windowMs },
    waiting: {
      failures: total(({ failed }) => failed),
      conflicts: total(({ conflicts }) => conflicts),
      guarded: total(({ guarded }) => guarded),
      drift: drift.length,
    },
    alerts,
    first_sync: progressJson(wholeOf(firstSync)),
    verification,
  };
}

async function readInbox(sql: Sql, table: string | null): Promise<Inbox> {
  const [failures, conflicts, guarded, drift] = await Promise.all([
    readFailures(sql, MOST_LINES + 1, table),
    readConflicts(sql, false, table),
    readGuardedChanges(sql, MOST_LINES + 1, table),
    driftEntries(sql, table),
  ]);
  const first = <T>(lines: readonly T[]): readonly T[] => lines.slice(0, MOST_LINES);
  const more = Object.entries({ failures, conflicts, guarded }).filter(
    ([, lines]) => lines.length > MOST_LINES,
  );
  return {
    failures: first(failures).map((line) => ({ ...line, sentence: failureSentence(line) })),
    conflicts: first(conflicts).map((line) => ({ ...line, title: titleOf(line) })),
    guarded: first(guarded).map((line) => ({
      ...line,
      sentence: failureSentence({ shown: null, reason: line.reason }),
    })),
    drift,
    more: more.map(([kind]) => kind as Inbox['more'][number]),
  };
}

/** As its page in Notion is called. */
const titleOf = ({ id, table_name: table, record_id: record, fields }: ConflictLine): string =>
  conflictTitle({ id, table, record, field: fields[0] ?? null });

async function readRecord(parts: QueryParts, table: string, key: string): Promise<RecordView | null> {
  const line = await readRecordLine(parts.sql, table, key);
  if (line === null) return null;
  const { isUnknownRecord, readExplanation } = await import('../state/explain.ts');
  const [row, journey] = await Promise.all([
    parts.readRow(table, key),
    readExplanation(parts.sql, table, key).catch((error: unknown) => {
      // It was forgotten in between.
      if (isUnknownRecord(error)) return [];
      throw error;
    }),
  ]);
  return { ...line, row, journey };
}
