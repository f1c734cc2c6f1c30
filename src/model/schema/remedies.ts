import { quote } from '../codecs/support.ts';
import type { Fault } from '../errors.ts';
import type { ResolvedField } from '../mapping.ts';
import {
  type Deviation,
  type Interruption,
  type KnownOption,
  type NamedProperty,
  targetOf,
  type WantedProperty,
} from './known.ts';

/** How people find the setting that names a property. */
const settingOf = ({ property, setting }: WantedProperty): string =>
  setting ?? `the field ${quote(property)}`;

/** A property that cannot be synced as it is. */
export type Misfit = {
  readonly interruption: Interruption;
  /** Told at first contact. */
  readonly fault: Fault;
  /** Told afterwards. */
  readonly deviation: Deviation;
};

const called = (want: WantedProperty, now: NamedProperty): string =>
  now.name === want.property ? '' : ` (called ${quote(now.name)} in Notion)`;

/** What speaks against a property that was found: its type, or where its relation points to. */
export function misfitOf(want: WantedProperty, now: NamedProperty): Misfit | null {
  const path = want.property;
  if (now.type !== want.type) {
    const detail = `the property${called(want, now)} is a ${now.type}, the mapping says ${want.type}`;
    return {
      interruption: 'retyped',
      fault: {
        path,
        message: detail,
        remedy: `change its type in Notion (which may lose values), rename it there, or map it as ${now.type}`,
      },
      deviation: {
        property: path,
        kind: 'property_retyped',
        detail: `${detail}; the field is not synced meanwhile`,
        remedy: `change its type back to ${want.type} in Notion (PostgreSQL's values are then written again), or map it as ${now.type}`,
      },
    };
  }
  const target = want.type === 'relation' ? targetOf(now) : null;
  if (target === null || want.relatedDataSource === undefined || target === want.relatedDataSource)
    return null;
  const detail = `the relation${called(want, now)} points to the data source ${target}, not to ${want.relatedDataSource}`;
  const remedy =
    'rename it in Notion, so that pgnotion can add the right one, or map the field to another property';
  return {
    interruption: 'retargeted',
    fault: { path, message: detail, remedy },
    deviation: {
      property: path,
      kind: 'relation_retargeted',
      detail: `${detail}; the field is not synced meanwhile`,
      remedy:
        "delete the property in Notion and run `pgnotion apply`, which adds the right one with PostgreSQL's values; or point it back",
    },
  };
}

/** What only a person can add. */
export function absent(want: WantedProperty, actual: readonly NamedProperty[]): Fault | null {
  const path = want.property;
  if (want.type === 'title') {
    const title = actual.find(({ type }) => type === 'title')?.name ?? '';
    return {
      path,
      message: `the title property is called ${JSON.stringify(title)}`,
      remedy: `rename it to ${JSON.stringify(path)} in Notion, or map the title to ${JSON.stringify(title)}`,
    };
  }
  if (want.schemaJson !== null) return null;
  const remedy = `add a property of the type ${want.type} with this name in Notion`;
  return { path, message: `missing, and the API cannot create a ${want.type}`, remedy };
}

/** A property cannot be added under a name that is another's, or another's id: requests would mean that one. */
export function nameTaken({ property }: WantedProperty, actual: readonly NamedProperty[]): Fault | null {
  const path = property;
  if (actual.some(({ name }) => name === property))
    return {
      path,
      message: 'missing, and another property that the mapping has under another name is called so',
      remedy: 'rename that property in Notion, or call the field otherwise in the configuration',
    };
  const owner = actual.find(({ id }) => id === property);
  if (owner === undefined) return null;
  return {
    path,
    message: `a property of this name cannot be added: it is the id of the property ${quote(owner.name)}`,
    remedy: 'call the field otherwise in the configuration, or add the property by hand in Notion',
  };
}

/** `new`: the mapping has gained the field, and the property was never there. */
export function missingDetail(
  want: WantedProperty,
  actual: readonly NamedProperty[],
  field: 'known' | 'new',
): Deviation {
  const fault = absent(want, actual) ?? nameTaken(want, actual);
  const what = field === 'known' ? 'the property is gone' : 'the database has no such property yet';
  return {
    property: want.property,
    kind: 'property_missing',
    ...(fault !== null && { remedyKind: 'click' }),
    detail: `${what}${fault === null ? '' : ` (${fault.message})`}; the field is not synced meanwhile`,
    remedy:
      fault?.remedy ??
      (field === 'known'
        ? `run \`pgnotion apply\`, which adds it again with PostgreSQL's values, or restore it in Notion`
        : `run \`pgnotion apply\`, which adds it with PostgreSQL's values`),
  };
}

/** A property that no request can name. */
export const unusable = ({ path, message, remedy }: Fault): Deviation => ({
  property: path,
  kind: 'property_missing',
  remedyKind: 'click',
  detail: `${message}; the field is not synced meanwhile`,
  remedy,
});

export const renamed = (want: WantedProperty, name: string): Deviation => ({
  property: want.property,
  kind: 'property_renamed',
  detail: `the property is called ${quote(name)} in Notion; it is synced as before`,
  remedy: `change the name of ${settingOf(want)} in the configuration to ${JSON.stringify(name)}, or rename the property back in Notion`,
});

/** The configuration change that has the mapping call options as Notion does. */
export function renamedOption(
  want: WantedProperty,
  { values }: ResolvedField,
  options: readonly KnownOption[],
): Deviation {
  const each = options.map(({ label, name }) => ({ from: values?.[label] ?? label, label, name }));
  const change = each
    .map(({ label, name }) => `${JSON.stringify(label)}: ${JSON.stringify(name)}`)
    .join(', ');
  const detail = each
    .map(({ from, name }) => `the option ${quote(from)} is called ${quote(name)}`)
    .join(', ');
  return {
    property: want.property,
    kind: 'option_renamed',
    detail: `${detail} in Notion; the value is synced as before`,
    remedy: `set values: { ${change} } on ${settingOf(want)} in the configuration, or rename it back in Notion`,
  };
}
