import type { TableName } from './ids.ts';
import { sentences } from './sentences.ts';
import { cutText, TEXT_LIMITS } from './texts.ts';
import {
  FINDING_KINDS,
  type Finding,
  type FindingKind,
  findingKinds,
  IN_FLIGHT,
  type InFlightKind,
} from './verify.ts';

export type TableReport = {
  readonly table: TableName;
  readonly rows: number;
  readonly pages: number;
  readonly compared: number;
  readonly differences: Partial<Record<FindingKind, number>>;
  readonly inFlight: Partial<Record<InFlightKind, number>>;
  readonly lastSynced: string | null;
  readonly lastPolled: string | null;
  readonly lastSwept: string | null;
};

/** A field that was compared on no record, because its column or its property does not do now. */
export type OmittedField = {
  readonly table: TableName;
  readonly field: string;
  readonly reason: string;
  readonly remedy: string;
};

export type ReportFinding = Finding & { readonly table: TableName };

/** What a comparison of both sides came to. */
export type VerifyReport = {
  readonly run: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly seconds: number;
  readonly result: 'same' | 'differences';
  /** Whether a daemon was at work: what changes without one is not on its way. */
  readonly daemon: boolean;
  readonly scope: {
    /** All tables of the configuration. */
    readonly all: boolean;
    readonly where: string | null;
    readonly sample: number | null;
  };
  readonly tables: readonly TableReport[];
  /** Tables that could not be compared, and why. */
  readonly skipped: readonly {
    readonly table: TableName;
    readonly reason: string;
    readonly remedy: string;
  }[];
  /** Fields that could not be compared, and why. */
  readonly omitted: readonly OmittedField[];
  readonly differences: number;
  /** The first of them; the view `verify_findings` has all. */
  readonly findings: readonly ReportFinding[];
};

export const sumOf = (counts: Partial<Record<string, number>>): number =>
  Object.values(counts).reduce<number>((sum, count) => sum + (count ?? 0), 0);

/** A line for each kind of which there is something. */
export function countLines<Kind extends string>(
  counts: Partial<Record<Kind, number>>,
  words: Readonly<Record<Kind, string>>,
): readonly string[] {
  return (Object.keys(words) as Kind[]).flatMap((kind) => {
    const count = counts[kind] ?? 0;
    return count === 0 ? [] : [`${count} ${words[kind]}`];
  });
}

/** The kinds of which a run found something, over all tables. */
export const kindsIn = ({ tables }: Pick<VerifyReport, 'tables'>): readonly FindingKind[] =>
  findingKinds.filter((kind) => tables.some(({ differences }) => (differences[kind] ?? 0) > 0));

export const shownFinding = ({ kind, key, page, field, row, value }: Finding): string => {
  const name = key === null ? `page ${page ?? ''}` : cutText(key, TEXT_LIMITS.shownKey);
  const cell =
    field === null ? '' : `, ${field}: ${shownText(row)} in PostgreSQL, ${shownText(value)} in Notion`;
  return `${name}${cell}${field === null ? `: ${FINDING_KINDS[kind]}` : ''}`;
};

export const shownText = (value: Finding['value']): string =>
  value === null
    ? 'nothing'
    : cutText(
        typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value),
        TEXT_LIMITS.shownValue,
      );

/** What is to be done with differences, in one sentence. */
export const VERIFY_REMEDY =
  'see docs/operations.md, "When verify finds differences"; `pgnotion verify --heal postgres --dry-run` and `--heal notion --dry-run` tell what each side would get';

/** Most differences that a report lists. */
export const MOST_LISTED = 1_000;
const MOST_ON_TERMINAL = 20;

/** The report as text. `table` lays out rows under headings. */
export function verifyText(
  report: VerifyReport,
  table: (headings: readonly string[], rows: readonly (readonly (string | number)[])[]) => string,
): string {
  const rows = report.tables.map((one) => [
    one.table,
    one.rows,
    one.pages,
    one.compared,
    sumOf(one.differences),
    sumOf(one.inFlight),
    one.lastSynced ?? '-',
  ]);
  const lines = [
    table(['table', 'rows', 'pages', 'compared', 'different', 'under way', 'last synced'], rows),
    ...report.tables.flatMap((one) => [
      ...countLines(one.differences, FINDING_KINDS).map((line) => `${one.table}: ${line}`),
      ...countLines(one.inFlight, IN_FLIGHT).map((line) => `${one.table}, no difference: ${line}`),
    ]),
    ...report.skipped.map(({ table: name, reason, remedy }) =>
      sentences(`${name} was not compared: ${reason}`, remedy),
    ),
    ...report.omitted.map(({ table: name, field, reason, remedy }) =>
      sentences(`${JSON.stringify(field)} of ${name} was not compared: ${reason}`, remedy),
    ),
  ];
  const shown = report.findings.slice(0, MOST_ON_TERMINAL);
  for (const one of shown) lines.push(`  ${one.table} ${shownFinding(one)} (${one.note})`);
  const more = report.differences - shown.length;
  if (more > 0) lines.push(`  and ${more} more: --json or --html FILE lists the first ${MOST_LISTED}`);
  return [...lines, ...verdictLines(report)].join('\n');
}

/** Whether everything that was meant was compared. */
export const isWhole = ({ skipped, omitted }: Pick<VerifyReport, 'skipped' | 'omitted'>): boolean =>
  skipped.length === 0 && omitted.length === 0;

/** What a comparison says nothing of, because it is on its way or waits for a person. */
export const besideOf = ({ tables }: Pick<VerifyReport, 'tables'>): number =>
  tables.reduce((total, { inFlight }) => total + sumOf(inFlight), 0);

function verdictLines(report: VerifyReport): readonly string[] {
  const of = `${report.seconds.toFixed(1)} s, run ${report.run}`;
  const stopped = report.daemon
    ? []
    : ['no daemon is at work: what changed since it stopped counts as different'];
  const beside = besideOf(report);
  const but = beside === 0 ? '' : `, but for ${beside} that are under way or wait for a person`;
  if (report.result === 'same') return [...stopped, `both sides are the same${but} (${of})`];
  const part = isWhole(report) ? '' : ' in what was compared';
  return [
    ...stopped,
    `${report.differences} differences${part} (${of})`,
    ...(report.differences > 0 ? [VERIFY_REMEDY] : []),
  ];
}
