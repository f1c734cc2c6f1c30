import type { PageImage, PageValue } from './change.ts';
import type { NotionProperty } from './codecs/codec.ts';
import { members } from './codecs/support.ts';
import { sameJson } from './json.ts';
import type { FieldMapping } from './mapping.ts';

/** What Notion shows of a property that nobody has filled in. A checkbox has no other empty state than unticked. */
export const isEmptyValue = (value: PageValue): boolean =>
  value === null || value === '' || value === false || (Array.isArray(value) && value.length === 0);

/**
 * Whether a field lost what it held. A multi-select counts as soon as it only loses options, because that is what a
 * deleted option does to every page at once. A status is never empty: it shows `fallback`, its default, instead.
 */
export function isCleared(
  field: Pick<FieldMapping, 'type'>,
  before: PageValue | undefined,
  after: PageValue,
  fallback?: string,
): boolean {
  if (before === undefined || isEmptyValue(before)) return false;
  if (isEmptyValue(after)) return true;
  if (field.type === 'status') return after === fallback && before !== fallback;
  if (field.type !== 'multi_select' || !Array.isArray(before) || !Array.isArray(after)) return false;
  return after.length < before.length && after.every((item) => before.some((had) => sameJson(had, item)));
}

/** The fields that a page, as it is or is about to be, lost since its base. What the image lacks says nothing. */
export const clearedFields = <Field extends FieldMapping>(
  fields: readonly Field[],
  base: PageImage,
  page: PageImage,
  fallbacks: ReadonlyMap<string, string> = new Map(),
): Field[] =>
  fields.filter((field) => {
    const { property } = field;
    const value = page[property];
    return value !== undefined && isCleared(field, base[property], value, fallbacks.get(property));
  });

/** The names of options that a cleared choice lost. */
export function lostOptions(before: PageValue | undefined, after: PageValue | undefined): string[] {
  const listOf = (value: PageValue | undefined): PageValue[] =>
    Array.isArray(value) ? value : value == null ? [] : [value];
  const kept = listOf(after);
  return listOf(before).filter(
    (name): name is string => typeof name === 'string' && !kept.some((each) => sameJson(each, name)),
  );
}

/**
 * The options of the property with this id in a data source's schema, by the names that `nameOf` has for their ids, or
 * their own; null if the property is not there.
 */
export function optionNames(
  schema: readonly NotionProperty[],
  id: string,
  nameOf: (id: string) => string | undefined = () => undefined,
): string[] | null {
  const found = schema.find((each) => each.id === id || decoded(each.id) === id);
  const body = found?.[found.type];
  const options = typeof body === 'object' && body !== null && 'options' in body ? body.options : null;
  if (!Array.isArray(options)) return null;
  return options.flatMap((option: unknown) => {
    const { id: its, name } = members(option) ?? {};
    return typeof name === 'string' ? [(typeof its === 'string' ? nameOf(its) : undefined) ?? name] : [];
  });
}

/** Notion escapes ids for use in a URL. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

/** What is known of a property that became empty on many pages at once. */
export type ClearingSigns = {
  readonly property: string;
  readonly kind: 'choice' | 'computed' | 'other';
  /** Options that the pages held and that the property no longer has; null if that is not known. */
  readonly deletedOptions: readonly string[] | null;
  /** Whether any of the pages shows an edit later than the last one that was known. */
  readonly edited: boolean;
  /** Names of the people who edited those pages last; our own integration is not among them. */
  readonly editors: readonly string[];
};

/** Why so many pages lost a value, and whether that was surely no person's edit of them. */
export type LikelyCause = { readonly text: string; readonly byNobody: boolean };

const MOST_NAMES = 3;

/** Why so many pages lost one property's value, in one sentence, as far as the pages and the schema tell. */
export function likelyCause(signs: ClearingSigns): LikelyCause {
  const { property, kind, deletedOptions, edited, editors } = signs;
  const name = JSON.stringify(property);
  if (kind === 'computed') return { text: `what computes ${name} gives nothing any more`, byNobody: true };
  if (deletedOptions !== null && deletedOptions.length > 0) {
    const options = namesOf(deletedOptions.map((each) => JSON.stringify(each)));
    const [were, s] = deletedOptions.length === 1 ? ['was', ''] : ['were', 's'];
    return { text: `the option${s} ${options} of ${name} ${were} deleted`, byNobody: true };
  }
  const act =
    kind === 'choice'
      ? `${name} was deleted and created again, its type was changed, or options of it were deleted`
      : `${name} was deleted and created again, or its type was changed`;
  if (editors.length === 0 && !edited) return { text: act, byNobody: true };
  if (editors.length === 0)
    return { text: `an automation or an integration emptied ${name}`, byNobody: false };
  const people = `a bulk edit by ${namesOf(editors)}`;
  const text = edited ? people : `${people}; or, since no page shows a later edit, ${act}`;
  return { text, byNobody: false };
}

function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES);
  const rest = names.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
}
