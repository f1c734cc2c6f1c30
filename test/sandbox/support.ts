import {
  APIResponseError,
  Client,
  isFullDatabase,
  isFullPage,
  type PageObjectResponse,
} from '@notionhq/client';
import { onTestFinished } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/notion/server.ts';

type CreateDatabase = Parameters<Client['databases']['create']>[0];
export type Schema = NonNullable<NonNullable<CreateDatabase['initial_data_source']>['properties']>;
export type Values = NonNullable<Parameters<Client['pages']['create']>[0]['properties']>;

export type Desk = {
  readonly sandbox: Sandbox;
  readonly notion: Client;
  /** The sandbox's clock, which stands until it is moved. */
  readonly clock: { now: number };
  readonly database: (
    schema?: Schema,
    title?: string,
  ) => Promise<{ databaseId: string; dataSourceId: string }>;
  readonly page: (dataSourceId: string, properties: Values) => Promise<PageObjectResponse>;
};

export const NOON = Date.parse('2026-05-04T12:00:30.500Z');

export const client = (sandbox: Sandbox, notionVersion = '2026-03-11', auth = sandbox.token): Client =>
  new Client({ auth, baseUrl: sandbox.url, notionVersion, retry: false, logger: () => undefined });

export const text = (content: string) => [{ text: { content } }];
export const named = (content: string) => ({ Name: { title: text(content) } });

/** A sandbox that ends with the test, with a client and a few short-cuts. */
export async function desk(options: SandboxOptions = {}): Promise<Desk> {
  const clock = { now: NOON };
  const sandbox = await startSandbox({ limit: null, now: () => new Date(clock.now), ...options });
  onTestFinished(() => sandbox.close());
  const notion = client(sandbox);
  return {
    sandbox,
    notion,
    clock,
    database: async (schema = {}, title = 'Things') => {
      const made = await notion.databases.create({
        parent: { type: 'page_id', page_id: sandbox.parentPageId },
        title: text(title),
        initial_data_source: { properties: { Name: { title: {} }, ...schema } },
      });
      const source = isFullDatabase(made) ? made.data_sources[0] : undefined;
      if (source === undefined) throw new Error('no data source');
      return { databaseId: made.id, dataSourceId: source.id };
    },
    page: async (dataSourceId, properties) => {
      const made = await notion.pages.create({
        parent: { type: 'data_source_id', data_source_id: dataSourceId },
        properties,
      });
      if (!isFullPage(made)) throw new Error('not a full page');
      return made;
    },
  };
}

/** The refusal of a request, as status, code and message. */
export async function refusal(
  work: Promise<unknown>,
): Promise<{ status: number; code: string; message: string }> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof APIResponseError)) throw error;
    return { status: error.status, code: error.code, message: error.message };
  }
  throw new Error('the request was not refused');
}
