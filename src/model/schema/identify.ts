import type { Json } from '../change.ts';
import type { NotionProperty } from '../codecs/codec.ts';
import { quote } from '../codecs/support.ts';
import { fold } from '../codecs/values.ts';
import type { Fault } from '../errors.ts';
import {
  type Deviation,
  type Interruption,
  type KnownOption,
  type KnownProperty,
  type KnownSchema,
  type NamedProperty,
  sourceOf,
  targetOf,
  type WantedProperty,
} from './known.ts';
import { type Located, locate } from './locate.ts';
import { isNamed, missingOption, takenOption } from './missing-options.ts';
import {
  additionOf,
  canonicalName,
  defaultOption,
  hasOptions,
  labelled,
  optionsOf,
  renamedOptions,
} from './options.ts';
import {
  absent,
  type Misfit,
  misfitOf,
  missingDetail,
  nameTaken,
  renamed,
  renamedOption,
  unusable,
} from './remedies.ts';

/** What a data source has of what the mapping needs. */
export type Identified = {
  /** Ids of the properties that can be read and written, by their names in the configuration. */
  readonly ids: Readonly<Record<string, string>>;
  /** What request bodies call a property whose id is the name of another one. */
  readonly keys: Readonly<Record<string, string>>;
  /** What is to be remembered. */
  readonly known: KnownSchema;
  /** Fields whose base is void, because their property is not, or was not all the time, the one that it was read from. */
  readonly voided: readonly string[];
  /** Fields that the configuration calls otherwise now: new name -> old name. */
  readonly moved: Readonly<Record<string, string>>;
  /** Properties that the API can add now. */
  readonly missing: readonly WantedProperty[];
  /** Relations that can be added once their target exists. */
  readonly waiting: readonly WantedProperty[];
  /** Options that the mapping names and the property lacks, and which of them can be added by an update. */
  readonly missingOptions: readonly MissingOptions[];
  /** Names of properties that were never there: without them, nothing can start. */
  readonly lacking: readonly string[];
  readonly deviations: readonly Deviation[];
  /** What is wrong at first contact, and only a person may change. Paths are property names. */
  readonly faults: readonly Fault[];
};

type MissingOptions = {
  readonly property: string;
  readonly names: readonly string[];
  /** The update that adds them; null if Notion cannot take it: leaving an existing option out would remove it. */
  readonly schemaJson: Json | null;
};

type Draft = {
  readonly ids: Record<string, string>;
  readonly keys: Record<string, string>;
  readonly known: Record<string, KnownProperty>;
  readonly voided: string[];
  readonly moved: Record<string, string>;
  readonly missing: WantedProperty[];
  readonly waiting: WantedProperty[];
  readonly missingOptions: MissingOptions[];
  readonly lacking: string[];
  readonly deviations: Deviation[];
  readonly faults: Fault[];
};

/** The properties of a schema, each with its name. */
const named = (properties: Readonly<Record<string, NotionProperty>>): NamedProperty[] =>
  Object.entries(properties).map(([name, property]) => ({ ...property, name }));

/** Compares a data source with what the mapping needs and with what was known of it. Pure. */
export function identify(
  wanted: readonly WantedProperty[],
  known: KnownSchema,
  properties: Readonly<Record<string, NotionProperty>>,
): Identified {
  const actual = named(properties);
  const contacted = Object.keys(known).length > 0;
  const draft: Draft = {
    ids: {},
    keys: {},
    known: {},
    voided: [],
    moved: {},
    missing: [],
    waiting: [],
    missingOptions: [],
    lacking: [],
    deviations: [],
    faults: [],
  };
  for (const located of locate(wanted, known, actual)) {
    if (located.formerly !== null && located.now?.id === located.was?.id)
      draft.moved[located.want.property] = located.formerly;
    if (located.now === null) noteMissing(draft, located, actual, contacted);
    else notePresent(draft, { ...located, now: located.now }, actual, contacted);
  }
  return draft;
}

/** A field that the configuration has gained since the first contact stands still alone, like any other without a property. */
function noteMissing(
  draft: Draft,
  { want, was }: Located,
  actual: readonly NamedProperty[],
  contacted: boolean,
): void {
  const name = want.property;
  if (was === null && contacted) draft.deviations.push(missingDetail(want, actual, 'new'));
  if (was !== null) {
    draft.known[name] = { ...was, source: sourceOf(want), interruption: 'missing' };
    draft.deviations.push(missingDetail(want, actual, 'known'));
  }
  if (want.waitsFor !== undefined) {
    draft.waiting.push(want);
    if (was === null) draft.lacking.push(name);
    return;
  }
  const fault = absent(want, actual) ?? nameTaken(want, actual);
  if (fault === null) draft.missing.push(want);
  if (was === null && fault === null) draft.lacking.push(name);
  if (was === null && fault !== null) draft.faults.push(fault);
}

function notePresent(
  draft: Draft,
  { want, was, now }: Located & { readonly now: NamedProperty },
  actual: readonly NamedProperty[],
  contacted: boolean,
): void {
  const name = want.property;
  const misfit = misfitOf(want, now);
  if (misfit !== null) {
    noteMisfit(draft, { want, was, now }, misfit, contacted);
    return;
  }
  const collision = keyOf(now, actual);
  if (collision.kind === 'none') {
    const fault = collision.fault(name);
    draft.faults.push(fault);
    if (contacted) draft.deviations.push(unusable(fault));
    return;
  }
  draft.ids[name] = now.id;
  if (collision.key !== now.id) draft.keys[name] = collision.key;
  const options = optionsFor(want, was, now);
  const next = knownAs(want, now, options, null);
  draft.known[name] = next;
  // A field that is mapped again may have a base from before, of which nobody knows what became.
  if (was === null ? contacted : isVoid(was, next)) draft.voided.push(name);
  if (now.name !== name) draft.deviations.push(renamed(want, now.name));
  noteOptions(draft, want, { was, now, options }, contacted);
}

function noteMisfit(
  draft: Draft,
  { want, was, now }: Pick<Located, 'want' | 'was'> & { readonly now: NamedProperty },
  { interruption, fault, deviation }: Misfit,
  contacted: boolean,
): void {
  if (was === null) {
    draft.faults.push(fault);
    if (contacted) draft.deviations.push({ ...deviation, remedy: fault.remedy });
    return;
  }
  // Its type and target stay as they were synced: what comes back has to be told from what is new.
  draft.known[want.property] = {
    ...was,
    id: now.id,
    name: now.name,
    source: sourceOf(want),
    interruption: was.id === now.id ? interruption : 'missing',
  };
  draft.deviations.push(deviation);
}

const knownAs = (
  want: WantedProperty,
  now: NamedProperty,
  options: Readonly<Record<string, KnownOption>>,
  interruption: Interruption | null,
): KnownProperty => ({
  id: now.id,
  name: now.name,
  type: want.type,
  source: sourceOf(want),
  target: want.type === 'relation' ? targetOf(now) : null,
  options,
  defaultOption: want.type === 'status' ? defaultOption(now) : null,
  interruption,
});

/** Whether a base that was read from the one says nothing of the other. */
const isVoid = (was: KnownProperty, now: KnownProperty): boolean =>
  was.interruption !== null ||
  was.id !== now.id ||
  (was.type !== '' && was.type !== now.type) ||
  (was.target !== null && was.target !== now.target);

type Key =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'none'; readonly fault: (path: string) => Fault };

/**
 * What a request body calls a property: its id, which survives a rename, unless another property has that id for its name (as
 * one called `title` has); then its name, if that is nobody's id.
 */
function keyOf(property: NamedProperty, actual: readonly NamedProperty[]): Key {
  const others = actual.filter(({ id }) => id !== property.id);
  const rival = others.find(({ name }) => name === property.id);
  if (rival === undefined) return { kind: 'key', key: property.id };
  if (!others.some(({ id }) => id === property.name)) return { kind: 'key', key: property.name };
  return {
    kind: 'none',
    fault: (path) => ({
      path,
      message: `the property ${quote(rival.name)} has the id of this property for its name, and this one has another's, so that a request cannot tell them apart`,
      remedy: `rename the property ${quote(rival.name)} in Notion and in the configuration`,
    }),
  };
}

const optionsFor = (
  { field, type }: WantedProperty,
  was: KnownProperty | null,
  now: NamedProperty,
): Readonly<Record<string, KnownOption>> =>
  field === undefined || !hasOptions(type) ? {} : labelled(field, was?.options ?? {}, optionsOf(now, type));

function noteOptions(
  draft: Draft,
  want: WantedProperty,
  {
    was,
    now,
    options,
  }: {
    readonly was: KnownProperty | null;
    readonly now: NamedProperty;
    readonly options: Readonly<Record<string, KnownOption>>;
  },
  contacted: boolean,
): void {
  const { field, type, property } = want;
  if (field === undefined || !hasOptions(type)) return;
  const changed = renamedOptions(field, options);
  if (changed.length > 0) draft.deviations.push(renamedOption(want, field, changed));
  const there = new Set(Object.values(options).map((option) => fold(canonicalName(field, option))));
  const lacking = optionsOf(want.schemaJson, type).filter(({ name }) => !there.has(fold(name)));
  if (lacking.length === 0) return;
  const names = lacking.map(({ name }) => name);
  const schemaJson = additionOf(now, type, lacking);
  draft.missingOptions.push({ property, names, schemaJson });
  if (was === null && schemaJson !== null) draft.lacking.push(property);
  if (was !== null || contacted || schemaJson === null)
    draft.deviations.push(
      schemaJson === null && changed.some((option) => isNamed(names, option))
        ? takenOption(want, field, { names, renamed: changed.filter((option) => isNamed(names, option)) })
        : missingOption(want, names, schemaJson !== null),
    );
}
