import type { PageImage, PageValue } from './change.ts';
import type { PageId } from './ids.ts';
import { sameJson } from './json.ts';
import type { ResolvedField } from './mapping.ts';

/**
 * Elements of a record's relations that belong to the base, and that the page does not show while the pages over there
 * are away: field -> page ids. Notion does not say whether a relation lists what is in the trash, and leaves out what the
 * connection may not see, so that a missing element alone is no evidence of an edit.
 */
export type Unshown = Readonly<Record<string, readonly PageId[]>>;

const idsOf = (value: PageValue | undefined): readonly PageId[] =>
  Array.isArray(value) ? (value as PageId[]) : [];

const union = (...lists: readonly (readonly PageId[])[]): PageId[] => [...new Set(lists.flat())].sort();

const relationsOf = (fields: readonly ResolvedField[], image: PageImage): readonly ResolvedField[] =>
  fields.filter(({ type, property }) => type === 'relation' && property in image);

/** A column of one key shows another page instead of the hidden one, not beside it. */
const joined = (field: ResolvedField, shown: readonly PageId[], hidden: readonly PageId[]): PageId[] =>
  field.shape.array || shown.length === 0 ? union(shown, hidden) : [...shown];

/** The page's values with what its relations are known not to show: as they compare with the base. */
export function withUnshown(fields: readonly ResolvedField[], image: PageImage, unshown: Unshown): PageImage {
  const whole = relationsOf(fields, image).flatMap((field) => {
    const hidden = unshown[field.property] ?? [];
    if (hidden.length === 0) return [];
    return [[field.property, joined(field, idsOf(image[field.property]), hidden)] as const];
  });
  return whole.length === 0 ? image : { ...image, ...Object.fromEntries(whole) };
}

/** Whether the page shows again what it did not show before: from now on its absence means something. */
export const showsAgain = (fields: readonly ResolvedField[], image: PageImage, unshown: Unshown): boolean =>
  relationsOf(fields, image).some(({ property }) =>
    (unshown[property] ?? []).some((page) => idsOf(image[property]).includes(page)),
  );

/** The related pages that the base has and the page does not show: each is looked at before it counts as taken away. */
export function missingTargets(
  fields: readonly ResolvedField[],
  base: PageImage,
  image: PageImage,
  unshown: Unshown,
): { readonly field: ResolvedField; readonly pages: readonly PageId[] }[] {
  return relationsOf(fields, image).flatMap((field) => {
    const shown = new Set(idsOf(image[field.property]));
    const known = union(idsOf(base[field.property]), unshown[field.property] ?? []);
    const pages = known.filter((page) => !shown.has(page));
    return pages.length === 0 ? [] : [{ field, pages }];
  });
}

/**
 * Pages that a relation of one key shows beside another: a person chose one of them, and Notion may go on listing the former
 * while that is in the trash. Nothing where the base shows the same.
 */
export const rivalTargets = (
  fields: readonly ResolvedField[],
  base: PageImage,
  image: PageImage,
): readonly { readonly field: ResolvedField; readonly pages: readonly PageId[] }[] =>
  relationsOf(fields, image).flatMap((field) => {
    const pages = idsOf(image[field.property]);
    const isNew = !sameJson(union(pages), union(idsOf(base[field.property])));
    return field.shape.array || pages.length < 2 || !isNew ? [] : [{ field, pages }];
  });

export type SettledRelations = {
  /** The page's values, with what it cannot show now. */
  readonly image: PageImage;
  /** What of each relation is not shown now; only fields that differ from what was known. */
  readonly unshown: Unshown;
  /**
   * The base of relations that lost an element while the page over there was away: nobody can tell who took it out, so the
   * element is no part of the base any more, and PostgreSQL's value is written again.
   */
  readonly interrupted: PageImage;
};

/** Takes what is away for what it was; what is there, was shown before and is not now, was taken out by somebody. */
export function settleRelations(
  fields: readonly ResolvedField[],
  base: PageImage,
  {
    image,
    known,
    isAway,
  }: { readonly image: PageImage; readonly known: Unshown; readonly isAway: (page: PageId) => boolean },
): SettledRelations {
  const missing = new Map(
    missingTargets(fields, base, image, known).map(({ field, pages }) => [field.property, pages]),
  );
  const now: Record<string, readonly PageId[]> = {};
  const values: Record<string, PageValue> = {};
  const interrupted: Record<string, PageValue> = {};
  for (const field of relationsOf(fields, image)) {
    const { property } = field;
    const shown = idsOf(image[property]);
    const before = known[property] ?? [];
    const gone = missing.get(property) ?? [];
    // Somebody chose another page for the one key: the former is not a part of the value any more.
    const isReplaced = !field.shape.array && shown.length > 0;
    const kept = isReplaced ? [] : gone.filter(isAway);
    if (!sameJson(union(kept), union(before))) now[property] = union(kept);
    if (kept.length > 0) values[property] = joined(field, shown, kept);
    const lost = isReplaced ? [] : gone.filter((page) => !isAway(page) && before.includes(page));
    if (lost.length > 0) interrupted[property] = idsOf(base[property]).filter((page) => !lost.includes(page));
  }
  return { image: { ...image, ...values }, unshown: now, interrupted };
}

/** What a write's own answer does not show of what was sent. `late` was read some time after it, and tells nothing. */
export function unshownAfterWrite(
  fields: readonly ResolvedField[],
  sent: PageImage,
  image: PageImage,
  late: ReadonlySet<string>,
): Unshown {
  const written = relationsOf(fields, image).filter(
    ({ property }) => property in sent && !late.has(property),
  );
  return Object.fromEntries(
    written.map(({ property }) => {
      const shown = idsOf(image[property]);
      return [property, idsOf(sent[property]).filter((page) => !shown.includes(page))];
    }),
  );
}
