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
import { booleanAt, countAt, idAt, objectAt } from './check.ts';
import { archivedEdit, failed, invalid } from './errors.ts';
import { createPage, editPage, movePage, setState } from './pages.ts';
import { queryOf, slice } from './query.ts';
import { renderPage, schemaOf } from './render.ts';
import { wholeValue } from './render-values.ts';
import { findProperty } from './schema.ts';
import { isTrashed } from './sharing.ts';
import type { JsonObject, Page, PageParent, Property } from './types.ts';

const ID = '([^/]+)';
const PAGED = ['title', 'rich_text', 'relation', 'people'];

function parentIn(call: Call): PageParent {
  const parent = objectAt(call.body.parent, 'body.parent');
  if (parent.data_source_id !== undefined) {
    const source = sourceAt(call, idAt(parent.data_source_id, 'body.parent.data_source_id'));
    return { type: 'data_source_id', dataSourceId: source.id };
  }
  if (parent.database_id !== undefined) {
    const database = databaseAt(call, idAt(parent.database_id, 'body.parent.database_id'));
    const sources = call.store.dataSources.all().filter((source) => source.databaseId === database.id);
    const [only] = sources;
    if (only === undefined || sources.length > 1) {
      throw invalid(
        'Databases with multiple data sources are not supported in this API version. Use data_source_id instead.',
      );
    }
    return { type: 'data_source_id', dataSourceId: only.id };
  }
  if (parent.page_id !== undefined) {
    return { type: 'page_id', pageId: pageAt(call, idAt(parent.page_id, 'body.parent.page_id')).id };
  }
  throw failed('body.parent.data_source_id', 'defined', undefined);
}

function create(call: Call): JsonObject {
  const page = createPage(call, parentIn(call), call.body.properties);
  return renderPage(call, page, filterProperties(call));
}

function retrieve(call: Call): JsonObject {
  return renderPage(call, pageAt(call, pathId(call, 'page_id')), filterProperties(call));
}

function update(call: Call): JsonObject {
  const page = pageAt(call, pathId(call, 'page_id'));
  const trash = wantedTrash(call);
  const archive =
    call.body.is_archived === undefined ? undefined : booleanAt(call.body.is_archived, 'body.is_archived');
  const edits =
    call.body.properties !== undefined &&
    Object.keys(objectAt(call.body.properties, 'body.properties')).length > 0;
  if (isTrashed(call.store, page) && trash !== false && (edits || archive !== undefined))
    throw archivedEdit();
  if (trash === false) setState(call.store, page.id, { inTrash: false });
  if (edits) editPage(call, page.id, call.body.properties);
  if (archive !== undefined) setState(call.store, page.id, { isArchived: archive });
  if (trash === true) setState(call.store, page.id, { inTrash: true });
  return renderPage(call, pageAt(call, page.id), filterProperties(call));
}

function move(call: Call): JsonObject {
  const page = pageAt(call, pathId(call, 'page_id'));
  const parent = parentIn(call);
  if (parent.type !== 'data_source_id') throw invalid('Rows can only be moved to another data source here.');
  const moved = movePage(call, page.id, sourceAt(call, parent.dataSourceId));
  return renderPage(call, moved);
}

function retrieveProperty(call: Call): JsonObject {
  const page = pageAt(call, pathId(call, 'page_id'));
  const key = call.params[1] ?? '';
  const property = findProperty(call.store, schemaOf(call.store, page), key);
  if (property === undefined) throw invalid(`Could not find property with name or id: ${key}`);
  if (PAGED.includes(property.type)) return propertyList(call, page, property);
  return {
    object: 'property_item',
    type: property.type,
    id: property.id,
    [property.type]: wholeValue(call.store, page, property),
  };
}

function propertyList(call: Call, page: Page, property: Property): JsonObject {
  const whole = wholeValue(call.store, page, property);
  const items = (Array.isArray(whole) ? whole : []).map((value: unknown, place) => ({ value, place }));
  const cut = slice(call.cursors, { cap: Number.POSITIVE_INFINITY, shortPages: false }, call.at, {
    query: queryOf('property', page.id, property.id),
    items: () => items,
    compare: () => (a, b) => a.place - b.place,
    cursor: call.query.get('start_cursor') ?? undefined,
    size: countAt(call.query.get('page_size') ?? undefined, 'query.page_size', 100, 100),
  });
  const path = `/v1/pages/${page.id}/properties/${property.id}`;
  return {
    object: 'list',
    results: cut.items.map(({ value }) => ({
      object: 'property_item',
      type: property.type,
      id: property.id,
      [property.type]: value,
    })),
    next_cursor: cut.nextCursor,
    has_more: cut.nextCursor !== null,
    type: 'property_item',
    property_item: {
      id: property.id,
      next_url:
        cut.nextCursor === null ? null : `https://api.notion.com${path}?start_cursor=${cut.nextCursor}`,
      type: property.type,
      [property.type]: {},
    },
  };
}

export const pageRoutes: readonly Route[] = [
  {
    operation: 'pages.create',
    members: ['parent', 'properties'],
    method: 'POST',
    pattern: /^\/v1\/pages$/,
    run: create,
  },
  { operation: 'pages.retrieve', method: 'GET', pattern: new RegExp(`^/v1/pages/${ID}$`), run: retrieve },
  {
    operation: 'pages.update',
    members: ['properties', 'in_trash', 'is_archived', 'archived'],
    method: 'PATCH',
    pattern: new RegExp(`^/v1/pages/${ID}$`),
    run: update,
  },
  {
    operation: 'pages.move',
    members: ['parent'],
    method: 'POST',
    pattern: new RegExp(`^/v1/pages/${ID}/move$`),
    run: move,
  },
  {
    operation: 'pages.properties.retrieve',
    method: 'GET',
    pattern: new RegExp(`^/v1/pages/${ID}/properties/${ID}$`),
    run: retrieveProperty,
  },
];
