import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { readVariables, unknownVariables } from '../config/environment.ts';
import { faultLines, invalidConfig } from '../config/invalid-config.ts';
import { readConfig } from '../config/mapping-file.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { readPostgresUrl } from '../model/postgres-url.ts';
import { sentences } from '../model/sentences.ts';
import { limitHeapGrowth } from '../runtime/heap.ts';
import { createLog, createTerminalLog, silentLog } from '../runtime/log.ts';
import type { Loaded } from './commands.ts';
import { runAsModules } from './config-modules.ts';
import { readEnvFiles } from './env-files.ts';
import { wantsJson, warn } from './terminal.ts';

/**
 * Reads the configuration and the environment. Throws one error for all that is wrong in either, and in the database as
 * far as it can be asked. `quiet`: a command that only looks keeps the log quiet. With `lines` a person reads the log there.
 */
export async function load(file: string, quiet: boolean, lines: Writable | null = null): Promise<Loaded> {
  const path = resolve(file);
  readEnvFiles(path);
  const input = await importConfig(path, { lasting: !quiet }).catch((error: unknown) => {
    throw withEnvironment(error);
  });
  const { config, tables, faults } = readConfig(input);
  const { environment, faults: more } = readVariables(process.env, tables);
  const unknown = unknownVariables(process.env, tables);
  if (config !== null && environment !== null) {
    limitHeapGrowth(environment.HEAP_GROWTH_PERCENT);
    const level = environment.LOG_LEVEL;
    // Whoever asked for JSON reads it with a program, on a terminal too.
    const log = quiet
      ? silentLog()
      : lines === null || wantsJson()
        ? createLog({ level, ...(wantsJson() && { pretty: false }) })
        : await createTerminalLog(level, lines);
    for (const fault of unknown)
      if (quiet) warn(fault, sentences(`${fault.path} ${fault.message}`, fault.remedy));
      else log.warn({ variable: fault.path, remedy: fault.remedy }, `${fault.path} ${fault.message}`);
    return { config, environment, log };
  }
  const url = readPostgresUrl(process.env.DATABASE_URL ?? '');
  const strategy = environment?.SYNC_CONFLICT_STRATEGY ?? 'lww';
  // Only somebody with faults needs it.
  const { databaseFaults } = await import('../app/catalog-faults.ts');
  const database = 'url' in url && tables.length > 0 ? await databaseFaults(url.url, tables, strategy) : [];
  throw invalidConfig([...faults, ...more, ...unknown, ...database]);
}

/** A file that cannot be run hides what it says, but not what the environment says. */
function withEnvironment(error: unknown): unknown {
  const { faults } = readVariables(process.env, []);
  if (!(error instanceof PgnotionError) || error.code !== 'config_unreadable' || faults.length === 0)
    return error;
  return new PgnotionError({
    code: 'config_unreadable',
    message: `${error.message}\nand the environment has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faultLines(faults)}`,
    remedy: error.remedy,
    cause: error,
  });
}

/** What the file exports. Throws PgnotionError `config_missing` or `config_unreadable`. */
export async function importConfig(
  file: string,
  options: { readonly lasting?: boolean } = {},
): Promise<unknown> {
  const path = resolve(file);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw configMissing(path);
  if (found.isDirectory()) throw configIsFolder(path);
  runAsModules(options);
  try {
    const module: { readonly default?: unknown } = await import(pathToFileURL(path).href);
    if (module.default !== undefined) return module.default;
  } catch (error) {
    throw await configUnreadable(path, error);
  }
  throw new PgnotionError({
    code: 'config_unreadable',
    message: `${path} has no default export`,
    remedy: 'end it with `export default defineConfig({ ... })`',
  });
}

const configMissing = (path: string): PgnotionError =>
  new PgnotionError({
    code: 'config_missing',
    message: `there is no configuration ${path}`,
    remedy: 'name the file with --config FILE, or go to the folder that has pgnotion.config.ts',
  });

/** Docker makes a folder of this name where the file that is to be mounted does not exist. */
const configIsFolder = (path: string): PgnotionError =>
  new PgnotionError({
    code: 'config_missing',
    message: `there is no configuration: ${path} is a folder`,
    remedy:
      'put the file in its place, or name it with --config FILE; where Docker has made the folder for want of a file to mount, remove it there first',
  });

async function configUnreadable(path: string, error: unknown): Promise<PgnotionError> {
  const at = (await placeOf(path, error)) ?? { file: path, line: null, excerpt: '' };
  const where = at.line === null ? at.file : `${at.file}, line ${at.line}`;
  const imported = at.file === path ? '' : `${path}: `;
  return new PgnotionError({
    code: 'config_unreadable',
    message: `cannot read the configuration ${imported}${where}: ${messageOf(error)}${at.excerpt === '' ? '' : `\n${at.excerpt}`}`,
    remedy: `check ${at.line === null ? 'the file' : `line ${at.line}`}: it must be TypeScript or JavaScript that Node.js runs (types are stripped, so no enums or namespaces), and every package that it imports must be installed`,
    cause: error,
  });
}

type Place = { readonly file: string; readonly line: number | null; readonly excerpt: string };

/** The file and line of a fault. Node tells them at the top of the stack; of plain JavaScript, only `node --check` does. */
async function placeOf(path: string, error: unknown): Promise<Place | null> {
  if (!(error instanceof Error)) return null;
  const found = placeIn(error.stack ?? '');
  if (found !== null || error.name !== 'SyntaxError') return found;
  const checked = await promisify(execFile)(process.execPath, ['--check', path]).then(
    () => '',
    (failure: { readonly stderr?: string }) => failure.stderr ?? '',
  );
  return placeIn(checked);
}

function placeIn(text: string): Place | null {
  const head = /^((?:file:\/\/|\/|[A-Za-z]:\\).*?):(\d+)\n([\s\S]*?)\n\n?(?=\w*Error)/.exec(text);
  if (head !== null) {
    const [, file = '', line = '', excerpt = ''] = head;
    return { file: asPath(file), line: Number(line), excerpt: excerpt.trimEnd() };
  }
  // What runs the file, and what it calls, is not where its author has to look.
  const frames = [...text.matchAll(/\n {4}at (?:.*\()?((?:file:\/\/|\/).*?):(\d+):\d+\)?/g)];
  const own = frames
    .map(([, file = '', line = '']) => ({ file: asPath(file), line: Number(line), excerpt: '' }))
    .find(({ file }) => !file.startsWith(PROGRAM) && !file.includes('/node_modules/'));
  return own ?? null;
}

const PROGRAM = resolve(import.meta.dirname, '..');

const asPath = (file: string): string => (file.startsWith('file://') ? fileURLToPath(file) : file);
