import { quote } from '../codecs/support.ts';
import { fold } from '../codecs/values.ts';
import type { ResolvedField } from '../mapping.ts';
import type { Deviation, KnownOption, WantedProperty } from './known.ts';
import { canonicalName } from './options.ts';

export const isNamed = (names: readonly string[], { name }: KnownOption): boolean =>
  names.some((each) => fold(each) === fold(name));

/** An option cannot be added under a name that another one has been given. */
export function takenOption(
  want: WantedProperty,
  field: ResolvedField,
  { names, renamed: taken }: { readonly names: readonly string[]; readonly renamed: readonly KnownOption[] },
): Deviation {
  const back = taken.map((option) => `${quote(option.name)} to ${quote(canonicalName(field, option))}`);
  return {
    property: want.property,
    kind: 'option_missing',
    remedyKind: 'click',
    detail: `the property lacks ${names.map(quote).join(', ')}, and another option has been given that name`,
    remedy: `rename ${back.join(', ')} in Notion, as it was called, and run \`pgnotion apply\`, which adds what is missing`,
  };
}

export function missingOption(want: WantedProperty, names: readonly string[], addable: boolean): Deviation {
  const shown = names.slice(0, 10).map(quote).join(', ');
  const more = names.length > 10 ? ` and ${names.length - 10} more` : '';
  const byUse = want.type !== 'status';
  return {
    property: want.property,
    kind: 'option_missing',
    ...(!addable && { remedyKind: byUse ? 'nothing' : 'click' }),
    detail: `the property lacks ${names.length === 1 ? 'the option' : 'the options'} ${shown}${more}`,
    remedy: addable
      ? `run \`pgnotion apply\`, which adds what is missing${byUse ? '; or wait for the next value, which adds its option' : ''}`
      : byUse
        ? 'nothing to do: Notion takes 100 options in one request, and the others are added by the first page that uses them'
        : 'add them in Notion: it takes 100 options in one request, and status options are not added by use',
  };
}
