import { workspaceOf } from './people.ts';
import type { Committed, Store } from './store.ts';
import type { Comment, DataSource, JsonObject, Page } from './types.ts';

/** A change that a webhook tells of, before it is wrapped and signed. */
export type WebhookEvent = {
  readonly type: string;
  readonly entity: { readonly id: string; readonly type: 'page' | 'data_source' | 'comment' };
  readonly author: string;
  readonly data: JsonObject;
  /** Ids of the properties that changed; events of one kind join theirs. */
  readonly properties: readonly string[];
};

/** The events that one transaction gives rise to. */
export function eventsOf(store: Store, changes: readonly Committed[]): readonly WebhookEvent[] {
  const first = new Map<string, Committed>();
  const last = new Map<string, Committed>();
  for (const change of changes) {
    const key = `${change.table} ${change.id}`;
    if (!first.has(key)) first.set(key, change);
    last.set(key, change);
  }
  return [...last].flatMap(([key, { table, after }]) => {
    const before = first.get(key)?.before;
    if (table === 'pages') return pageEvents(store, before as Page | undefined, after as Page | undefined);
    if (table === 'dataSources')
      return sourceEvents(before as DataSource | undefined, after as DataSource | undefined);
    if (table === 'comments' && after !== undefined) return [commentEvent(after as Comment)];
    return [];
  });
}

function parentOf(store: Store, page: Page): JsonObject {
  if (page.parent.type === 'workspace') return { id: workspaceOf(store), type: 'space' };
  if (page.parent.type === 'page_id') return { id: page.parent.pageId, type: 'page' };
  const { dataSourceId } = page.parent;
  const id = store.dataSources.get(dataSourceId)?.databaseId ?? dataSourceId;
  return { id, type: 'database', data_source_id: dataSourceId };
}

function pageEvents(
  store: Store,
  before: Page | undefined,
  after: Page | undefined,
): readonly WebhookEvent[] {
  const page = after ?? before;
  if (page === undefined || !page.shared) return [];
  const event = (name: string, properties: readonly string[] = []): WebhookEvent => ({
    type: `page.${name}`,
    entity: { id: page.id, type: 'page' },
    author: page.lastEditedBy,
    data: { parent: parentOf(store, page) },
    properties,
  });
  if (before === undefined) return [event('created')];
  // What leaves the trash for good has been told of when it went there.
  if (after === undefined) return before.inTrash ? [] : [event('deleted')];
  const changed = [...new Set([...Object.keys(before.values), ...Object.keys(after.values)])].filter(
    (id) => JSON.stringify(before.values[id]) !== JSON.stringify(after.values[id]),
  );
  // Deleting a property from the schema is the data source's event.
  const source =
    after.parent.type === 'data_source_id' ? store.dataSources.get(after.parent.dataSourceId) : undefined;
  const known = changed.filter(
    (id) => source === undefined || source.properties.some((one) => one.id === id),
  );
  const moved = JSON.stringify(before.parent) !== JSON.stringify(after.parent);
  return [
    ...(moved ? [event('moved')] : []),
    ...(known.length > 0 && !moved ? [event('properties_updated', known)] : []),
    // The documents show a title's change as one of the content.
    ...(known.includes('title') && !moved ? [event('content_updated')] : []),
    ...(before.inTrash === after.inTrash ? [] : [event(after.inTrash ? 'deleted' : 'undeleted')]),
  ];
}

function sourceEvents(
  before: DataSource | undefined,
  after: DataSource | undefined,
): readonly WebhookEvent[] {
  if (after === undefined || !after.shared) return [];
  const event = (name: string, updated?: readonly JsonObject[]): WebhookEvent => ({
    type: `data_source.${name}`,
    entity: { id: after.id, type: 'data_source' },
    author: after.lastEditedBy,
    data: {
      parent: { id: after.databaseId, type: 'database' },
      ...(updated !== undefined && { updated_properties: updated }),
    },
    properties: [],
  });
  if (before === undefined) return [event('created')];
  const old = new Map(before.properties.map((property) => [property.id, property]));
  const now = new Map(after.properties.map((property) => [property.id, property]));
  const updated = [...new Set([...old.keys(), ...now.keys()])].flatMap((id) => {
    const [was, is] = [old.get(id), now.get(id)];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    const action = was === undefined ? 'created' : is === undefined ? 'deleted' : 'updated';
    return [{ id, name: is?.name ?? null, action }];
  });
  return [
    ...(updated.length > 0 ? [event('schema_updated', updated)] : []),
    ...(before.inTrash === after.inTrash ? [] : [event(after.inTrash ? 'deleted' : 'undeleted')]),
  ];
}

const commentEvent = (comment: Comment): WebhookEvent => ({
  type: 'comment.created',
  entity: { id: comment.id, type: 'comment' },
  author: comment.createdBy,
  data: { page_id: comment.pageId, parent: { id: comment.pageId, type: 'page' } },
  properties: [],
});
