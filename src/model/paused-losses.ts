import type { PageImage, PageValue } from './change.ts';
import { isEmptyValue } from './clearing.ts';
import type { NotionProperty, PropertyType } from './codecs/codec.ts';
import type { FieldMapping, ResolvedTable } from './mapping.ts';

type Pausing = Pick<ResolvedTable, 'fields' | 'pausedFields'>;

/** The fields of the configuration, whether or not the table goes without some of them for now. */
export const fieldsAndPaused = ({ fields, pausedFields = [] }: Pausing): readonly FieldMapping[] => [
  ...fields,
  ...pausedFields,
];

/**
 * What a page shows of the fields that its table goes without, as far as their values can be told without a column: nothing of
 * those that are empty by now, and else what the base says. Fields without a value in the base are left out. `ids` says which
 * property a field has.
 */
export function pausedImage(
  { pausedFields = [] }: Pick<Pausing, 'pausedFields'>,
  ids: Readonly<Record<string, string>>,
  base: PageImage,
  properties: Readonly<Record<string, NotionProperty>>,
): PageImage {
  const shown = pausedFields.flatMap(({ property, type }) => {
    const [was, found] = [base[property] ?? null, properties[ids[property] ?? '']];
    if (isEmptyValue(was) || found?.type !== type) return [];
    return [[property, isBlank(found[type]) ? blankOf(type) : was] as const];
  });
  return Object.fromEntries(shown);
}

/** All types of properties have one of these contents where nobody has filled them in, except a status with a default. */
const isBlank = (content: unknown): boolean =>
  content === null || content === '' || content === false || (Array.isArray(content) && content.length === 0);

const LISTS: readonly PropertyType[] = ['multi_select', 'relation', 'people', 'files'];

/** What a page's image holds of a property that is empty. */
const blankOf = (type: PropertyType): PageValue =>
  LISTS.includes(type) ? [] : type === 'checkbox' ? false : null;
