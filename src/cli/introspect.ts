import { dirname, relative, resolve } from 'node:path';
import { assertSuggested, type Introspection, withCatalog } from '../app/introspect.ts';
import { HELP } from '../config/environment.ts';
import { invalidConfig } from '../config/invalid-config.ts';
import { PERCENT_ENCODING, readPostgresUrl } from '../model/postgres-url.ts';
import { sentences } from '../model/sentences.ts';
import { configText } from '../model/suggestion/config-text.ts';
import { silentLog } from '../runtime/log.ts';
import { readEnvFiles } from './env-files.ts';
import { fromNotion, type Variables } from './from-notion.ts';
import { note, print } from './terminal.ts';

/** As they are given on the command line. */
export type IntrospectOptions = { readonly table?: readonly string[]; readonly fromNotion?: boolean };

export async function runIntrospect(
  { table: tables = [], fromNotion: adopts = false }: IntrospectOptions,
  { file, json }: { readonly file: string; readonly json: boolean },
): Promise<void> {
  readEnvFiles(resolve(file));
  const notion = adopts ? process.env : null;
  const asked = { tables, folder: dirname(resolve(file)), json, notion };
  await print(await introspectCommand(databaseUrl(process.env.DATABASE_URL), asked, note));
}

type Asked = {
  readonly tables: readonly string[];
  readonly json: boolean;
  /** The folder of the configuration. */
  readonly folder: string;
  /** The environment, if databases in Notion are to be taken over; null if not. */
  readonly notion: Variables | null;
};

/** Prints a configuration for a database's tables; what cannot be in it goes to `note`. */
export async function introspectCommand(
  url: string,
  { tables, json, folder, notion }: Asked,
  note: (line: string) => void,
): Promise<string> {
  const catalog = await withCatalog(url, silentLog(), ({ suggest }) =>
    suggest(tables.length === 0 ? null : tables),
  );
  const { found, ties } = notion === null ? { found: catalog, ties: {} } : await fromNotion(catalog, notion);
  for (const line of notesOf(found)) note(line);
  for (const [variable, id] of Object.entries(ties)) note(`add to .env: ${variable}=${id}`);
  if (json) return JSON.stringify({ ...found, ties }, null, 2);
  assertSuggested(found);
  return configText(found.suggestion, { ...found, importFrom: importFrom(folder) });
}

/** What people are told beside the configuration. */
export function notesOf({ suggestion, remarks }: Introspection): string[] {
  return [
    ...remarks,
    ...suggestion.unsuitable.flatMap(({ source, faults }) =>
      faults.map(({ message, remedy }) =>
        sentences(`${source} cannot be synced as it is: ${message}`, remedy),
      ),
    ),
  ];
}

/** The address of the database alone, for commands that need nothing else. */
export function databaseUrl(given: string | undefined): string {
  const path = 'DATABASE_URL';
  const remedy = `set the environment variable ${path}: ${HELP.DATABASE_URL}`;
  if (given === undefined || given === '') throw invalidConfig([{ path, message: 'is not set', remedy }]);
  const read = readPostgresUrl(given);
  if ('url' in read) return read.url;
  throw invalidConfig([{ path, message: read.message, remedy: read.encoding ? PERCENT_ENCODING : remedy }]);
}

/** What a configuration in this folder imports: the package by its name, or a clone's own source. */
export function importFrom(folder: string): string {
  // A compiled file is the installed package's; the source runs in a clone only.
  if (!import.meta.filename.endsWith('.ts')) return 'pgnotion';
  const path = relative(folder, resolve(import.meta.dirname, '../index.ts')).replaceAll('\\', '/');
  return path.startsWith('.') ? path : `./${path}`;
}
