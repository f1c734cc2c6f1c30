import { resolve } from 'node:path';
import { examine, type Patient } from '../app/doctor/doctor.ts';
import { readVariables, unknownVariables } from '../config/environment.ts';
import { readConfig } from '../config/mapping-file.ts';
import { type Check, exitCodeOf } from '../model/doctor/check.ts';
import { type Fault, PgnotionError } from '../model/errors.ts';
import type { TableMapping } from '../model/mapping.ts';
import { nodeFault } from '../runtime/node-version.ts';
import { readEnvFiles } from './env-files.ts';
import { importConfig } from './load.ts';

/** The checks as lines for a person or as JSON, and the code to end with: 0 good, 1 a check failed, 2 warnings alone. */
export async function doctorCommand(
  file: string,
  asJson: boolean,
): Promise<{ readonly text: string; readonly code: 0 | 1 | 2 }> {
  const checks = await examine(await patientOf(file));
  const code = exitCodeOf(checks);
  return { text: asJson ? JSON.stringify({ checks }, null, 2) : linesOf(checks), code };
}

/** What can be used of the configuration and the environment, whatever else is wrong with them. */
async function patientOf(file: string): Promise<Patient> {
  const path = resolve(file);
  readEnvFiles(path);
  const { input, faults: unread } = await importConfig(path).then(
    (value) => ({ input: value, faults: [] as readonly Fault[] }),
    (error: unknown) => {
      if (!(error instanceof PgnotionError)) throw error;
      return { input: {}, faults: [{ path, message: error.message, remedy: error.remedy }] };
    },
  );
  const { config, tables, faults } = readConfig(input);
  const { environment, broken, faults: more } = usableEnvironment(tables);
  const version = process.versions.node;
  return {
    node: { version, fault: nodeFault(version) },
    configuration: {
      file: path,
      tables: tables.length,
      faults: [...(unread.length > 0 ? unread : faults), ...more],
    },
    unknownVariables: unknownVariables(process.env, tables),
    config: config ?? { ...namesIn(input), plugin: 'pgoutput', tables },
    environment,
    ends: {
      postgres: !broken.has('DATABASE_URL') && !broken.has('REPLICATION_URL'),
      notion: !broken.has('NOTION_API_KEY') && !broken.has('NOTION_BASE_URL'),
    },
  };
}

/** Of a configuration with faults, what names the slot and the publication all the same. */
function namesIn(input: unknown): { readonly slot: string; readonly publication: string } {
  const given = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>;
  const text = (value: unknown): string => (typeof value === 'string' ? value : 'pgnotion');
  return { slot: text(given.slot), publication: text(given.publication) };
}

const STAND_INS = { DATABASE_URL: 'postgres://unset', NOTION_API_KEY: 'unset' };

/** Without the variables that are wrong, which are told as faults. */
function usableEnvironment(tables: readonly TableMapping[]) {
  const { environment, faults } = readVariables(process.env, tables);
  const broken = new Set(faults.map(({ path }) => path));
  if (environment !== null) return { environment, broken, faults };
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !broken.has(name)));
  const usable = readVariables({ ...STAND_INS, ...rest }, []).environment;
  if (usable === null) throw new TypeError('the environment cannot be read');
  const withIds = readVariables({ ...STAND_INS, ...rest, SYNC_CONFLICT_STRATEGY: '' }, tables).environment;
  return { environment: withIds ?? usable, broken, faults };
}

const MARKS = { ok: 'ok', warning: 'WARNING', failed: 'FAILED', skipped: 'skipped' } as const;

function linesOf(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ id }) => id.length));
  const lines = checks.map(({ id, status, seen, fix }) => {
    const line = `${MARKS[status].padEnd(7)}  ${id.padEnd(width)}  ${seen}`;
    return fix === null ? line : `${line}\n${' '.repeat(9)}fix: ${fix}`;
  });
  const count = (status: Check['status']): number => checks.filter((each) => each.status === status).length;
  const told = (['failed', 'warning', 'skipped'] as const)
    .filter((status) => count(status) > 0)
    .map((status) => `${count(status)} ${status === 'warning' && count(status) > 1 ? 'warnings' : status}`);
  lines.push(
    '',
    told.length === 0
      ? `all ${checks.length} checks are good`
      : `${checks.length} checks: ${told.join(', ')}`,
  );
  return lines.join('\n');
}
