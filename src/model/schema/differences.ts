import { members } from '../codecs/support.ts';
import { type KnownProperty, type KnownSchema, type NamedProperty, ownEntry } from './known.ts';
import { hasOptions } from './options.ts';

/** What a page's answer shows of the schema that is not as it is known. */
export type Difference = {
  /** The property's name in the configuration. */
  readonly property: string;
  /**
   * `lost`: it is gone; `retyped`: it has another type; `back`: what was out of order may be in order; `renamed`: it, or an
   * option of it, is called otherwise; `option`: it has an option that nobody knew.
   */
  readonly kind: 'lost' | 'retyped' | 'back' | 'renamed' | 'option';
  /** Tells differences apart. For `option`, the option's id. */
  readonly what: string;
  /** For `option`: its name. */
  readonly name?: string;
};

/** Compares the properties of a page with what is known of its data source. Costs no request, and nothing if all is as known. */
export function differences(
  known: KnownSchema,
  properties: Readonly<Record<string, NamedProperty>>,
): readonly Difference[] {
  return Object.entries(known).flatMap(([property, was]): Difference[] => {
    const now = properties[was.id];
    if (was.interruption !== null) return isBack(property, known, now, properties) ? [back(property)] : [];
    if (now === undefined) return [{ property, kind: 'lost', what: was.id }];
    // An older version has not noted the type.
    if (was.type !== '' && now.type !== was.type) return [{ property, kind: 'retyped', what: now.type }];
    const renamed: Difference[] =
      now.name === was.name ? [] : [{ property, kind: 'renamed', what: `property ${now.name}` }];
    return hasOptions(now.type) ? [...renamed, ...optionsIn(property, was, now)] : renamed;
  });
}

const back = (property: string): Difference => ({ property, kind: 'back', what: '' });

function isBack(
  property: string,
  known: KnownSchema,
  now: NamedProperty | undefined,
  properties: Readonly<Record<string, NamedProperty>>,
): boolean {
  const was = ownEntry(known, property);
  if (was === undefined || was.interruption === 'retargeted') return false;
  if (was.interruption === 'retyped') return now === undefined || now.type === was.type;
  if (now !== undefined) return now.type === was.type;
  const ids = new Set(Object.values(known).map(({ id }) => id));
  return Object.values(properties).some(
    ({ id, name, type }) => name === property && type === was.type && !ids.has(id),
  );
}

function optionsIn(property: string, was: KnownProperty, now: NamedProperty): Difference[] {
  const content = now[now.type];
  return (Array.isArray(content) ? content : [content]).flatMap((option): Difference[] => {
    const { id, name } = members(option) ?? {};
    if (typeof id !== 'string' || typeof name !== 'string') return [];
    const known = was.options[id];
    if (known === undefined) return [{ property, kind: 'option', what: id, name }];
    return known.name === name ? [] : [{ property, kind: 'renamed', what: `option ${id} ${name}` }];
  });
}
