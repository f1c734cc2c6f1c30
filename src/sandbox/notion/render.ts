import { defaultBehaviour } from './behaviour.ts';
import { shownTime } from './dates.ts';
import { invalid } from './errors.ts';
import { WORKSPACE } from './people.ts';
import { renderValue } from './render-values.ts';
import { type Names, plainOf, renderRuns } from './richtext.ts';
import { findProperty } from './schema.ts';
import { dataSourceOf, isSharedSource, isTrashed, isTrashedDatabase, isTrashedSource } from './sharing.ts';
import type { Store } from './store.ts';
import type {
  Comment,
  Database,
  DataSource,
  JsonObject,
  Option,
  Page,
  Property,
  Run,
  User,
} from './types.ts';

/** For whom an answer is made: older versions carry `archived` beside `in_trash`. */
type View = {
  readonly store: Store;
  readonly version: string;
  /** Shows long lists whole, as the editor does and the API does not. */
  readonly whole?: boolean;
};

const partialUser = (id: string): JsonObject => ({ object: 'user', id });

/** The names that mentions show. */
export const namesOf = (store: Store): Names => ({
  user: (id) => store.users.get(id)?.name,
  page: (id) => {
    const page = store.pages.get(id);
    return page === undefined ? undefined : titleOf(store, page);
  },
});

/** A page's title as a reader sees it. */
export function titleOf(store: Store, page: Page): string {
  const title = page.values.title;
  if (title?.type !== 'title') return '';
  // A title that mentions a page shows a name only, so that two titles cannot mention each other for ever.
  return plainOf(title.runs, { user: (id) => store.users.get(id)?.name, page: () => undefined });
}

const runs = (store: Store, list: readonly Run[]): readonly JsonObject[] => renderRuns(list, namesOf(store));

const trashFlags = (version: string, inTrash: boolean): JsonObject =>
  version < '2026-03-11' ? { archived: inTrash, in_trash: inTrash } : { in_trash: inTrash };

const urlOf = (id: string): string => `https://app.notion.com/p/${id.replaceAll('-', '')}`;

/** A user as the API answers it. */
export function renderUser(user: User, uploadBytes = defaultBehaviour().uploadBytes): JsonObject {
  const shared = { object: 'user', id: user.id, name: user.name, avatar_url: null };
  if (user.kind === 'person')
    return { ...shared, type: 'person', person: user.email === null ? {} : { email: user.email } };
  return {
    ...shared,
    type: 'bot',
    bot: {
      owner: { type: 'workspace', workspace: true },
      workspace_name: 'Sandbox',
      workspace_id: user.workspace ?? WORKSPACE,
      workspace_limits: { max_file_upload_size_in_bytes: uploadBytes },
    },
  };
}

function parentOf(store: Store, page: Page): JsonObject {
  if (page.parent.type === 'workspace') return { type: 'workspace', workspace: true };
  if (page.parent.type === 'page_id') return { type: 'page_id', page_id: page.parent.pageId };
  return {
    type: 'data_source_id',
    data_source_id: page.parent.dataSourceId,
    database_id: dataSourceOf(store, page)?.databaseId ?? null,
  };
}

/** A page as the API answers it; `only` names the properties that are wanted. */
export function renderPage(view: View, page: Page, only: readonly string[] = []): JsonObject {
  const { store, version } = view;
  const schema = dataSourceOf(store, page)?.properties ?? [TITLE];
  for (const key of only) {
    if (findProperty(store, schema, key) === undefined) throw unknownFilter(key);
  }
  const wanted = only.map((key) => findProperty(store, schema, key)?.id);
  const shown = schema.filter((property) => only.length === 0 || wanted.includes(property.id));
  return {
    object: 'page',
    id: page.id,
    created_time: shownTime(page.createdTime, store.behaviour),
    last_edited_time: shownTime(page.lastEditedTime, store.behaviour),
    created_by: partialUser(page.createdBy),
    last_edited_by: partialUser(page.lastEditedBy),
    cover: null,
    icon: null,
    parent: parentOf(store, page),
    ...trashFlags(version, isTrashed(store, page)),
    is_archived: page.isArchived,
    is_locked: page.isLocked === true,
    properties: Object.fromEntries(
      shown.map((property) => [property.name, renderValue(store, page, property, view.whole)]),
    ),
    url: urlOf(page.id),
    public_url: null,
  };
}

const TITLE: Property = { id: 'title', name: 'title', description: null, type: 'title' };

const unknownFilter = (key: string) => invalid(`${key} is not a property that exists.`);

/** The properties of a page, also of one that is in no data source. */
export const schemaOf = (store: Store, page: Page): readonly Property[] =>
  dataSourceOf(store, page)?.properties ?? [TITLE];

const renderOption = (option: Option): JsonObject => ({ ...option });

/** A schema entry as the API answers it. */
export function renderProperty(store: Store, property: Property, schema: readonly Property[]): JsonObject {
  const { id, name, description, type } = property;
  const shared = { id, name, description, type };
  switch (property.type) {
    case 'number':
      return { ...shared, number: { format: property.format } };
    case 'select':
    case 'multi_select':
      return { ...shared, [type]: { options: property.options.map(renderOption) } };
    case 'status': {
      const groups = property.groups.map(({ optionIds, ...group }) => ({ ...group, option_ids: optionIds }));
      return { ...shared, status: { options: property.options.map(renderOption), groups } };
    }
    case 'relation':
      return { ...shared, relation: renderRelation(store, property) };
    case 'unique_id':
      return { ...shared, unique_id: { prefix: property.prefix } };
    case 'formula':
      return { ...shared, formula: { expression: property.expression } };
    case 'rollup':
      return { ...shared, rollup: renderRollup(store, property, schema) };
    default:
      return { ...shared, [type]: {} };
  }
}

function renderRelation(store: Store, property: Extract<Property, { type: 'relation' }>): JsonObject {
  const target = store.dataSources.get(property.dataSourceId);
  const ids = { database_id: target?.databaseId ?? null, data_source_id: property.dataSourceId };
  if (property.mirror === null) return { ...ids, type: 'single_property', single_property: {} };
  const mirror = target?.properties.find((one) => one.id === property.mirror);
  return {
    ...ids,
    type: 'dual_property',
    dual_property: { synced_property_id: property.mirror, synced_property_name: mirror?.name ?? '' },
  };
}

function renderRollup(
  store: Store,
  property: Extract<Property, { type: 'rollup' }>,
  schema: readonly Property[],
): JsonObject {
  const relation = schema.find((one) => one.id === property.relationId);
  const target = relation?.type === 'relation' ? store.dataSources.get(relation.dataSourceId) : undefined;
  return {
    relation_property_id: property.relationId,
    relation_property_name: relation?.name ?? '',
    rollup_property_id: property.targetId,
    rollup_property_name: target?.properties.find((one) => one.id === property.targetId)?.name ?? '',
    function: property.function,
  };
}

/** A data source with its schema, as the API answers it. */
export function renderDataSource(view: View, source: DataSource): JsonObject {
  const { store, version } = view;
  const database = store.databases.get(source.databaseId);
  return {
    object: 'data_source',
    id: source.id,
    title: runs(store, source.title),
    description: [],
    parent: { type: 'database_id', database_id: source.databaseId },
    database_parent: { type: 'page_id', page_id: database?.parentPageId ?? null },
    is_inline: database?.isInline ?? false,
    ...trashFlags(version, isTrashedSource(store, source)),
    ...stampsOf(source),
    properties: Object.fromEntries(
      source.properties
        .filter((property) => isShown(store, property))
        .map((property) => [property.name, renderProperty(store, property, source.properties)]),
    ),
    icon: null,
    cover: null,
    url: urlOf(source.databaseId),
    public_url: null,
  };
}

/** A relation to what the connection cannot see is not shown in the schema at all. */
const isShown = (store: Store, property: Property): boolean =>
  property.type !== 'relation' || isSharedSource(store, store.dataSources.get(property.dataSourceId));

const stampsOf = (entity: DataSource): JsonObject => ({
  created_time: shownTime(entity.createdTime),
  last_edited_time: shownTime(entity.lastEditedTime),
  created_by: partialUser(entity.createdBy),
  last_edited_by: partialUser(entity.lastEditedBy),
});

/** A database as the API answers it: it lists its data sources and tells nothing of their schemas. */
export function renderDatabase(view: View, database: Database): JsonObject {
  const { store, version } = view;
  const sources = store.dataSources
    .all()
    .filter((source) => source.databaseId === database.id && !source.inTrash);
  return {
    object: 'database',
    id: database.id,
    title: runs(store, database.title),
    description: runs(store, database.description),
    parent: { type: 'page_id', page_id: database.parentPageId },
    is_inline: database.isInline,
    ...trashFlags(version, isTrashedDatabase(store, database)),
    is_locked: false,
    created_time: shownTime(database.createdTime),
    last_edited_time: shownTime(database.lastEditedTime),
    data_sources: sources.map((source) => ({ id: source.id, name: plainOf(source.title, namesOf(store)) })),
    icon: database.icon ?? null,
    cover: null,
    url: urlOf(database.id),
    public_url: null,
  };
}

/** A page or a database as its parent page lists it among its blocks. */
export function renderChild(
  { store, version }: View,
  kind: 'child_page' | 'child_database',
  child: Page | Database,
): JsonObject {
  const title = 'values' in child ? titleOf(store, child) : plainOf(child.title, namesOf(store));
  const parentPage =
    'values' in child ? (child.parent.type === 'page_id' ? child.parent.pageId : '') : child.parentPageId;
  return {
    object: 'block',
    id: child.id,
    type: kind,
    [kind]: { title },
    parent: { type: 'page_id', page_id: parentPage },
    created_time: shownTime(child.createdTime),
    last_edited_time: shownTime(child.lastEditedTime),
    created_by: partialUser(child.createdBy),
    last_edited_by: partialUser(child.lastEditedBy),
    has_children: false,
    ...trashFlags(version, child.inTrash),
  };
}

/** A comment as the API answers it. */
export function renderComment(store: Store, comment: Comment): JsonObject {
  const author = store.users.get(comment.createdBy);
  return {
    object: 'comment',
    id: comment.id,
    parent: { type: 'page_id', page_id: comment.pageId },
    discussion_id: comment.discussionId,
    created_time: shownTime(comment.createdTime),
    last_edited_time: shownTime(comment.createdTime),
    created_by: partialUser(comment.createdBy),
    rich_text: runs(store, comment.runs),
    display_name: {
      type: author?.kind === 'bot' ? 'integration' : 'user',
      resolved_name: author?.name ?? null,
    },
  };
}
