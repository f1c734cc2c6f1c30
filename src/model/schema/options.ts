import type { Json } from '../change.ts';
import { elementOf, members } from '../codecs/support.ts';
import { fold, knownLabels, labelOf, optionName } from '../codecs/values.ts';
import type { FieldMapping, ResolvedField } from '../mapping.ts';
import { type KnownOption, type KnownSchema, type NamedProperty, ownEntry } from './known.ts';

export type SchemaOption = {
  readonly id?: string;
  readonly name: string;
  readonly color?: string;
  /** In requests, of a status. */
  readonly group?: string;
};

/** An option in a request that makes it. */
export const newOption = ({ name, color, group }: SchemaOption): { readonly [member: string]: string } => ({
  name,
  ...(color === undefined ? {} : { color }),
  ...(group === undefined ? {} : { group }),
});

const CHOICES: ReadonlySet<string> = new Set(['select', 'multi_select', 'status']);
export const hasOptions = (type: string): boolean => CHOICES.has(type);

/** The options of a schema entry, `{ select: { options: [...] } }`, in whatever state it is. */
export function optionsOf(schema: unknown, type: string): readonly SchemaOption[] {
  const options = members(members(schema)?.[type])?.options;
  if (!Array.isArray(options)) return [];
  return options.filter((option): option is SchemaOption => typeof members(option)?.name === 'string');
}

/** Notion takes no more options in one request (`maxItems` of its OpenAPI document). */
export const MOST_OPTIONS = 100;

/** The update that adds options. It names every existing one by its id, because leaving one out removes it. */
export function additionOf(now: NamedProperty, type: string, wanted: readonly SchemaOption[]): Json | null {
  const existing = optionsOf(now, type);
  const present = new Set(existing.map(({ name }) => fold(name)));
  const added = wanted.filter(({ name }) => !present.has(fold(name)));
  if (added.length === 0 || existing.length + added.length > MOST_OPTIONS) return null;
  const kept = existing.map(({ id, name, color }) => ({
    ...(id === undefined ? {} : { id }),
    name,
    ...(color === undefined ? {} : { color }),
  }));
  return { [type]: { options: [...kept, ...added.map(newOption)] } };
}

/** The option that Notion gives a status that is not set: the first one of the first group that has any. */
export function defaultOption(schema: unknown): string | null {
  const groups = members(members(schema)?.status)?.groups;
  if (!Array.isArray(groups)) return null;
  for (const group of groups) {
    const ids = members(group)?.option_ids;
    if (Array.isArray(ids) && typeof ids[0] === 'string') return ids[0];
  }
  return null;
}

/**
 * The label of each option that there is. An option keeps the label that it was first seen with, whatever it is called now,
 * unless the mapping has no such label any more; a new one has the label that its name shows.
 */
export function labelled(
  field: ResolvedField,
  known: Readonly<Record<string, KnownOption>>,
  options: readonly SchemaOption[],
): Readonly<Record<string, KnownOption>> {
  const shape = elementOf(field.shape);
  const labels = knownLabels(shape, field);
  const closed = shape.category === 'enum' || shape.category === 'boolean';
  const still = (label: string, name: string): boolean =>
    labels.includes(label) || (!closed && !labels.some((each) => optionName(each, field) === name));
  return Object.fromEntries(
    options.flatMap(({ id, name }) => {
      if (id === undefined) return [];
      const before = known[id]?.label;
      const label = before !== undefined && still(before, name) ? before : labelOf(name, shape, field);
      return [[id, { label, name }]];
    }),
  );
}

/** The name that the mapping has for an option, which is its canonical one. */
export const canonicalName = (field: FieldMapping, { label }: KnownOption): string =>
  optionName(label, field);

/** What each status shows where Notion took its value away, by property, in the mapping's names; as far as it is known. */
export const fallbacksOf = (
  fields: readonly FieldMapping[],
  known: KnownSchema,
): ReadonlyMap<string, string> =>
  new Map(
    fields.flatMap((field) => {
      const { defaultOption = null, options = {} } = ownEntry(known, field.property) ?? {};
      const option = defaultOption === null ? undefined : options[defaultOption];
      return field.type === 'status' && option !== undefined
        ? [[field.property, canonicalName(field, option)] as const]
        : [];
    }),
  );

/** Canonical names whose option is called otherwise in Notion; case does not matter to Notion. */
export function renamedOptions(
  field: ResolvedField,
  options: Readonly<Record<string, KnownOption>>,
): readonly KnownOption[] {
  return Object.values(options).filter((option) => fold(canonicalName(field, option)) !== fold(option.name));
}

/** The field with a codec that knows options by their ids: a renamed one reads and writes as the label that it has. */
export function withOptions(
  field: ResolvedField,
  options: Readonly<Record<string, KnownOption>>,
): ResolvedField {
  if (!hasOptions(field.type) || Object.keys(options).length === 0) return field;
  const names = new Map(Object.entries(options).map(([id, option]) => [id, canonicalName(field, option)]));
  const ids = new Map<string, string>();
  // The option that was first known for a label stands for it.
  for (const [id, name] of names) if (!ids.has(fold(name))) ids.set(fold(name), id);
  const named = (option: unknown): unknown => {
    const id = members(option)?.id;
    const name = typeof id === 'string' ? names.get(id) : undefined;
    return name === undefined ? option : { ...members(option), name };
  };
  const each = (content: unknown): unknown => (Array.isArray(content) ? content.map(named) : named(content));
  const identified = (option: unknown): unknown => {
    const name = members(option)?.name;
    const id = typeof name === 'string' ? ids.get(fold(name)) : undefined;
    return id === undefined ? option : { id };
  };
  const { codec, type } = field;
  return {
    ...field,
    codec: {
      ...codec,
      read: (property) => codec.read({ ...property, [type]: each(property[type]) }),
      write: (value) => {
        const written = members(codec.write(value))?.[type];
        return { [type]: (Array.isArray(written) ? written.map(identified) : identified(written)) as Json };
      },
    },
  };
}
