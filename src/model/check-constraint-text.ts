/** How a rule of the catalog names things to a person. */
type Names = {
  /** The column whose value is in question. */
  readonly column: string;
  /** A column's property, for rules that compare two; null if it is not shown. */
  readonly propertyOf: (column: string) => string | null;
  /** A label's name in Notion. */
  readonly labelOf: (label: string) => string;
};

/**
 * A CHECK constraint in words, such as `must be at least 0 and must be at most 5`. Null if it is anything but plain
 * comparisons joined by AND: then PostgreSQL's own words have to do. `definition` is what `pg_get_constraintdef` gives.
 */
export function checkConstraintText(definition: string, names: Names): string | null {
  const body = /^CHECK \((.*)\)(?: NOT VALID)?$/s.exec(definition)?.[1];
  if (body === undefined || / (?:OR|NOT|CASE) /.test(body) || /'[^']*(?:[()]| AND )[^']*'/.test(body))
    return null;
  const parts = plain(body)
    .split(' AND ')
    .map((part) => wordsOf(part.trim(), names));
  return parts.some((part) => part === null) ? null : [...new Set(parts)].join(' and ');
}

/** Without casts, and without parentheses other than a function's. */
function plain(body: string): string {
  const type = String.raw`(?:"[^"]+"|[a-z_][\w.]*(?: varying| precision| with(?:out)? time zone)?)`;
  const cast = String.raw`::${type}(?:\(\d+(?:,\s*\d+)?\))?(?:\[\])?`;
  // What looks like a cast within a quoted text or name is a part of it.
  let text = body.replaceAll(
    new RegExp(`('(?:[^']|'')*'|"(?:[^"]|"")*")|${cast}`, 'gi'),
    (_, quoted?: string) => quoted ?? '',
  );
  for (let before = ''; before !== text; ) {
    before = text;
    // From the inside out; a function's own are kept apart until all others are gone.
    text = text
      .replaceAll(/([\w"])\(([^()]*)\)/g, '$1\u27e8$2\u27e9')
      .replaceAll(/(?<![\w"])\(([^()]*)\)/g, '$1');
  }
  text = text.replaceAll('\u27e8', '(').replaceAll('\u27e9', ')');
  return text.replaceAll(/'(-?[\d.]+)'/g, (quoted, digits: string) => (digits === '' ? quoted : digits));
}

const NAME = String.raw`"[^"]+"|[a-zA-Z_]\w*`;
const COMPARISON = new RegExp(String.raw`^(${NAME}) (>=|<=|<>|>|<|=) (-?[\d.]+|'(?:[^']|'')*'|${NAME})$`);
const LENGTH = new RegExp(
  String.raw`^(?:char_|character_)?length\((?:b?trim\()?(${NAME})\)?\) (>=|<=|<>|>|<|=) (\d+)$`,
);
const ONE_OF = new RegExp(String.raw`^(${NAME}) = ANY ARRAY\[(.*)\]$`);
const PATTERN = new RegExp(String.raw`^(${NAME}) (~\*?) '((?:[^']|'')*)'$`);

function wordsOf(part: string, names: Names): string | null {
  const isOurs = (name = ''): boolean => unquoted(name) === names.column || name === 'VALUE';
  const [, subject, operator = '', object = ''] = COMPARISON.exec(part) ?? [];
  if (isOurs(subject)) return comparison(operator, object, names);
  if (subject !== undefined && isOurs(object)) return comparison(TURNED[operator] ?? '', subject, names);
  const [, measured, than = '', number = ''] = LENGTH.exec(part) ?? [];
  if (isOurs(measured)) return lengthWords(than, Number(number));
  const [, chosen, list = ''] = ONE_OF.exec(part) ?? [];
  if (isOurs(chosen)) {
    const labels = labelsIn(list);
    return labels.length === 0 ? null : `must be one of ${labels.map(names.labelOf).join(', ')}`;
  }
  const [, matched, , pattern = ''] = PATTERN.exec(part) ?? [];
  return isOurs(matched) ? `must match the pattern ${pattern.replaceAll("''", "'")}` : null;
}

const labelsIn = (list: string): readonly string[] =>
  [...list.matchAll(/'((?:[^']|'')*)'|(-?[\d.]+)/g)].map(
    ([, text, digits]) => text?.replaceAll("''", "'") ?? digits ?? '',
  );

/** The texts that a CHECK constraint allows in a column, if that is all it says; null otherwise. */
export function allowedLabels(definition: string, column: string): readonly string[] | null {
  const body = /^CHECK \((.*)\)$/s.exec(definition)?.[1];
  const quoted = body?.match(/'(?:[^']|'')*'/g) ?? [];
  // What is taken away around the texts must not stand within them.
  if (body === undefined || quoted.some((text) => /[()]/.test(text))) return null;
  const [, chosen = '', list = ''] = ONE_OF.exec(plain(body).trim()) ?? [];
  const isOurs = unquoted(chosen) === column || chosen === 'VALUE';
  return isOurs && LITERALS.test(list) ? labelsIn(list) : null;
}

const LITERAL = String.raw`(?:'(?:[^']|'')*'|-?[\d.]+)`;
const LITERALS = new RegExp(`^${LITERAL}(?:, ${LITERAL})*$`);

const TURNED: Readonly<Record<string, string>> = {
  '>=': '<=',
  '<=': '>=',
  '>': '<',
  '<': '>',
  '=': '=',
  '<>': '<>',
};

const WORDS: Readonly<Record<string, string>> = {
  '>=': 'must be at least',
  '<=': 'must be at most',
  '>': 'must be more than',
  '<': 'must be less than',
  '=': 'must be',
  '<>': 'must not be',
};

function comparison(operator: string, object: string, names: Names): string | null {
  if (operator === '<>' && object === "''") return 'must not be empty';
  const words = WORDS[operator];
  if (words === undefined) return null;
  if (/^-?[\d.]+$/.test(object)) return `${words} ${object}`;
  if (object.startsWith("'")) return `${words} ${names.labelOf(object.slice(1, -1).replaceAll("''", "'"))}`;
  if (object === 'true' || object === 'false') return `${words} ${object}`;
  const other = names.propertyOf(unquoted(object));
  return other === null ? null : `${words} ${other}`;
}

function lengthWords(operator: string, number: number): string | null {
  const least = operator === '>' ? number + 1 : operator === '>=' ? number : null;
  if (least === 1) return 'must not be empty';
  if (least !== null) return `must have at least ${least} characters`;
  if (operator === '=') return `must have exactly ${number} characters`;
  const most = operator === '<' ? number - 1 : operator === '<=' ? number : null;
  return most === null ? null : `must have at most ${most} characters`;
}

const unquoted = (name: string): string => (name.startsWith('"') ? name.slice(1, -1) : name);
