import { databasesBelow } from '../app/existing-databases.ts';
import type { Introspection } from '../app/introspect.ts';
import { databaseVariable, readEnvironment } from '../config/environment.ts';
import { invalidConfig } from '../config/invalid-config.ts';
import { parseConfig } from '../config/mapping-file.ts';
import { configInput } from '../model/suggestion/config-text.ts';
import { adoptDatabases } from '../model/suggestion/from-notion.ts';
import { silentLog } from '../runtime/log.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

type Adopted = {
  readonly found: Introspection;
  /** The variables that tie tables to databases. */
  readonly ties: Readonly<Record<string, string>>;
};

/** A suggestion with the names and types of the databases below the page that the environment names. */
export async function fromNotion(found: Introspection, variables: Variables): Promise<Adopted> {
  const environment = readEnvironment(variables, parseConfig(configInput(found.suggestion)));
  const parent = environment.NOTION_PARENT_PAGE_ID;
  if (parent === undefined)
    throw invalidConfig([
      {
        path: 'NOTION_PARENT_PAGE_ID',
        message: 'is not set',
        remedy: 'set the environment variable NOTION_PARENT_PAGE_ID: the page that the databases are in',
      },
    ]);
  const databases = await databasesBelow({ ...environment, parent }, silentLog());
  const { suggestion, ties, remarks } = adoptDatabases(found.suggestion, found.sources, databases);
  return {
    found: { ...found, suggestion, remarks: [...found.remarks, ...remarks] },
    ties: Object.fromEntries(ties.map(({ table, id }) => [databaseVariable(table), id])),
  };
}
