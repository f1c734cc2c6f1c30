import { PgnotionError } from '../model/errors.ts';

export const badId = (variable: string, id: string): PgnotionError =>
  new PgnotionError({
    code: 'notion_id_invalid',
    message: `${variable} is ${JSON.stringify(id)}, which is not the id of a Notion database`,
    remedy: `set ${variable} to the 32 hexadecimal digits in the database's address`,
  });

export const HIDDEN = 'notion_database_hidden';

export const hiddenId = (variable: string, id: string): PgnotionError =>
  new PgnotionError({
    code: HIDDEN,
    message: `${variable} is ${id}, and Notion shows no such database`,
    remedy: `share the database with the connection (••• > Connections), or correct ${variable}; if it is a database of another workspace, from before \`pgnotion reset\`, take ${variable} out of .env`,
  });

export const severalSources = (
  title: string,
  sources: readonly { readonly id: string; readonly name: string }[],
) =>
  new PgnotionError({
    code: 'notion_several_sources',
    message: `the database ${JSON.stringify(title)} has ${sources.length} data sources: ${sources
      .map((source) => `${source.name} (${source.id})`)
      .join(', ')}`,
    remedy:
      'set NOTION_DATABASE_<TABLE>_ID to the id of the data source that is meant, instead of the id of the database',
  });
