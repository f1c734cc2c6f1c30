import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readEnvironment } from '../config/environment.ts';
import { parseConfig } from '../config/mapping-file.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { limitHeapGrowth } from '../runtime/heap.ts';
import { createLog, silentLog } from '../runtime/log.ts';
import type { Loaded } from './commands.ts';

/** What a command works with; commands that only look keep the log quiet. */
export async function load(file: string, quiet: boolean): Promise<Loaded> {
  readEnvFile();
  const config = parseConfig(await importConfig(file));
  const environment = readEnvironment(process.env, config);
  limitHeapGrowth(environment.HEAP_GROWTH_PERCENT);
  return { config, environment, log: quiet ? silentLog() : createLog({ level: environment.LOG_LEVEL }) };
}

/** What is set already wins over the file. */
export function readEnvFile(): void {
  if (existsSync('.env')) process.loadEnvFile('.env');
}

/** What the file exports. Throws PgnotionError `config_missing` or `config_unreadable`. */
export async function importConfig(file: string): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path)) throw configMissing(path);
  try {
    const module: { readonly default?: unknown } = await import(pathToFileURL(path).href);
    if (module.default !== undefined) return module.default;
  } catch (error) {
    throw new PgnotionError({
      code: 'config_unreadable',
      message: `cannot read the configuration ${path}: ${messageOf(error)}`,
      remedy: 'check that the file runs by itself: `node FILE` must end without an error',
      cause: error,
    });
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
