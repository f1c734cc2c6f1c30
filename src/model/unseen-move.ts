import type { PageImage } from './change.ts';
import { clearedFields, isEmptyValue } from './clearing.ts';
import type { TableName } from './ids.ts';
import { sameJson } from './json.ts';
import type { FieldMapping, ResolvedTable } from './mapping.ts';
import { type KnownSchema, ownEntry } from './schema/known.ts';
import { fallbacksOf } from './schema/options.ts';

/**
 * What an emptied page tells of a move to another database and back that fell between two looks. Notion drops the values
 * of properties that the other database does not have by name and type.
 */
export type UnseenMove =
  | { readonly kind: 'none' }
  /** The record id went with the values: nobody emptied them by hand. */
  | { readonly kind: 'certain'; readonly lost: readonly string[] }
  /** Gone is all that the database of this synced table cannot hold, which has a record id of its own. */
  | { readonly kind: 'likely'; readonly lost: readonly string[]; readonly through: TableName };

/** A person may well empty one property; all of several that another database lacks is another matter. */
const FEWEST_LOSSES = 2;

/** A page as it was just seen. */
type Seen = {
  /** Holds what the page is taken to relate to, as targets in the trash that Notion only does not show. */
  readonly image: PageImage;
  /** The page as Notion shows it: a relation that a move emptied must not pass for one of those. */
  readonly shown: PageImage;
  /** Fields that were written without a look, in whose answer the page was seen: what they held before it, nobody knows. */
  readonly written?: readonly string[];
};

/** With the fields that the table goes without for now. */
type Moved = Pick<ResolvedTable, 'name' | 'idProperty'> & { readonly fields: readonly FieldMapping[] };

/** Fields that had a value, and those of them that are empty now, if they are so many that a move may be behind it. */
type Losses = { readonly held: readonly FieldMapping[]; readonly lost: readonly string[] };

/** What a page has lost together; null if it is too little to tell of a move. `mine` is what is known of its table's data source. */
export function lostTogether(
  { fields }: Moved,
  base: PageImage,
  { image, written = [] }: Pick<Seen, 'image' | 'written'>,
  mine: KnownSchema,
): Losses | null {
  const fallbacks = fallbacksOf(fields, mine);
  const held = fields.filter(({ property, type }) => {
    const value = base[property] ?? null;
    if (!(property in image) || isEmptyValue(value)) return false;
    // A status that showed its default shows it afterwards, too.
    return type !== 'status' || (fallbacks.get(property) ?? value) !== value;
  });
  // What is left of a list is a person's choice: a move takes all of it.
  const lost = clearedFields(held, base, image, fallbacks)
    .filter(({ property, type }) => type === 'status' || isEmptyValue(image[property] ?? null))
    .map(({ property }) => property)
    .filter((property) => !written.includes(property));
  const maybe = held.filter(({ property }) => written.includes(property)).length;
  return lost.length === 0 || lost.length + maybe < FEWEST_LOSSES ? null : { held, lost };
}

/** Compares a page with its base. `schemas` are what is known of the data sources of all tables. */
export function unseenMove(
  table: Moved,
  base: PageImage,
  seen: Seen,
  schemas: ReadonlyMap<TableName, KnownSchema>,
): UnseenMove {
  const { name, idProperty } = table;
  const mine = schemas.get(name) ?? {};
  const losses = lostTogether(table, base, seen, mine);
  if (losses === null) return { kind: 'none' };
  const { held, lost } = losses;
  const { written = [] } = seen;
  if (lost.includes(idProperty) && lost.length >= FEWEST_LOSSES) return { kind: 'certain', lost };
  for (const [through, schema] of schemas) {
    if (through === name) continue;
    const unheld = held.filter((field) => !canHold(schema, mine, field)).map(({ property }) => property);
    const gone = unheld.filter((property) => lost.includes(property));
    const maybe = unheld.filter((property) => written.includes(property));
    // What has another value by now was typed after the page came back.
    const isAllGone = unheld.every(
      (property) =>
        maybe.includes(property) || !sameJson(seen.shown[property] ?? null, base[property] ?? null),
    );
    const isEnough = gone.length > 0 && gone.length + maybe.length >= FEWEST_LOSSES;
    if (isAllGone && isEnough) return { kind: 'likely', lost: gone, through };
  }
  return { kind: 'none' };
}

/** Whether a data source would keep what a page of another one has in this field. A title is always kept. */
function canHold(there: KnownSchema, here: KnownSchema, { property, type }: FieldMapping): boolean {
  const own = ownEntry(here, property);
  if (type === 'title' || own === undefined) return true;
  return (
    type !== 'relation' &&
    Object.values(there).some(
      ({ name, type: its, interruption }) =>
        interruption === null && name === own.name && (its === type || its === ''),
    )
  );
}
