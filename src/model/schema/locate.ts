import {
  type KnownProperty,
  type KnownSchema,
  type NamedProperty,
  ownEntry,
  sourceOf,
  type WantedProperty,
} from './known.ts';

/** A wanted property, what was known of it, and what it is now. */
export type Located = {
  readonly want: WantedProperty;
  readonly was: KnownProperty | null;
  /** The name under which it was known, if the configuration has changed it; else null. */
  readonly formerly: string | null;
  readonly now: NamedProperty | null;
};

/**
 * Finds each wanted property in a data source: by its stored id, whatever it is called; by its name only at first contact or
 * when that id is gone, and never one that another field is known to have. A field is the same field as long as it reads
 * the same column, so that a configuration that follows a rename (or two that swap names) keeps its properties.
 */
export function locate(
  wanted: readonly WantedProperty[],
  known: KnownSchema,
  actual: readonly NamedProperty[],
): readonly Located[] {
  const byId = new Map(actual.map((property) => [property.id, property]));
  const byName = new Map(actual.map((property) => [property.name, property]));
  const taken = new Set<string>();
  const used = new Set<string>();
  const found = new Map<WantedProperty, Located>();
  const unclaimed = (property: NamedProperty | undefined): NamedProperty | null =>
    property === undefined || taken.has(property.id) ? null : property;
  const keep = (want: WantedProperty, entry: string | null, now: NamedProperty | null): void => {
    const was = entry === null ? null : (ownEntry(known, entry) ?? null);
    if (entry !== null) used.add(entry);
    if (now !== null) taken.add(now.id);
    found.set(want, { want, was, formerly: entry === want.property ? null : entry, now });
  };
  const rest = (): readonly WantedProperty[] => wanted.filter((want) => !found.has(want));
  for (const want of wanted) {
    const entry = ownEntry(known, want.property);
    if (entry !== undefined && ['', sourceOf(want)].includes(entry.source))
      keep(want, want.property, byId.get(entry.id) ?? null);
  }
  for (const want of rest()) {
    const former = Object.keys(known).find(
      (name) => !used.has(name) && known[name]?.source === sourceOf(want),
    );
    if (former === undefined) continue;
    const named = unclaimed(byName.get(want.property));
    const same = unclaimed(byId.get(known[former]?.id ?? ''));
    // The configuration names another property that is there: the field is to have that one.
    if (named !== null && named.id !== same?.id) keep(want, null, named);
    else keep(want, former, same);
  }
  for (const want of rest()) {
    const entry = used.has(want.property) ? undefined : ownEntry(known, want.property);
    if (entry !== undefined) keep(want, want.property, unclaimed(byId.get(entry.id)));
  }
  for (const want of wanted) {
    const at = found.get(want);
    if (at !== undefined && at.now !== null) continue;
    const now = unclaimed(byName.get(want.property)) ?? titleOf(want, known, actual, unclaimed);
    if (now !== null) taken.add(now.id);
    found.set(want, { want, was: at?.was ?? null, formerly: at?.formerly ?? null, now });
  }
  return wanted.flatMap((want) => found.get(want) ?? []);
}

/** A data source has one title. Only at first contact its name is asked for, because the mapping may mean another database. */
function titleOf(
  { type }: WantedProperty,
  known: KnownSchema,
  actual: readonly NamedProperty[],
  unclaimed: (property: NamedProperty | undefined) => NamedProperty | null,
): NamedProperty | null {
  if (type !== 'title' || Object.keys(known).length === 0) return null;
  return unclaimed(actual.find((property) => property.type === 'title'));
}
