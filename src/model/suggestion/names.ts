import { type QualifiedName, type TableName, tableName } from '../ids.ts';
import type { SourceFacts } from './facts.ts';

/** Written in capitals by everybody. */
const ACRONYMS = new Set([
  'api',
  'ean',
  'html',
  'iban',
  'id',
  'ip',
  'isbn',
  'json',
  'pdf',
  'sku',
  'uri',
  'url',
  'utc',
  'uuid',
  'vat',
]);
const SMALL = new Set(['and', 'in', 'of', 'or', 'the']);

/** The words of a name in any of the usual spellings: `unit_price`, `unitPrice`, `Unit Price`. */
export const wordsOf = (name: string): readonly string[] =>
  name
    .replaceAll(/\p{Cc}/gu, ' ')
    .replaceAll(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1 $2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .split(/[\s_.-]+/u)
    .filter((word) => word !== '');

/** The same in lower case with underscores, which rules about names compare. */
export const snakeOf = (name: string): string => wordsOf(name).join('_').toLowerCase();

/** A name for people: `price_per_unit` is `Price Per Unit`. Empty if the name has no letters to show. */
export function displayName(name: string): string {
  // A hyphen belongs to a word, as in E-Mail.
  return wordsOf(name.replaceAll('-', HYPHEN))
    .map((word, at) => {
      const lower = word.toLowerCase();
      if (ACRONYMS.has(lower)) return word.toUpperCase();
      if (at > 0 && SMALL.has(lower)) return lower;
      const letters = [...(word === word.toUpperCase() ? lower : word)];
      return `${(letters[0] ?? '').toUpperCase()}${letters.slice(1).join('')}`;
    })
    .join(' ')
    .replaceAll(HYPHEN, '-');
}

const HYPHEN = '\u2010';

/** Names that are taken, however they are written: to people, `Name` and `name` are one. */
export type Taken = { readonly take: (wanted: string, ...others: readonly string[]) => string };

export function takenNames(reserved: readonly string[]): Taken {
  const taken = new Set(reserved.map((name) => name.toLowerCase()));
  return {
    take: (wanted, ...others) => {
      const numbered = (at: number): string => `${wanted} ${at}`;
      let name = [wanted, ...others].find((each) => !taken.has(each.toLowerCase()));
      for (let at = 2; name === undefined; at += 1)
        if (!taken.has(numbered(at).toLowerCase())) name = numbered(at);
      taken.add(name.toLowerCase());
      return name;
    },
  };
}

/** The two databases that pgnotion reports in have variables for their ids that tables of these names would share. */
const REPORTS = ['sync_log', 'conflicts'];

/** The names that tables have in the configuration: they differ in letters and digits, since variables are named by them. */
export function tableNames(
  tables: readonly Pick<SourceFacts, 'source' | 'schema' | 'relation'>[],
  known: ReadonlyMap<QualifiedName, TableName> = new Map(),
): readonly TableName[] {
  const taken = new Set<string>([...REPORTS, ...known.values()]);
  return tables.map(({ source, schema, relation }) => {
    const given = known.get(source);
    if (given !== undefined) return given;
    const short = slugOf(relation);
    const wanted = short === '' ? ['table'] : [short, `${slugOf(schema)}_${short}`];
    let name = wanted.find((each) => !taken.has(each));
    for (let at = 2; name === undefined; at += 1) {
      const numbered = `${wanted.at(-1) ?? short}_${at}`;
      if (!taken.has(numbered)) name = numbered;
    }
    taken.add(name);
    return tableName(name);
  });
}

const LETTERS: Readonly<Record<string, string>> = { ß: 'ss', æ: 'ae', ø: 'o', œ: 'oe', ł: 'l', đ: 'd' };

/** Lower-case letters A to Z and digits, without accents. */
const slugOf = (name: string): string =>
  snakeOf(name.normalize('NFKD').replaceAll(/\p{M}/gu, ''))
    .replaceAll(/[ßæøœłđ]/g, (letter) => LETTERS[letter] ?? letter)
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
