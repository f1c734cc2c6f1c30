import { arrayAt, dashed, isObject, objectAt, stringAt } from './check.ts';
import { floorToMinute, instantOf, isDay } from './dates.ts';
import { failed, invalid } from './errors.ts';
import { wholeValue } from './render-values.ts';
import { plainOf } from './richtext.ts';
import { findProperty } from './schema.ts';
import type { Store } from './store.ts';
import type { JsonObject, Page, Property } from './types.ts';

type Test = (page: Page) => boolean;
/** What filters are read against. */
export type Ground = { readonly store: Store; readonly schema: readonly Property[]; readonly now: number };

const DAY = 86_400_000;

/** Reads a query's filter; groups may stand in groups once. */
export function parseFilter(ground: Ground, raw: unknown, path = 'body.filter', depth = 1): Test {
  const filter = objectAt(raw, path);
  for (const word of ['and', 'or'] as const) {
    if (filter[word] === undefined) continue;
    if (depth > 2)
      throw invalid(
        `body failed validation: ${path}.${word} should be not present: filters nest at most 2 levels.`,
      );
    const tests = arrayAt(filter[word], `${path}.${word}`).map((item, index) =>
      parseFilter(ground, item, `${path}.${word}[${index}]`, depth + 1),
    );
    return word === 'and'
      ? (page) => tests.every((test) => test(page))
      : (page) => tests.some((test) => test(page));
  }
  if (filter.timestamp !== undefined) return timestampTest(ground, filter, path);
  return propertyTest(ground, filter, path);
}

function timestampTest(ground: Ground, filter: JsonObject, path: string): Test {
  const which = filter.timestamp;
  if (which !== 'created_time' && which !== 'last_edited_time') {
    throw failed(`${path}.timestamp`, '`"created_time"` or `"last_edited_time"`', which);
  }
  const condition = objectAt(filter[which], `${path}.${which}`);
  const test = instantTest(ground.now, condition, `${path}.${which}`);
  return which === 'created_time'
    ? (page) => test(floorToMinute(page.createdTime))
    : (page) => test(floorToMinute(page.lastEditedTime));
}

function propertyTest(ground: Ground, filter: JsonObject, path: string): Test {
  const key = stringAt(filter.property, `${path}.property`);
  const property = findProperty(ground.store, ground.schema, key);
  if (property === undefined) throw invalid(`Could not find property with name or id: ${key}`);
  const family = ['title', 'rich_text', 'url', 'email', 'phone_number'];
  // Notion lets one text condition stand for another.
  const given =
    filter[property.type] !== undefined ? property.type : family.find((type) => filter[type] !== undefined);
  if (given === undefined || (given !== property.type && !family.includes(property.type))) {
    throw invalid(
      `database property ${property.type} does not match filter ${Object.keys(filter)
        .filter((one) => one !== 'property' && one !== 'type')
        .join(', ')}`,
    );
  }
  const condition = objectAt(filter[given], `${path}.${given}`);
  const test = conditionTest(ground, property, condition, `${path}.${given}`);
  return (page) => test(comparable(ground.store, page, property));
}

/** The value that conditions and sorts look at: text, number, truth, a date's start, or a list of names or ids. */
export function comparable(store: Store, page: Page, property: Property): unknown {
  const held = page.values[property.id];
  if (held !== undefined && 'runs' in held) {
    return plainOf(held.runs, { user: (id) => store.users.get(id)?.name, page: () => undefined });
  }
  const value = wholeValue(store, page, property);
  switch (property.type) {
    case 'title':
    case 'rich_text':
      return '';
    case 'select':
    case 'status':
      return isObject(value) ? value.name : null;
    case 'multi_select':
      return Array.isArray(value) ? value.map((option: JsonObject) => option.name) : [];
    case 'date':
      return isObject(value) ? value.start : null;
    case 'relation':
    case 'people':
      return Array.isArray(value) ? value.map((item: JsonObject) => item.id) : [];
    case 'created_by':
    case 'last_edited_by':
      return isObject(value) ? [value.id] : [];
    case 'unique_id':
      return isObject(value) ? value.number : null;
    case 'formula':
    case 'rollup':
      return isObject(value) ? value[String(value.type)] : null;
    default:
      return value;
  }
}

type ValueTest = (value: unknown) => boolean;

const isEmpty: ValueTest = (value) =>
  value === null || value === '' || (Array.isArray(value) && value.length === 0);

function conditionTest(ground: Ground, property: Property, condition: JsonObject, path: string): ValueTest {
  if (condition.is_empty === true) return isEmpty;
  if (condition.is_not_empty === true) return (value) => !isEmpty(value);
  switch (property.type) {
    case 'title':
    case 'rich_text':
    case 'url':
    case 'email':
    case 'phone_number':
      return textTest(condition, path);
    case 'number':
    case 'unique_id':
      return numberTest(condition, path);
    case 'checkbox':
      return equalityTest(condition, path, (wanted) => (value) => value === wanted);
    case 'select':
    case 'status':
      return equalityTest(condition, path, (wanted) => {
        const names = Array.isArray(wanted) ? wanted : [wanted];
        return (value) => names.includes(value);
      });
    case 'multi_select':
      return listTest(condition, path, String);
    case 'relation':
    case 'people':
    case 'created_by':
    case 'last_edited_by':
      return listTest(condition, path, (id) => dashed(id) ?? String(id));
    case 'date':
    case 'created_time':
    case 'last_edited_time':
      return dateTest(ground.now, condition, path);
    default:
      throw invalid(`body failed validation: ${path} cannot be filtered here.`);
  }
}

const unknownCondition = (condition: JsonObject, path: string) =>
  invalid(
    `body failed validation: ${path}.${Object.keys(condition)[0] ?? ''} should be not present, or is not a condition of this type.`,
  );

function equalityTest(condition: JsonObject, path: string, same: (wanted: unknown) => ValueTest): ValueTest {
  if (condition.equals !== undefined) return same(condition.equals);
  if (condition.does_not_equal !== undefined) {
    const test = same(condition.does_not_equal);
    return (value) => !test(value);
  }
  throw unknownCondition(condition, path);
}

function textTest(condition: JsonObject, path: string): ValueTest {
  const [word = '', raw] = Object.entries(condition)[0] ?? [];
  const wanted = stringAt(raw, `${path}.${word}`).toLowerCase();
  const tests: Readonly<Record<string, (text: string) => boolean>> = {
    equals: (text) => text === wanted,
    does_not_equal: (text) => text !== wanted,
    contains: (text) => text.includes(wanted),
    does_not_contain: (text) => !text.includes(wanted),
    starts_with: (text) => text.startsWith(wanted),
    ends_with: (text) => text.endsWith(wanted),
  };
  const test = tests[word];
  if (test === undefined) throw unknownCondition(condition, path);
  return (value) => test(String(value ?? '').toLowerCase());
}

function numberTest(condition: JsonObject, path: string): ValueTest {
  const [word = '', wanted] = Object.entries(condition)[0] ?? [];
  if (typeof wanted !== 'number') throw failed(`${path}.${word}`, 'a number', wanted);
  const tests: Readonly<Record<string, (value: number) => boolean>> = {
    equals: (value) => value === wanted,
    does_not_equal: (value) => value !== wanted,
    greater_than: (value) => value > wanted,
    less_than: (value) => value < wanted,
    greater_than_or_equal_to: (value) => value >= wanted,
    less_than_or_equal_to: (value) => value <= wanted,
  };
  const test = tests[word];
  if (test === undefined) throw unknownCondition(condition, path);
  return (value) => (typeof value === 'number' ? test(value) : word === 'does_not_equal');
}

function listTest(condition: JsonObject, path: string, spell: (raw: unknown) => string): ValueTest {
  const raw = condition.contains ?? condition.does_not_contain;
  if (raw === undefined) throw unknownCondition(condition, path);
  const wanted = (Array.isArray(raw) ? raw : [raw]).map(spell);
  const holds: ValueTest = (value) => Array.isArray(value) && wanted.some((one) => value.includes(one));
  return condition.contains === undefined ? (value) => !holds(value) : holds;
}

function dateTest(now: number, condition: JsonObject, path: string): ValueTest {
  const test = instantTest(now, condition, path);
  return (value) => test(typeof value === 'string' ? instantOf(value) : undefined);
}

/** The test of a time, which is undefined where there is none. */
function instantTest(now: number, condition: JsonObject, path: string): (at: number | undefined) => boolean {
  const [word = '', raw] = Object.entries(condition)[0] ?? [];
  if (word === 'is_empty') return (at) => at === undefined;
  if (word === 'is_not_empty') return (at) => at !== undefined;
  const text = relativeDay(now, stringAt(raw, `${path}.${word}`));
  const from = instantOf(text);
  if (from === undefined) throw failed(`${path}.${word}`, 'a valid ISO 8601 date string', raw);
  // A date without a time stands for its whole day.
  const to = isDay(text) ? from + DAY - 1 : from;
  const tests: Readonly<Record<string, (at: number) => boolean>> = {
    equals: (at) => at >= from && at <= to,
    before: (at) => at < from,
    after: (at) => at > to,
    on_or_before: (at) => at <= to,
    on_or_after: (at) => at >= from,
  };
  const test = tests[word];
  if (test === undefined) throw unknownCondition(condition, path);
  return (at) => at !== undefined && test(at);
}

function relativeDay(now: number, text: string): string {
  const days: Readonly<Record<string, number>> = {
    today: 0,
    tomorrow: 1,
    yesterday: -1,
    one_week_ago: -7,
    one_week_from_now: 7,
    one_month_ago: -30,
    one_month_from_now: 30,
  };
  const shift = days[text];
  return shift === undefined ? text : new Date(now + shift * DAY).toISOString().slice(0, 10);
}
