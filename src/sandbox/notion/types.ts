/** What the sandbox holds. Entities are never changed in place: a change puts a new one. */

export type JsonObject = { [key: string]: unknown };

export type Annotations = {
  readonly bold: boolean;
  readonly italic: boolean;
  readonly strikethrough: boolean;
  readonly underline: boolean;
  readonly code: boolean;
  readonly color: string;
};

export type DateValue = { readonly start: string; readonly end: string | null };

export type Mention =
  | { readonly type: 'user'; readonly id: string }
  | { readonly type: 'page'; readonly id: string }
  | { readonly type: 'date'; readonly date: DateValue };

/** One stretch of text of one style. */
export type Run = { readonly annotations: Annotations } & (
  | { readonly type: 'text'; readonly content: string; readonly link: string | null }
  | { readonly type: 'mention'; readonly mention: Mention }
  | { readonly type: 'equation'; readonly expression: string }
);

export type Option = {
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly description: string | null;
};

export type StatusGroup = {
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly optionIds: readonly string[];
};

export const PLAIN_TYPES = [
  'title',
  'rich_text',
  'checkbox',
  'date',
  'url',
  'email',
  'phone_number',
  'people',
  'files',
  'created_time',
  'created_by',
  'last_edited_time',
  'last_edited_by',
] as const;

/** What a property's column is made of, by type. */
export type PropertyKind =
  | { readonly type: (typeof PLAIN_TYPES)[number] }
  | { readonly type: 'number'; readonly format: string }
  | { readonly type: 'select' | 'multi_select'; readonly options: readonly Option[] }
  | { readonly type: 'status'; readonly options: readonly Option[]; readonly groups: readonly StatusGroup[] }
  /** `mirror` is the id of the other end's property when the relation shows on both sides. */
  | { readonly type: 'relation'; readonly dataSourceId: string; readonly mirror: string | null }
  | { readonly type: 'unique_id'; readonly prefix: string | null }
  | { readonly type: 'formula'; readonly expression: string }
  | {
      readonly type: 'rollup';
      readonly relationId: string;
      readonly targetId: string;
      readonly function: string;
    };

export type Property = {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
} & PropertyKind;
export type OptionProperty = Extract<Property, { readonly options: readonly Option[] }>;

/** A link to a file elsewhere, or a file that was uploaded to Notion, whose address is made for each answer. */
export type FileValue =
  | { readonly name: string; readonly url: string }
  | { readonly name: string; readonly hosted: string };

/** What a page holds for a property. Absent means the type's empty value. */
export type Value =
  | { readonly type: 'title' | 'rich_text'; readonly runs: readonly Run[] }
  | { readonly type: 'number'; readonly number: number | null }
  | { readonly type: 'checkbox'; readonly checked: boolean }
  | { readonly type: 'select' | 'status'; readonly optionId: string | null }
  | { readonly type: 'multi_select'; readonly optionIds: readonly string[] }
  | { readonly type: 'date'; readonly date: DateValue | null }
  | { readonly type: 'url' | 'email' | 'phone_number'; readonly text: string | null }
  | { readonly type: 'relation'; readonly pageIds: readonly string[] }
  | { readonly type: 'people'; readonly userIds: readonly string[] }
  | { readonly type: 'files'; readonly files: readonly FileValue[] }
  | { readonly type: 'unique_id'; readonly number: number }
  /** A formula's or a rollup's answer, set by whoever drives the sandbox. */
  | { readonly type: 'computed'; readonly answer: JsonObject };

export type User = {
  readonly id: string;
  readonly kind: 'person' | 'bot';
  readonly name: string;
  readonly email: string | null;
  /** Of the connection: where it is. Each sandbox is a workspace of its own. */
  readonly workspace?: string;
};

/** Who made and last touched something; times are exact here and lose their seconds when shown. */
type Stamps = {
  readonly createdTime: number;
  readonly createdBy: string;
  readonly lastEditedTime: number;
  readonly lastEditedBy: string;
};

export type Database = Stamps & {
  readonly id: string;
  readonly parentPageId: string;
  readonly title: readonly Run[];
  readonly description: readonly Run[];
  readonly isInline: boolean;
  readonly inTrash: boolean;
  readonly shared: boolean;
  /** As an answer has it. Absent in old journals. */
  readonly icon?: JsonObject | null;
};

export type DataSource = Stamps & {
  readonly id: string;
  readonly databaseId: string;
  readonly title: readonly Run[];
  readonly properties: readonly Property[];
  readonly inTrash: boolean;
  readonly shared: boolean;
  readonly nextNumber: number;
  /** Deleted properties, which a person can restore: pages keep their values. Absent in old journals. */
  readonly removed?: readonly Property[];
};

export type PageParent =
  | { readonly type: 'workspace' }
  | { readonly type: 'page_id'; readonly pageId: string }
  | { readonly type: 'data_source_id'; readonly dataSourceId: string };

export type Page = Stamps & {
  readonly id: string;
  /** Order of creation, which the minute-floored times cannot tell. */
  readonly seq: number;
  readonly parent: PageParent;
  readonly values: { readonly [propertyId: string]: Value };
  readonly inTrash: boolean;
  readonly isArchived: boolean;
  /** Locked in the editor, which binds no API. Absent in old journals. */
  readonly isLocked?: boolean;
  readonly shared: boolean;
};

export type Comment = {
  readonly id: string;
  readonly pageId: string;
  readonly discussionId: string;
  readonly runs: readonly Run[];
  readonly createdTime: number;
  readonly createdBy: string;
};

/** One change of one entity, as the journal keeps it; null removes the entity. */
export type Change = readonly [table: string, id: string, entity: unknown];
