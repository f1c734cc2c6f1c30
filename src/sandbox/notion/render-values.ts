import { isObject } from './check.ts';
import { shownTime } from './dates.ts';
import { renderFile } from './files.ts';
import { type Names, plainOf, renderRuns } from './richtext.ts';
import { dataSourceOf, isReachable, isTrashed } from './sharing.ts';
import type { Store } from './store.ts';
import type { JsonObject, Option, Page, Property, User } from './types.ts';

/** How many references an answer holds before it is cut. */
const CUT = 25;

const namesOf = (store: Store): Names => ({
  user: (id) => store.users.get(id)?.name,
  page: (id) => {
    const title = store.pages.get(id)?.values.title;
    return title?.type === 'title'
      ? plainOf(title.runs, { user: () => undefined, page: () => undefined })
      : undefined;
  },
});

const userValue = (user: User | undefined, id: string): JsonObject =>
  user === undefined
    ? { object: 'user', id }
    : {
        object: 'user',
        id,
        name: user.name,
        avatar_url: null,
        type: user.kind,
        [user.kind]: user.email === null ? {} : { email: user.email },
      };

const optionValue = (option: Option | undefined): JsonObject | null =>
  option === undefined ? null : { id: option.id, name: option.name, color: option.color };

/** The ids that a relation shows: pages that the connection cannot see are left out, those in the trash by choice. */
function relatedIds(store: Store, page: Page, property: Property): readonly string[] {
  const value = page.values[property.id];
  if (value?.type !== 'relation') return [];
  return value.pageIds.filter((id) => {
    const other = store.pages.get(id);
    if (other === undefined || !isReachable(store, other)) return false;
    return store.behaviour.trashedRelationTargets || !isTrashed(store, other);
  });
}

/** A property of a page as the API answers it, with every type's empty value where nothing is held. */
export function renderValue(store: Store, page: Page, property: Property, whole = false): JsonObject {
  const shared = { id: property.id, type: property.type };
  const value = wholeValue(store, page, property);
  if (!whole && property.type === 'relation' && Array.isArray(value)) {
    return { ...shared, relation: value.slice(0, CUT), has_more: value.length > CUT };
  }
  if (!whole && property.type === 'people' && Array.isArray(value)) {
    return value.length > CUT
      ? { ...shared, people: value.slice(0, CUT), has_more: true }
      : { ...shared, people: value };
  }
  return { ...shared, [property.type]: !whole && Array.isArray(value) ? cutMentions(value) : value };
}

/** A text with more than 25 mentions of pages and people ends where the next one would stand. */
function cutMentions(items: readonly unknown[]): readonly unknown[] {
  let mentions = 0;
  const over = items.findIndex((item) => {
    const mention = isObject(item) && isObject(item.mention) ? item.mention.type : undefined;
    if (mention === 'page' || mention === 'user') mentions += 1;
    return mentions > CUT;
  });
  return over === -1 ? items : items.slice(0, over);
}

/** The whole value under the type's key, never cut. */
export function wholeValue(store: Store, page: Page, property: Property): unknown {
  const value = page.values[property.id];
  switch (property.type) {
    case 'title':
    case 'rich_text':
      return value !== undefined && 'runs' in value ? renderRuns(value.runs, namesOf(store)) : [];
    case 'number':
      return value?.type === 'number' ? value.number : null;
    case 'checkbox':
      return value?.type === 'checkbox' && value.checked;
    case 'select':
    case 'status': {
      const id = value !== undefined && 'optionId' in value ? value.optionId : null;
      const chosen = property.options.find((option) => option.id === id);
      // A status is never empty: what is not set shows the default, which is the first of the first group.
      const start = property.type === 'status' ? defaultStatus(property) : undefined;
      return optionValue(chosen ?? start);
    }
    case 'multi_select':
      return (value?.type === 'multi_select' ? value.optionIds : []).flatMap((id) =>
        property.options.filter((option) => option.id === id).map(optionValue),
      );
    case 'date':
      return value?.type === 'date' && value.date !== null ? { ...value.date, time_zone: null } : null;
    case 'url':
    case 'email':
    case 'phone_number':
      return value !== undefined && 'text' in value ? value.text : null;
    case 'relation':
      return relatedIds(store, page, property).map((id) => ({ id }));
    case 'people':
      return (value?.type === 'people' ? value.userIds : []).map((id) => userValue(store.users.get(id), id));
    case 'files':
      return (value?.type === 'files' ? value.files : []).map((file) => renderFile(store, file));
    default:
      return computedValue(store, page, property);
  }
}

function defaultStatus(property: Extract<Property, { type: 'status' }>): Option | undefined {
  const first = property.groups.flatMap((group) => group.optionIds)[0];
  return property.options.find((option) => option.id === first);
}

function computedValue(store: Store, page: Page, property: Property): unknown {
  const value = page.values[property.id];
  switch (property.type) {
    case 'created_time':
      return shownTime(page.createdTime);
    case 'last_edited_time':
      return shownTime(page.lastEditedTime);
    case 'created_by':
      return userValue(store.users.get(page.createdBy), page.createdBy);
    case 'last_edited_by':
      return userValue(store.users.get(page.lastEditedBy), page.lastEditedBy);
    case 'unique_id':
      return { prefix: property.prefix, number: value?.type === 'unique_id' ? value.number : null };
    case 'formula':
      return value?.type === 'computed' ? value.answer : { type: 'string', string: null };
    case 'rollup':
      return value?.type === 'computed'
        ? { ...value.answer, function: property.function }
        : { ...rollUp(store, page, property), function: property.function };
    default:
      return null;
  }
}

/** The rollups that need no formula; like Notion's API it looks at the first 25 related pages only. */
function rollUp(store: Store, page: Page, property: Extract<Property, { type: 'rollup' }>): JsonObject {
  const relation = dataSourceOf(store, page)?.properties.find((one) => one.id === property.relationId);
  const ids = relation === undefined ? [] : relatedIds(store, page, relation).slice(0, CUT);
  const values = ids.flatMap((id) => {
    const other = store.pages.get(id);
    const schema = other === undefined ? [] : (dataSourceOf(store, other)?.properties ?? []);
    const target = schema.find((one) => one.id === property.targetId && one.type !== 'rollup');
    return other === undefined || target === undefined ? [] : [renderValue(store, other, target)];
  });
  const numbers = values.flatMap((value) => (typeof value.number === 'number' ? [value.number] : []));
  const sum = numbers.reduce((total, number) => total + number, 0);
  const none = numbers.length === 0;
  const number = (result: number | null): JsonObject => ({ type: 'number', number: result });
  switch (property.function) {
    case 'count':
      return number(ids.length);
    case 'sum':
      return number(sum);
    case 'average':
      return number(none ? null : sum / numbers.length);
    case 'min':
      return number(none ? null : Math.min(...numbers));
    case 'max':
      return number(none ? null : Math.max(...numbers));
    case 'show_original':
      return { type: 'array', array: values.map(({ id: _, ...value }) => value) };
    default:
      return { type: 'unsupported', unsupported: {} };
  }
}
