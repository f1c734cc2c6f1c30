import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { assertSuggested, type Catalog, type Introspection, withCatalog } from '../app/introspect.ts';
import { type Config, parseConfig } from '../config/mapping-file.ts';
import { PgnotionError } from '../model/errors.ts';
import type { QualifiedName } from '../model/ids.ts';
import { notionIdIn } from '../model/notion-address.ts';
import { configDiff } from '../model/suggestion/config-diff.ts';
import { configText } from '../model/suggestion/config-text.ts';
import { silentLog } from '../runtime/log.ts';
import { fromNotion } from './from-notion.ts';
import { databaseUrl, importFrom, notesOf } from './introspect.ts';
import { addToEnvFile, ignoreEnvFile } from './project-files.ts';

/** As they are given on the command line. */
export type InitOptions = {
  readonly databaseUrl?: string;
  readonly token?: string;
  readonly parent?: string;
  readonly tables?: string;
  readonly fromNotion?: boolean;
  readonly yes?: boolean;
};

/** What a person is asked; without a terminal, the answers are those that were given. */
export type Questions = {
  /** `connect` tries an address, and throws what is wrong with it. */
  readonly settings: (given: Settings, connect: (url: string) => Promise<void>) => Promise<Settings>;
  /** The tables that are wanted; null takes all that can be synced. */
  readonly tables: (catalog: Catalog) => Promise<readonly string[] | null>;
  readonly mayWrite: (files: readonly string[]) => Promise<boolean>;
};

/** Empty where nobody has said anything. */
export type Settings = { readonly url: string; readonly token: string; readonly parent: string };

export type InitPlace = {
  /** The configuration, as an absolute path; `.env` and `.gitignore` stand beside it. */
  readonly file: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly load: () => Promise<unknown>;
  readonly note: (line: string) => void;
};

/** What is printed: the text, or the data under `--json`. */
type Outcome = {
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
} & (
  | { readonly kind: 'compared'; readonly differs: boolean }
  /** `isWhole`: nothing is missing in `.env`. */
  | { readonly kind: 'written'; readonly isWhole: boolean; readonly next: string }
);

/** Writes a configuration and `.env`; beside a configuration that is there it only tells what it would propose. */
export async function initCommand(
  options: InitOptions,
  questions: Questions,
  place: InitPlace,
): Promise<Outcome> {
  if (existsSync(place.file)) return compare(options, place);
  const given = await questions.settings(settingsOf(options, place), connect);
  const url = databaseUrl(given.url);
  // With what an address cannot hold percent-encoded.
  const settings = { ...given, url };
  return withCatalog(url, silentLog(), async (catalog) => {
    const wanted = options.tables === undefined ? await questions.tables(catalog) : namesIn(options.tables);
    const suggested = await catalog.suggest(wanted);
    assertSuggested(suggested);
    const notion = { ...place.variables, ...variablesOf(settings, place) };
    const { found, ties } =
      options.fromNotion === true ? await fromNotion(suggested, notion) : { found: suggested, ties: {} };
    for (const line of notesOf(found)) place.note(line);
    return write(found, questions, { place, settings, ties, notChosen: notChosen(catalog, found) });
  });
}

const connect = (url: string): Promise<void> =>
  withCatalog(databaseUrl(url), silentLog(), () => Promise.resolve());

const namesIn = (tables: string): readonly string[] =>
  tables
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

const settingsOf = (
  { databaseUrl: url, token, parent }: InitOptions,
  { variables }: InitPlace,
): Settings => ({
  url: url ?? variables.DATABASE_URL ?? '',
  token: token ?? variables.NOTION_API_KEY ?? '',
  parent: pageIdIn(parent ?? variables.NOTION_PARENT_PAGE_ID ?? ''),
});

/** People paste a page's address; what has no id in it is left to the checks of the environment. */
export const pageIdIn = (text: string): string => notionIdIn(text, 'page') ?? text.trim();

/** What could be synced and was not taken: the next run does not propose it again. */
function notChosen({ listings }: Catalog, { suggestion, sources }: Introspection): readonly QualifiedName[] {
  if (suggestion.tables.length === 0) return [];
  const taken = new Set(sources.map(({ source }) => source));
  return listings
    .filter(({ kind, foreign, source }) => ['r', 'p'].includes(kind) && !foreign && !taken.has(source))
    .map(({ source }) => source);
}

type Writing = {
  readonly place: InitPlace;
  readonly settings: Settings;
  readonly ties: Readonly<Record<string, string>>;
  readonly notChosen: readonly QualifiedName[];
};

async function write(found: Introspection, questions: Questions, writing: Writing): Promise<Outcome> {
  const { place, settings, ties, notChosen } = writing;
  const folder = dirname(place.file);
  const config = configText(found.suggestion, { ...found, importFrom: importFrom(folder), notChosen });
  if (!(await questions.mayWrite([basename(place.file), '.env']))) throw cancelled();
  const lines = Object.entries(ties).map(([variable, id]) => `${variable}=${id}`);
  const env = await addToEnvFile(join(folder, '.env'), { ...variablesOf(settings, place), ...ties });
  if (env.added) lines.push('.env: written; only you may read it');
  for (const name of env.kept) place.note(`.env has another ${name}, which stays`);
  if (await ignoreEnvFile(folder)) lines.push('.gitignore: .env is added');
  // The last one: with it, the next run compares instead of writing.
  await writeFile(place.file, config, { flag: 'wx' });
  const names = found.suggestion.tables.map(({ name }) => name);
  lines.push(
    `${basename(place.file)}: written, with ${names.length === 1 ? 'the table' : `${names.length} tables:`} ${names.join(', ')}`,
  );
  return {
    kind: 'written',
    text: lines.join('\n'),
    data: { config: place.file, tables: names, ties },
    isWhole: settings.token !== '' && settings.parent !== '',
    next: nextSteps(settings, place).join('\n'),
  };
}

/** What `.env` has to hold; what nobody has said is left out. */
function variablesOf(
  { url, token, parent }: Settings,
  { variables }: InitPlace,
): Readonly<Record<string, string>> {
  const all = {
    DATABASE_URL: url,
    NOTION_API_KEY: token,
    NOTION_PARENT_PAGE_ID: parent,
    NOTION_BASE_URL: variables.NOTION_BASE_URL ?? '',
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}

function nextSteps({ token, parent }: Settings, { file }: InitPlace): string[] {
  const missing = [
    ...(token === '' ? ["NOTION_API_KEY (the connection's token)"] : []),
    ...(parent === '' ? ['NOTION_PARENT_PAGE_ID (the page under which databases are created)'] : []),
  ];
  const run = importFrom(dirname(file)) === 'pgnotion' ? 'npx pgnotion' : 'npm run pgnotion --';
  return [
    'Next:',
    ...missing.map((variable) => `  add ${variable} to .env`),
    `  read ${basename(file)}, and change what you want otherwise`,
    ...[...(missing.length > 0 ? ['doctor'] : []), 'plan', 'apply', 'start'].map(
      (command) => `  ${run} ${command}`,
    ),
  ];
}

/** What the catalog has that the configuration has not, and the other way round. */
async function compare(options: InitOptions, place: InitPlace): Promise<Outcome> {
  const config: Config = parseConfig(await place.load());
  const text = await readFile(place.file, 'utf8');
  const url = databaseUrl(options.databaseUrl ?? place.variables.DATABASE_URL);
  const wanted = options.tables === undefined ? null : namesIn(options.tables);
  const found = await withCatalog(url, silentLog(), ({ suggest }) => suggest(wanted, config.tables));
  const lines = configDiff({ tables: config.tables, text }, found);
  const name = basename(place.file);
  const data = { config: place.file, differences: lines };
  if (lines.length === 0) {
    const text = `${name} has all that would be proposed`;
    return { kind: 'compared', text, data, differs: false };
  }
  return {
    kind: 'compared',
    data,
    text: `${name} is there already and stays as it is; this would be proposed:\n\n${lines.join('\n')}`,
    differs: true,
  };
}

export const cancelled = (): PgnotionError =>
  new PgnotionError({
    code: 'init_cancelled',
    message: 'init was cancelled, and nothing was written',
    remedy: 'run `pgnotion init` again',
  });

/** Takes what was given, and asks nobody. Throws `init_no_terminal` unless that is meant. */
export const unasked = (yes: boolean): Questions => ({
  settings: async (given) => {
    if (yes) return given;
    throw new PgnotionError({
      code: 'init_no_terminal',
      message: 'there is no terminal on which init could ask',
      remedy:
        'run it on a terminal, or say what you want: `pgnotion init --yes` with --database-url, --token, --parent and --tables',
    });
  },
  tables: async () => null,
  mayWrite: async () => yes,
});
