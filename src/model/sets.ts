import type { Json, PageValue } from './change.ts';
import type { ElementRules } from './codecs/codec.ts';

/** What a change did to a set: the elements that it brought, and those that it took away. */
export type SetChange = { readonly added: readonly Json[]; readonly removed: readonly Json[] };

const itemsOf = (value: PageValue): readonly Json[] =>
  Array.isArray(value) ? (value as readonly Json[]) : [];

/** The elements of one list that another one lacks. */
function without(value: PageValue, other: PageValue, { keyOf }: ElementRules): readonly Json[] {
  const keys = new Set(itemsOf(other).map(keyOf));
  return itemsOf(value).filter((item) => !keys.has(keyOf(item)));
}

/** The change that made one set out of another. */
export const setChange = (before: PageValue, after: PageValue, rules: ElementRules): SetChange => ({
  added: without(after, before, rules),
  removed: without(before, after, rules),
});

/**
 * A set with a change carried out on it. Two changes since one base never contradict each other: one can only add what
 * the base lacks, and only take away what the base has.
 */
export function withChange(value: PageValue, change: SetChange, rules: ElementRules): PageValue {
  const kept = without(value, [...change.removed], rules);
  const items = [...kept, ...without([...change.added], [...kept], rules)];
  if (rules.ordered) return items;
  const compare = (a: Json, b: Json): number => (String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0);
  return items.toSorted(compare);
}

/** The opposite: a set as it was before a change. */
export const withoutChange = (
  value: PageValue,
  { added, removed }: SetChange,
  rules: ElementRules,
): PageValue => withChange(value, { added: removed, removed: added }, rules);
