import type { Installation } from '../app/connections.ts';
import { standingOf } from '../app/probe/assumed.ts';
import { checkTables } from '../app/readiness.ts';
import type { Fault } from '../model/errors.ts';
import { progressJson, type TableProgress, wholeOf } from '../model/first-sync.ts';
import type { TableName } from '../model/ids.ts';
import type { Evidence } from '../model/probe/evidence.ts';
import { evidenceLines } from '../model/probe/texts.ts';
import { sentences } from '../model/sentences.ts';
import { readSystem, type SystemStatus } from '../state/daemon-status.ts';
import { type DriftEntry, driftEntries } from '../state/drift.ts';
import { type Kept, keptAssumed, storedEvidence } from '../state/evidence.ts';
import { readFirstSync } from '../state/first-sync.ts';
import { type RefusedKind, readRefusedKinds } from '../state/refused-requests.ts';
import { slotLines } from '../state/slot-notes.ts';
import { createStore } from '../state/sql.ts';
import { readStatus, type StatusLine } from '../state/status.ts';
import { type LastVerification, lastVerification } from '../state/verifications.ts';
import { type Loaded, within } from './commands.ts';
import { driftSection } from './drift.ts';
import { notApplied } from './first-contact.ts';
import { firstSyncLines, firstSyncOf } from './first-sync.ts';
import { headLines } from './status-head.ts';
import { formatTable, narrowTable } from './table.ts';

/** Everything that `status` tells. */
type Status = {
  readonly now: Date;
  readonly system: SystemStatus;
  readonly rows: readonly StatusLine[];
  readonly faults: ReadonlyMap<TableName, readonly Fault[]>;
  readonly drift: readonly DriftEntry[];
  readonly slot: readonly string[];
  readonly firstSync: readonly TableProgress[];
  readonly refused: readonly RefusedKind[];
  /** What the last probe of Notion has found. */
  readonly evidence: Evidence | null;
  /** What the daemon made of it, and who it was to Notion. */
  readonly kept: Kept | null;
  /** The last comparison of both sides. */
  readonly verification: LastVerification | null;
};

/** How status is told. */
export type StatusTexts = {
  /** For a person: in so many columns, or with each line as long as it is. */
  readonly text: (columns: number | null) => string;
  /** A document. */
  readonly document: () => string;
  /** A document on one line. */
  readonly line: () => string;
};

export const statusCommand = (loaded: Loaded, asJson: boolean): Promise<string> =>
  within(loaded, async (installation) => {
    const texts = await statusTexts(installation);
    return asJson ? texts.document() : texts.text(null);
  });

export async function statusTexts(installation: Installation): Promise<StatusTexts> {
  const status = await readAll(installation);
  return {
    text: (columns) => statusText(installation, status, columns),
    document: () => JSON.stringify(statusData(status), null, 2),
    line: () => JSON.stringify(statusData(status)),
  };
}

async function readAll(installation: Installation): Promise<Status> {
  const sql = createStore(installation.pool, 0);
  return {
    now: new Date(),
    system: await readSystem(sql, installation.config.slot),
    faults: await checkTables(installation, 'to-tell'),
    rows: await readStatus(sql),
    drift: await driftEntries(sql),
    slot: await slotLines(sql),
    firstSync: await readFirstSync(sql),
    refused: await readRefusedKinds(sql),
    evidence: await storedEvidence(sql),
    kept: await keptAssumed(sql),
    verification: await lastVerification(sql),
  };
}

function statusData(status: Status): object {
  const { now, system, rows, faults, drift, slot, firstSync, refused, verification } = status;
  return {
    at: now,
    ...system,
    notes: slot,
    refused,
    first_sync: progressJson(wholeOf(firstSync)),
    evidence: status.evidence,
    assumed: status.kept?.assumed ?? null,
    verification,
    drift,
    tables: rows.map((row) => ({
      ...row,
      faults: faults.get(row.table_name) ?? [],
      drift: drift.filter((each) => each.table_name === row.table_name),
      first_sync: firstSyncOf(firstSync, row.table_name),
    })),
  };
}

function statusText(installation: Installation, status: Status, columns: number | null): string {
  const { now, system, rows, faults, drift, slot, firstSync, refused, evidence, kept } = status;
  // Of a table that stands still for that reason, its own line tells.
  const untold = rows.filter(({ paused }) => !paused).flatMap((row) => faults.get(row.table_name) ?? []);
  const wrong = untold.map(({ path, message, remedy }) => sentences(`${path}: ${message}`, remedy));
  return [
    ...headLines(system, now),
    '',
    tableText(rows, columns),
    ...firstSyncLines(firstSync),
    ...slot,
    ...evidenceLines(
      evidence,
      standingOf(installation.environment, kept?.connection ?? null),
      kept?.assumed ?? null,
    ),
    ...notApplied(installation.config, rows),
    ...wrong,
    ...driftSection(drift),
    ...refused.map(
      ({ kind, table, code, remedy }) =>
        `\nNotion refuses to ${kind} pages${table === null ? '' : ` of ${table}`} (${code}): ${remedy}`,
    ),
    ...verificationLines(status.verification),
  ].join('\n');
}

const HEADINGS = [
  'table',
  'records',
  'linked',
  'pending',
  'oldest',
  'failed',
  'conflicts',
  'p95',
  'last success',
] as const;
/** Those that there is always room for stand first. */
const IMPORTANCE: readonly (typeof HEADINGS)[number][] = [
  'table',
  'pending',
  'failed',
  'conflicts',
  'oldest',
  'linked',
  'p95',
  'records',
  'last success',
];

function tableText(rows: readonly StatusLine[], columns: number | null): string {
  const table = rows.map((row) => ({
    cells: [
      row.table_name,
      row.records,
      row.linked,
      row.pending,
      seconds(row.oldest_pending_seconds),
      row.failed,
      row.conflicts,
      seconds(row.latency_p95_seconds),
      row.last_success?.toISOString() ?? '-',
    ],
    remark: notesOf(row).join('; '),
  }));
  if (columns === null)
    return formatTable(
      [...HEADINGS, ''],
      table.map(({ cells, remark }) => [...cells, remark]),
    );
  return narrowTable({ headings: HEADINGS, importance: IMPORTANCE, rows: table }, columns);
}

/** What the last comparison of both sides found; nothing if they were the same. */
const verificationLines = (last: LastVerification | null): string[] =>
  last === null || last.result === 'same'
    ? []
    : [
        `\nthe last comparison (run ${last.run}, ${last.finishedAt.toISOString()}) ${last.differences === 0 ? 'could not compare everything' : `found ${last.differences} differences`}: run \`pgnotion verify\``,
      ];

const notesOf = (row: StatusLine): string[] => [
  ...(row.paused ? [`paused: ${row.paused_reason}`] : row.backfilled ? [] : ['first sync']),
  ...(row.first_contact ? ['its database is read until it is known which pages there are'] : []),
  ...(row.filtered > 0 ? [`${row.filtered} filtered out`] : []),
  ...(row.guarded > 0 ? [`${row.guarded} changes wait: see pgnotion guarded list`] : []),
];

const seconds = (value: number | null): string => (value === null ? '-' : `${value.toFixed(1)} s`);
