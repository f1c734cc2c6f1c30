import { constants } from 'node:fs';
import { access, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pausedFields } from '../app/omitted-fields.ts';
import { withVerify } from '../app/open-verify.ts';
import { runVerify, tablesMeant } from '../app/verify.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import type { HealStep } from '../model/heal.ts';
import type { Winner } from '../model/merge.ts';
import { verifyHtml } from '../model/verify-html.ts';
import { isWhole, shownFinding, type VerifyReport, verifyText } from '../model/verify-report.ts';
import { type HealResult, heal, stepName } from '../reconcile/heal.ts';
import type { KeptFinding } from '../state/verify.ts';
import { accountName } from './account.ts';
import { type Loaded, within } from './commands.ts';
import { formatTable } from './table.ts';

export type VerifyArguments = {
  readonly table?: readonly string[];
  readonly where?: string;
  readonly sample?: string;
  /** Where to write the report as a page. */
  readonly html?: string;
  readonly heal?: Winner;
  readonly dryRun?: boolean;
};

export type VerifyOptions = VerifyArguments & {
  readonly json: boolean;
  /** Tells whoever waits how far it has come. */
  readonly tell: (text: string) => void;
};

/** Compares both sides, and hands over what differs if that is asked. Returns what to print, and whether they are the same. */
export function verifyCommand(
  loaded: Loaded,
  options: VerifyOptions,
): Promise<{ readonly text: string; readonly same: boolean }> {
  return within(loaded, async (installation) => {
    const tables = tablesMeant(installation, options.table ?? []);
    const scope = { tables, where: options.where ?? null, sample: sampleOf(options.sample) };
    if (scope.where !== null && tables.length > 1) throw whereOfMany();
    const { html } = options;
    if (html !== undefined) await assertWritable(html);
    const task = {
      scope,
      actor: accountName(),
      unresolved: installation.unresolved,
      paused: pausedFields(installation),
    };
    return withVerify(installation, options.tell, async (context) => {
      const report = await runVerify(context, task);
      if (html !== undefined) await writeHtml(html, report);
      const { heal: winner, dryRun = false } = options;
      if (winner === undefined) return { text: shown(report, null, options), same: report.result === 'same' };
      const lines: string[] = [];
      const healed = await heal(context, {
        verification: report.run,
        winner,
        dryRun,
        actor: task.actor,
        total: report.differences,
        onStep: async (finding, step) => {
          if (lines.length < MOST_LINES) lines.push(stepText(finding, step));
        },
      });
      const same = isWhole(report) && (dryRun ? report.differences : healed.left) === 0;
      return { text: shown(report, { ...healed, dryRun, winner, lines }, options), same };
    });
  });
}

/** Before hours of comparing whose result nobody would get. What is there stays as it is until the report takes its place. */
async function assertWritable(path: string): Promise<void> {
  const there = await stat(path).catch(() => null);
  try {
    if (there === null) await access(dirname(path), constants.W_OK | constants.X_OK);
    else if (there.isDirectory()) throw new Error('it is a folder');
    else await access(path, constants.W_OK);
  } catch (error) {
    throw reportUnwritable(path, error);
  }
}

const writeHtml = (path: string, report: VerifyReport): Promise<void> =>
  writeFile(path, verifyHtml(report)).catch((error: unknown) =>
    Promise.reject(reportUnwritable(path, error)),
  );

const reportUnwritable = (path: string, error: unknown): PgnotionError =>
  new PgnotionError({
    code: 'report_unwritable',
    message: `the report cannot be written to ${path}: ${messageOf(error)}`,
    remedy: 'name another file with `pgnotion verify --html FILE`',
    cause: error,
  });

/** Of what a heal does, one by one. */
const MOST_LINES = 1_000;

type Healed = HealResult & {
  readonly dryRun: boolean;
  readonly winner: Winner;
  readonly lines: readonly string[];
};

const stepText = (finding: KeptFinding, step: HealStep): string =>
  `${finding.table} ${shownFinding(finding)}: ${stepName(step)}`;

function shown(report: VerifyReport, healed: Healed | null, { json }: Pick<VerifyOptions, 'json'>): string {
  if (json) return JSON.stringify(healed === null ? report : { ...report, heal: healed }, null, 2);
  const text = verifyText(report, formatTable);
  return healed === null ? text : [text, ...healText(healed, report.daemon)].join('\n');
}

function healText({ run, steps, dryRun, winner, lines, left }: Healed, daemon: boolean): readonly string[] {
  const counts = Object.entries(steps).map(([what, count]) => `${count}: ${what}`);
  if (counts.length === 0) return [];
  const side = winner === 'postgres' ? 'PostgreSQL wins' : 'Notion wins';
  if (dryRun) return [`${side}; a heal would do this:`, ...lines.map((line) => `  ${line}`), ...counts];
  const later = daemon ? 'the daemon carries it out' : 'the next `pgnotion start` carries it out';
  return [
    `${side}, ${later}:`,
    ...counts,
    ...(left > 0 ? [`${left} are left: compare again`] : []),
    `this is run ${run}: \`pgnotion rollback --run ${run}\` takes it back`,
  ];
}

function sampleOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new PgnotionError({
    code: 'sample_invalid',
    message: `${JSON.stringify(text)} is not a number of rows`,
    remedy: 'give --sample a whole number above 0, such as `pgnotion verify --sample 200`',
  });
}

const whereOfMany = (): PgnotionError =>
  new PgnotionError({
    code: 'where_of_many',
    message: 'the option --where is a condition on the rows of one table, and several are compared',
    remedy: 'name the table as well: `pgnotion verify --table TABLE --where CONDITION`',
  });
