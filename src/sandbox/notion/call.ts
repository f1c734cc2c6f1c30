import { dashed } from './check.ts';
import { failed, invalid, notFound } from './errors.ts';
import type { Cursors, Cuts } from './query.ts';
import { isReachable, isSharedDatabase, isSharedSource } from './sharing.ts';
import type { Store } from './store.ts';
import type { Database, DataSource, JsonObject, Page } from './types.ts';

/** A request that has passed the door: who asks, when, in which version, and for what. */
export type Call = {
  readonly store: Store;
  readonly cursors: Cursors;
  readonly cuts: Cuts;
  readonly at: number;
  readonly by: string;
  readonly version: string;
  readonly params: readonly string[];
  readonly query: URLSearchParams;
  readonly body: JsonObject;
};

export type Route = {
  readonly operation: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Its groups become `params`. */
  readonly pattern: RegExp;
  readonly run: (call: Call) => JsonObject;
  /** The body's members; any other is refused. Left out: the endpoint takes no body. */
  readonly members?: readonly string[];
};

/** What Notion takes and the sandbox does not keep: refused, since an answer without it would be a lie. */
const UNKEPT = [
  'children',
  'content',
  'markdown',
  'template',
  'icon',
  'cover',
  'attachments',
  'is_locked',
  'erase_content',
];

/** Refuses body members that the endpoint does not know, as Notion does, or that the sandbox cannot honour. */
export function checkMembers(route: Route, body: JsonObject): void {
  for (const [name, value] of Object.entries(body)) {
    if (route.members?.includes(name)) continue;
    if (!UNKEPT.includes(name)) throw failed(`body.${name}`, 'not present', value);
    if (value !== undefined && value !== null) throw invalid(`The sandbox does not keep body.${name}.`);
  }
}

/** The id in the path. */
export function pathId(call: Call, name: string): string {
  const raw = call.params[0];
  const id = dashed(raw);
  if (id === undefined) throw failed(`path.${name}`, 'a valid uuid', raw);
  return id;
}

/** A page that the connection may see. */
export function pageAt(call: Call, id: string, kind: 'page' | 'block' = 'page'): Page {
  const page = call.store.pages.get(id);
  if (page === undefined || !isReachable(call.store, page)) throw notFound(kind, id);
  return page;
}

export function sourceAt(call: Call, id: string): DataSource {
  const source = call.store.dataSources.get(id);
  if (!isSharedSource(call.store, source)) throw notFound('data source', id);
  return source;
}

export function databaseAt(call: Call, id: string): Database {
  const database = call.store.databases.get(id);
  if (!isSharedDatabase(database)) throw notFound('database', id);
  return database;
}

/** What `filter_properties` names, however the client spelt the list. */
export const filterProperties = (call: Call): readonly string[] =>
  [...call.query.getAll('filter_properties'), ...call.query.getAll('filter_properties[]')].flatMap((text) =>
    text.split(','),
  );

/** Whether the body moves something to or from the trash, in the words of the request's version. */
export function wantedTrash(call: Call): boolean | undefined {
  const { archived, in_trash: inTrash } = call.body;
  if (archived !== undefined && call.version >= '2026-03-11') {
    throw invalid(
      `body failed validation: body.archived should be not present, instead was \`${JSON.stringify(archived)}\`.`,
    );
  }
  const wanted = inTrash ?? archived;
  if (wanted !== undefined && typeof wanted !== 'boolean') throw failed('body.in_trash', 'a boolean', wanted);
  return wanted;
}
