import {
  type Call,
  databaseAt,
  filterProperties,
  pageAt,
  pathId,
  type Route,
  sourceAt,
  wantedTrash,
} from './call.ts';
import { idAt, objectAt, stringAt } from './check.ts';
import { createDatabase, createDataSource, editSchema } from './databases.ts';
import { archivedEdit, failed, invalid, notFound } from './errors.ts';
import { listAnswer, queryPages } from './query.ts';
import { renderDatabase, renderDataSource, renderPage } from './render.ts';
import { parseRuns } from './richtext.ts';
import { isTrashed, isTrashedSource } from './sharing.ts';
import type { JsonObject, Run } from './types.ts';

const ID = '([^/]+)';

const runsIn = (call: Call, name: string): readonly Run[] | undefined =>
  call.body[name] === undefined ? undefined : parseRuns(call.body[name], `body.${name}`);

/** An emoji or a picture elsewhere, as an answer shows it; other kinds of icons the sandbox does not keep. */
function iconIn({ body }: Call): JsonObject | undefined {
  if (body.icon === undefined || body.icon === null) return undefined;
  const icon = objectAt(body.icon, 'body.icon');
  if (icon.external !== undefined) {
    const { url } = objectAt(icon.external, 'body.icon.external');
    return { type: 'external', external: { url: stringAt(url, 'body.icon.external.url', 2000) } };
  }
  if (icon.emoji === undefined)
    throw invalid('The sandbox keeps no other icons than emoji and external ones.');
  const emoji = stringAt(icon.emoji, 'body.icon.emoji');
  if (!/^\p{RGI_Emoji}$/v.test(emoji)) throw failed('body.icon.emoji', 'a valid emoji', emoji);
  return { type: 'emoji', emoji };
}

function createBase(call: Call): JsonObject {
  const parent = objectAt(call.body.parent, 'body.parent');
  const parentPageId = idAt(parent.page_id, 'body.parent.page_id');
  if (isTrashed(call.store, pageAt(call, parentPageId))) throw archivedEdit();
  const initial = call.body.initial_data_source;
  const database = createDatabase(call, {
    parentPageId,
    title: runsIn(call, 'title') ?? [],
    description: runsIn(call, 'description') ?? [],
    isInline: call.body.is_inline === true,
    icon: iconIn(call) ?? null,
    properties: initial === undefined ? {} : objectAt(initial, 'body.initial_data_source').properties,
  });
  return renderDatabase(call, database);
}

const retrieveBase = (call: Call): JsonObject =>
  renderDatabase(call, databaseAt(call, pathId(call, 'database_id')));

function updateBase(call: Call): JsonObject {
  const database = databaseAt(call, pathId(call, 'database_id'));
  // The official client drops `archived` here, which leaves an empty body: a change of nothing that looks like success.
  const trash = wantedTrash(call);
  const next = {
    ...database,
    title: runsIn(call, 'title') ?? database.title,
    description: runsIn(call, 'description') ?? database.description,
    icon: iconIn(call) ?? database.icon ?? null,
    inTrash: trash ?? database.inTrash,
    lastEditedTime: call.at,
    lastEditedBy: call.by,
  };
  if (Object.keys(call.body).length > 0) call.store.databases.put(next);
  return renderDatabase(call, databaseAt(call, database.id));
}

function createSource(call: Call): JsonObject {
  const parent = objectAt(call.body.parent, 'body.parent');
  const database = databaseAt(call, idAt(parent.database_id, 'body.parent.database_id'));
  const title = runsIn(call, 'title') ?? [];
  const source = createDataSource(call, database.id, {
    title,
    properties: call.body.properties,
    path: 'body.properties',
  });
  return renderDataSource(call, source);
}

const retrieveSource = (call: Call): JsonObject =>
  renderDataSource(call, sourceAt(call, pathId(call, 'data_source_id')));

function updateSource(call: Call): JsonObject {
  const id = pathId(call, 'data_source_id');
  const source = sourceAt(call, id);
  const trash = wantedTrash(call);
  const title = runsIn(call, 'title');
  if (trash !== undefined) call.store.dataSources.put({ ...source, inTrash: trash });
  if (call.body.properties !== undefined) {
    editSchema(call, id, call.body.properties);
    call.cuts.blackouts.begin(id, call.at);
  }
  if (title !== undefined) {
    call.store.dataSources.put({
      ...sourceAt(call, id),
      title,
      lastEditedTime: call.at,
      lastEditedBy: call.by,
    });
  }
  return renderDataSource(call, sourceAt(call, id));
}

function querySource(call: Call): JsonObject {
  const id = pathId(call, 'data_source_id');
  const source = sourceAt(call, id);
  if (isTrashedSource(call.store, source)) throw notFound('data source', id);
  const cut = queryPages(call.store, call.cursors, call.cuts, { now: call.at, source, body: call.body });
  const only = filterProperties(call);
  return listAnswer(
    'page_or_data_source',
    cut,
    cut.items.map((page) => renderPage(call, page, only)),
  );
}

export const schemaRoutes: readonly Route[] = [
  {
    operation: 'databases.create',
    members: ['parent', 'title', 'description', 'icon', 'is_inline', 'initial_data_source'],
    method: 'POST',
    pattern: /^\/v1\/databases$/,
    run: createBase,
  },
  {
    operation: 'databases.retrieve',
    method: 'GET',
    pattern: new RegExp(`^/v1/databases/${ID}$`),
    run: retrieveBase,
  },
  {
    operation: 'databases.update',
    members: ['title', 'description', 'icon', 'in_trash', 'archived'],
    method: 'PATCH',
    pattern: new RegExp(`^/v1/databases/${ID}$`),
    run: updateBase,
  },
  {
    operation: 'dataSources.create',
    members: ['parent', 'title', 'properties'],
    method: 'POST',
    pattern: /^\/v1\/data_sources$/,
    run: createSource,
  },
  {
    operation: 'dataSources.retrieve',
    method: 'GET',
    pattern: new RegExp(`^/v1/data_sources/${ID}$`),
    run: retrieveSource,
  },
  {
    operation: 'dataSources.update',
    members: ['title', 'properties', 'in_trash', 'archived'],
    method: 'PATCH',
    pattern: new RegExp(`^/v1/data_sources/${ID}$`),
    run: updateSource,
  },
  {
    operation: 'dataSources.query',
    members: [
      'filter',
      'sorts',
      'start_cursor',
      'page_size',
      'in_trash',
      'archived',
      'is_archived',
      'result_type',
    ],
    method: 'POST',
    pattern: new RegExp(`^/v1/data_sources/${ID}/query$`),
    run: querySource,
  },
];
