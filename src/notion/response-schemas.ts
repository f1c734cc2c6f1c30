import { z } from 'zod';
import type { Json } from '../model/change.ts';
import type { NotionProperty } from '../model/codecs/codec.ts';
import { type DataSourceId, dataSourceId, type PageId, pageId } from '../model/ids.ts';
import type { NamedProperty } from '../model/schema/known.ts';
import { propertyId } from '../model/schema/property-id.ts';

/** A page as Notion gives it, whatever the API version. */
export type NotionPage = {
  /** When the request that showed it left, by `performance.now`: it shows all that was done before. */
  readonly askedAt: number;
  readonly id: PageId;
  /** Rounded down to the minute by Notion, as is `lastEditedTime`. */
  readonly createdTime: Date;
  readonly lastEditedTime: Date;
  readonly createdBy: string | null;
  readonly lastEditedBy: string | null;
  readonly inTrash: boolean;
  /** Archived in the sense of the editor's "Archive": hidden from queries, yet not in the trash. */
  readonly isArchived: boolean;
  /** Null for a page that is no row of a data source (any more). */
  readonly parentDataSource: DataSourceId | null;
  readonly url: string | null;
  /** By property *id*, decoded: a name changes when a person renames it. Each has its name, as `name`. */
  readonly properties: Readonly<Record<string, NamedProperty>>;
};

/** A property of a data source's schema: `{ id, type, [type]: ... }`, its id decoded. */
export type SchemaProperty = NotionProperty;

export type NotionDataSource = {
  readonly id: DataSourceId;
  readonly databaseId: string | null;
  readonly title: string;
  /** By name. */
  readonly properties: Readonly<Record<string, SchemaProperty>>;
  readonly inTrash: boolean;
};

export type FoundSource = NotionDataSource & { readonly parentPage: PageId | null };

export type NotionDatabase = {
  readonly id: string;
  readonly title: string;
  readonly dataSources: readonly { readonly id: DataSourceId; readonly name: string }[];
  readonly inTrash: boolean;
  readonly url: string | null;
  /** Rich text, as Notion gives it. */
  readonly description: readonly Json[];
  readonly icon: Json;
};

export type NotionUser = {
  readonly id: string;
  readonly name: string | null;
  /** Null for bots, and when the connection may not see addresses. */
  readonly email: string | null;
  readonly kind: 'person' | 'bot' | 'other';
};

/** Who this token is. */
export type NotionSelf = {
  readonly id: string;
  readonly name: string | null;
  readonly kind: 'person' | 'bot' | 'other';
  /** Null where Notion does not say, as for a person's token. */
  readonly workspace: string | null;
  readonly workspaceId: string | null;
};

/** One page of a list. */
export type Listed<T> = { readonly items: readonly T[]; readonly nextCursor: string | null };

/** An answer without a member that we need. `id` is what it says that it is about, if it does. */
export class Unreadable extends Error {
  readonly id: string | null;

  constructor(message: string, id: string | null) {
    super(message);
    this.name = 'Unreadable';
    this.id = id;
  }
}

/** `askedAt`: when the request left, by `performance.now`. */
export type Read<T> = (answer: unknown, askedAt: number) => T;

/** New members may appear on any version at any time (changelog of 2026-07-15): only what is needed is named. */
export function reader<S extends z.ZodType, T>(
  schema: S,
  shape: (value: z.output<S>, askedAt: number) => T,
): Read<T> {
  return (answer, askedAt) => {
    try {
      return shape(schema.parse(answer), askedAt);
    } catch (error) {
      const id = z.object({ id: z.string() }).safeParse(answer).data?.id ?? null;
      if (error instanceof Unreadable) throw new Unreadable(error.message, error.id ?? id);
      const message = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
      throw new Unreadable(message, id);
    }
  };
}

export const time = z.string().transform((text, context) => {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) context.addIssue(`not a time: ${text}`);
  return date;
});
export const actor = z.object({ id: z.string() }).nullish();
const parent = z.looseObject({ type: z.string().optional() }).nullish();
const property = z.looseObject({ id: z.string(), type: z.string() });
const properties = z.record(z.string(), property);

/** With ids in their one spelling: answers give them URL-encoded. */
const plainIds = (read: z.output<typeof properties>): NamedProperty[] =>
  Object.entries(read).map(([name, value]) => ({ ...value, id: propertyId(value.id), name }));
// Of a page, what cannot be read is as good as missing: the rest of it goes on. By hand, since a list has hundreds of them.
const lenientProperties = z
  .custom<Readonly<Record<string, unknown>>>(
    (all) => typeof all === 'object' && all !== null,
    'no properties',
  )
  .transform((all) =>
    Object.fromEntries(
      Object.entries(all).flatMap(([name, each]): [string, NamedProperty][] => {
        if (!isProperty(each)) return [];
        const id = propertyId(each.id);
        return [[id, { ...each, id, name }]];
      }),
    ),
  );

const isProperty = (each: unknown): each is z.output<typeof property> =>
  typeof each === 'object' &&
  each !== null &&
  'id' in each &&
  'type' in each &&
  typeof each.id === 'string' &&
  typeof each.type === 'string';

export const richText = z.array(z.object({ plain_text: z.string() })).optional();
const trash = { in_trash: z.boolean().optional(), archived: z.boolean().optional() };

export const plain = (runs: z.output<typeof richText>): string =>
  (runs ?? []).map((run) => run.plain_text).join('');
// Before 2026-03-11 the trash is called `archived`, beside or instead of `in_trash`.
const trashed = (value: { in_trash?: boolean | undefined; archived?: boolean | undefined }): boolean =>
  value.in_trash ?? value.archived ?? false;

export const readPage = reader(
  z.object({
    id: z.string(),
    created_time: time,
    last_edited_time: time,
    created_by: actor,
    last_edited_by: actor,
    is_archived: z.boolean().optional(),
    parent,
    url: z.string().nullish(),
    properties: lenientProperties,
    ...trash,
  }),
  (page, askedAt): NotionPage => {
    const source = page.parent?.data_source_id;
    return {
      askedAt,
      id: pageId(page.id),
      createdTime: page.created_time,
      lastEditedTime: page.last_edited_time,
      createdBy: page.created_by?.id ?? null,
      lastEditedBy: page.last_edited_by?.id ?? null,
      inTrash: trashed(page),
      isArchived: page.is_archived ?? false,
      parentDataSource: typeof source === 'string' ? dataSourceId(source) : null,
      url: page.url ?? null,
      properties: page.properties,
    };
  },
);

export const readDataSource = reader(
  z.object({ id: z.string(), title: richText, parent, properties, ...trash }),
  (source): NotionDataSource => ({
    id: dataSourceId(source.id),
    databaseId: typeof source.parent?.database_id === 'string' ? source.parent.database_id : null,
    title: plain(source.title),
    properties: Object.fromEntries(plainIds(source.properties).map((value) => [value.name, value])),
    inTrash: trashed(source),
  }),
);

/** A data source as a search finds it, with the page that its database is in. */
export const readFoundSource: Read<FoundSource> = (answer, askedAt) => {
  const { database_parent: place } = z.object({ database_parent: parent }).parse(answer);
  const page = place?.page_id;
  return { ...readDataSource(answer, askedAt), parentPage: typeof page === 'string' ? pageId(page) : null };
};

export const readDatabase = reader(
  z.object({
    id: z.string(),
    title: richText,
    data_sources: z.array(z.object({ id: z.string(), name: z.string().nullish() })),
    url: z.string().nullish(),
    description: z.array(z.looseObject({ plain_text: z.string() })).nullish(),
    icon: z.unknown(),
    ...trash,
  }),
  (database): NotionDatabase => ({
    id: database.id,
    title: plain(database.title),
    dataSources: database.data_sources.map(({ id, name }) => ({ id: dataSourceId(id), name: name ?? '' })),
    inTrash: trashed(database),
    url: database.url ?? null,
    description: (database.description ?? []) as readonly Json[],
    icon: (database.icon ?? null) as Json,
  }),
);

/** A new database and its first data source. */
export const readCreatedDatabase: Read<{ databaseId: string; dataSourceId: DataSourceId }> = (
  answer,
  askedAt,
) => {
  const { id, dataSources } = readDatabase(answer, askedAt);
  if (!dataSources[0]) throw new Unreadable('a database without a data source', id);
  return { databaseId: id, dataSourceId: dataSources[0].id };
};

const kindOf = (type: string | null | undefined): NotionUser['kind'] =>
  type === 'person' || type === 'bot' ? type : 'other';

export const readUser = reader(
  z.object({
    id: z.string(),
    name: z.string().nullish(),
    type: z.string().nullish(),
    person: z.object({ email: z.string().nullish() }).nullish(),
  }),
  (user): NotionUser => ({
    id: user.id,
    name: user.name ?? null,
    email: user.person?.email ?? null,
    kind: kindOf(user.type),
  }),
);

export const readSelf = reader(
  z.object({
    id: z.string(),
    name: z.string().nullish(),
    type: z.string().nullish(),
    bot: z
      .object({ workspace_name: z.string().nullish(), workspace_id: z.string().nullish() })
      .nullish()
      .catch(null),
  }),
  (self): NotionSelf => ({
    id: self.id,
    name: self.name ?? null,
    kind: kindOf(self.type),
    workspace: self.bot?.workspace_name ?? null,
    workspaceId: self.bot?.workspace_id ?? null,
  }),
);

export const list = z.object({
  results: z.array(z.unknown()),
  has_more: z.boolean(),
  next_cursor: z.string().nullish(),
  request_status: z.object({ type: z.string() }).nullish(),
});

// A non-null `next_cursor` with `has_more: false` exists in the wild, and following it fetches too much.
export function cursorOf(answer: z.output<typeof list>): string | null {
  if (!answer.has_more) return null;
  if (!answer.next_cursor) throw new Unreadable('has_more without a next_cursor', null);
  return answer.next_cursor;
}

export const isObject = (kind: string) => (item: unknown) =>
  typeof item === 'object' && item !== null && 'object' in item && item.object === kind;

/** A list whose items are read by `item`. */
export const readList = <T>(item: Read<T>): Read<Listed<T>> =>
  reader(list, (answer, askedAt) => ({
    items: answer.results.map((one) => item(one, askedAt)),
    nextCursor: cursorOf(answer),
  }));

/** A property's items: a list for what Notion pages (text, people, relations), a single item for the rest. */
export const readPropertyItems: Read<Listed<Json>> = (answer, askedAt) => {
  const kind = z.object({ object: z.string() }).safeParse(answer).data?.object;
  if (kind === 'list') return readList((item) => item as Json)(answer, askedAt);
  return reader(z.looseObject({ object: z.literal('property_item'), type: z.string() }), (item) => ({
    items: [item as Json],
    nextCursor: null,
  }))(answer, askedAt);
};
