import type { PageValue } from '../change.ts';
import { readChoice } from './choice.ts';
import type { ColumnShape } from './codec.ts';
import { readString } from './contact.ts';
import { readFiles } from './files.ts';
import { readOptions } from './multi.ts';
import { readNumber } from './number.ts';
import { readIds } from './references.ts';
import { list, members, notionId, UNKNOWN } from './support.ts';
import { plainText } from './text.ts';
import { instantText, parseMoment, readDate } from './time.ts';

type Extract = (content: unknown, column?: ColumnShape) => PageValue | typeof UNKNOWN;

/** The canonical instant of a created or edited time. */
export const readInstant: Extract = (content) => {
  const moment = typeof content === 'string' ? parseMoment(content) : undefined;
  return (moment && instantText(moment.ms)) ?? (content === null ? null : UNKNOWN);
};

/** The id of the user who created or edited. */
export const readUser: Extract = (content) =>
  notionId(members(content)?.id) ?? (content === null ? null : UNKNOWN);

/** A unique id as Notion shows it: `TASK-3`, or `3` without a prefix. */
export const readUniqueId: Extract = (content) => {
  const id = members(content);
  if (typeof id?.number !== 'number') return content === null || id?.number === null ? null : UNKNOWN;
  return typeof id.prefix === 'string' && id.prefix !== '' ? `${id.prefix}-${id.number}` : String(id.number);
};

const readBoolean: Extract = (content) =>
  typeof content === 'boolean' || content === null ? content : UNKNOWN;

const readText: Extract = (content) => plainText(listed(content)) ?? UNKNOWN;
const readReferences: Extract = (content) => readIds(listed(content));
/** The property endpoint gives one reference or text run where a page gives the list of them. */
const listed = (content: unknown): readonly unknown[] => list(content) ?? [content];

/** What a formula came to; what Notion does not support in the API is null. */
export const readFormula: Extract = (content, column) => readTyped(content, FORMULA, column);

const FORMULA: Readonly<Record<string, Extract>> = {
  string: readString,
  number: readNumber,
  boolean: readBoolean,
  date: readDate,
  unsupported: () => null,
};

/** What a rollup came to. */
export const readRollup: Extract = (content, column) => readTyped(content, ROLLUP, column);

const ROLLUP: Readonly<Record<string, Extract>> = {
  number: readNumber,
  date: readDate,
  array: (content, column) => list(content)?.map((item) => readElement(item, column)) ?? UNKNOWN,
  unsupported: () => null,
};

/** An element of a rollup's list: a property without an id. What pgnotion cannot read is null. */
export function readElement(item: unknown, column?: ColumnShape): PageValue {
  const value = readTyped(item, ELEMENT, column);
  return value === UNKNOWN ? null : value;
}

const ELEMENT: Readonly<Record<string, Extract>> = {
  title: readText,
  rich_text: readText,
  number: readNumber,
  checkbox: readBoolean,
  select: readChoice,
  status: readChoice,
  multi_select: readOptions,
  date: readDate,
  url: readString,
  email: readString,
  phone_number: readString,
  relation: readReferences,
  people: readReferences,
  files: readFiles,
  unique_id: readUniqueId,
  formula: readFormula,
  created_time: readInstant,
  last_edited_time: readInstant,
  created_by: readUser,
  last_edited_by: readUser,
};

function readTyped(
  item: unknown,
  extracts: Readonly<Record<string, Extract>>,
  column: ColumnShape | undefined,
): PageValue | typeof UNKNOWN {
  const object = members(item);
  const type = object?.type;
  if (object === undefined || typeof type !== 'string' || !Object.hasOwn(extracts, type)) return UNKNOWN;
  return extracts[type]?.(object[type], column) ?? null;
}
