import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { blanked, pieceAt } from './source-text.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const filesBelow = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();

export type SourceFile = { readonly path: string; readonly text: string };

const read = (path: string): SourceFile => ({ path, text: readFileSync(join(ROOT, path), 'utf8') });

/** What a user of pgnotion may meet; the double of Notion speaks for Notion. */
export const sources: readonly SourceFile[] = filesBelow('src', '.ts')
  .filter((path) => !path.startsWith('src/sandbox/notion'))
  .map(read);

export const sqlSources: readonly SourceFile[] = filesBelow('sql', '.sql').map(read);

/** One place of the source that makes an error or a failure. */
export type SourceError = {
  readonly path: string;
  /** The codes that it may have; of a code that is put together, the pattern. */
  readonly codes: readonly string[];
  /** What happened, with `…` where names and values stand. */
  readonly message: string | null;
  readonly remedy: string;
  /** Whether it says of itself that trying again helps. */
  readonly retries: boolean;
};

/** Constants by their names: `export const PAGE_MOVED = 'page_moved'`. */
const constantsOf = (files: readonly SourceFile[]): ReadonlyMap<string, string> =>
  new Map(
    files.flatMap(({ text }) =>
      [
        ...text.matchAll(/^(?:export )?const ([A-Z][A-Z_]*)(?:: [^=\n]+)? =\s+('[^']*'|"[^"]*"|`[^`]*`);/gm),
      ].map(([, name = '', value = '']) => [name, value] as const),
    ),
  );

const shared = constantsOf(sources);
/** Those of the file that is being read go before those of others. */
let constants = shared;

/** The parts of a list or an object between the brackets that begin at `open`, as they stand in the source. */
function partsAt(text: string, open: number): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let at = open; at < text.length; ) {
    const { kind, end } = pieceAt(text, at);
    const unit = kind === 'code' ? (text[at] ?? '') : '';
    if ('({['.includes(unit) && unit !== '') depth += 1;
    if (')}]'.includes(unit) && unit !== '') depth -= 1;
    if ((unit === ',' && depth === 1) || depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = end;
    }
    if (depth === 0) break;
    at = end;
  }
  return parts.filter((part) => part !== '');
}

/** The place of the bracket that encloses `at`. `bare` is the text without comments and quotes. */
function openingOf(bare: string, at: number): number {
  let depth = 0;
  for (let place = at - 1; place >= 0; place -= 1) {
    const unit = bare[place] ?? '';
    if (')}]'.includes(unit)) depth += 1;
    if ('({['.includes(unit) && depth-- === 0) return place;
  }
  return -1;
}

/** `name: value` and `name` alone, for each property of an object. */
function propertiesOf(parts: readonly string[]): ReadonlyMap<string, string> {
  const plain = parts.map((part) => blanked(part, ['comment']).trim());
  return new Map(
    plain.flatMap((part): [string, string][] => {
      const [, name, value] = /^(\w+)(?::\s*([\s\S]+))?$/.exec(part) ?? [];
      return name === undefined ? [] : [[name, value ?? name]];
    }),
  );
}

/** A command that the source puts together, as it is shown: names of arguments in capitals. */
function commandIn(call: string): string {
  const [command = '', ...words] = partsAt(call, call.indexOf('('));
  const shown = words.map((word) => {
    if (/^'.*'$/.test(word)) return word.slice(1, -1);
    if (word.startsWith('...')) return 'TABLE KEY';
    return /key/i.test(word) ? 'KEY' : /page/i.test(word) ? 'PAGE' : 'TABLE';
  });
  return `\`pgnotion ${[command.slice(1, -1), ...shown].join(' ')}\``;
}

const SHOWN_HOLES: readonly (readonly [RegExp, (hole: string) => string])[] = [
  [/^commandOf\(/, commandIn],
  [/^resetCommandOf\(/, () => '`pgnotion reset TABLE KEY --yes`'],
  [/^(WAITS|LOOKS)$/, (hole) => patternOf(constants.get(hole) ?? '') ?? ''],
];

/** The text of a string or a template as a pattern; `…` stands for what is filled in. */
function textOf(quoted: string): string {
  const inner = quoted.slice(1, -1);
  let result = '';
  for (let at = 0; at < inner.length; at += 1) {
    if (quoted[0] === '`' && inner.startsWith('${', at)) {
      // A template that holds the hole alone tells where it ends.
      const end = pieceAt(`\`${inner.slice(at)}\``, 0).end;
      const close = closingOf(inner, at + 1);
      const hole = inner.slice(at + 2, Math.min(close, at + end)).trim();
      result += SHOWN_HOLES.find(([pattern]) => pattern.test(hole))?.[1](hole) ?? '…';
      at = close;
    } else if (inner[at] === '\\') {
      at += 1;
      result += inner[at] === 'n' ? ' ' : (inner[at] ?? '');
    } else {
      result += inner[at] ?? '';
    }
  }
  return result.replaceAll(/\s+/g, ' ').trim();
}

/** The brace that closes the one at `open`. */
function closingOf(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; ) {
    const { kind, end } = pieceAt(text, at);
    if (kind === 'code' && text[at] === '{') depth += 1;
    if (kind === 'code' && text[at] === '}') depth -= 1;
    if (depth === 0) return at;
    at = end;
  }
  return text.length;
}

/** What an expression may say: its strings, joined where it adds them, else as alternatives. Null if it has none. */
export function patternOf(expression: string): string | null {
  const texts: string[] = [];
  let joins = false;
  for (let at = 0; at < expression.length; ) {
    const { kind, end } = pieceAt(expression, at);
    const piece = expression.slice(at, end);
    const word = /^[A-Z][A-Z_]+\b/.exec(expression.slice(at))?.[0];
    const call = /^(?:reset)?[cC]ommandOf\([^)]*\)/.exec(expression.slice(at))?.[0];
    if (kind === 'quote' && /^['"`]/.test(piece)) {
      const text = textOf(piece);
      if (joins) texts[texts.length - 1] += ` ${text}`;
      else texts.push(text);
      joins = /^\s*\+/.test(expression.slice(end));
    } else if (word !== undefined && constants.has(word)) {
      texts.push(textOf(constants.get(word) ?? ''));
    }
    at = word === undefined ? (call === undefined ? end : at + call.length) : at + word.length;
  }
  const alternatives = [...new Set(texts)].filter((text) => /\w{2}/.test(text) && !/^\d+$/.test(text));
  return alternatives.length === 0 ? null : alternatives.join('; or: ');
}

const CODE = /^[a-z][a-z0-9]*(?:_[a-z0-9…]+)*$/;

/** The codes that an expression may give; none for one that passes on another error's. */
function codesOf(expression: string): string[] {
  const constant = constants.get(expression.trim());
  const quoted = [...(constant ?? expression).matchAll(/'([a-z0-9_]+)'|`([a-z0-9_]+)\$\{[^`]*`/g)];
  return quoted
    .map(([, whole, beginning]) => whole ?? `${beginning}…`)
    .filter((code) => (CODE.test(code) && code.includes('_')) || code === 'unexpected');
}

/** A property that stands for a constant of the same function, as `const remedy = …` above it. */
function resolved(text: string, before: number, expression: string): string {
  if (!/^\w+$/.test(expression) || constants.has(expression)) return expression;
  const found = [
    ...text.slice(0, before).matchAll(new RegExp(`const ${expression}(?:: \\w+)? =\\s`, 'g')),
  ].at(-1);
  if (found === undefined) return expression;
  const start = found.index + found[0].length;
  for (let at = start; at < text.length; ) {
    const { kind, end } = pieceAt(text, at);
    if (kind === 'code' && text[at] === ';') return text.slice(start, at);
    at = end;
  }
  return expression;
}

/** What an error says whose object leaves it to whoever makes it. */
const MESSAGES: Readonly<Record<string, string>> = {
  'src/postgres/pool.ts': 'cannot connect to PostgreSQL at …: …',
  'src/notion/error-classification.ts': 'Notion answered …, or did not answer',
};

function errorsOf({ path, text }: SourceFile): SourceError[] {
  constants = new Map([...shared, ...constantsOf([{ path, text }])]);
  const bare = blanked(text, ['comment', 'quote']);
  const objects = new Set([...bare.matchAll(/\bcode(?=[:,])/g)].map(({ index }) => openingOf(bare, index)));
  return [...objects].flatMap((open) => {
    if (open === -1 || bare[open] !== '{') return [];
    const properties = propertiesOf(partsAt(text, open));
    const value = (name: string): string => resolved(text, open, properties.get(name) ?? '');
    const codes = codesOf(value('code'));
    const remedy = patternOf(value('remedy'));
    if (codes.length === 0 || !properties.has('remedy')) return [];
    const message = patternOf(properties.has('message') ? value('message') : value('reason'));
    const retries = /\btrue\b|'soon'|'later'/.test(
      `${properties.get('retryable') ?? ''} ${properties.get('retry') ?? ''}`,
    );
    return [{ path, codes, message: message ?? MESSAGES[path] ?? null, remedy: remedy ?? EACH, retries }];
  });
}

const EACH = 'do what the message says for each of them';

/** `faultsError('code', 'introduction:', faults)`, which says of each fault what to do. */
const faultErrors = ({ path, text }: SourceFile): SourceError[] =>
  [...text.matchAll(/faultsError\((?=\s*[^\s:]+[^:]*')/g)].flatMap((call) => {
    const [code = '', intro = ''] = partsAt(text, call.index + 'faultsError'.length);
    const codes = codesOf(code);
    if (codes.length === 0) return [];
    return [
      { path, codes, message: patternOf(intro)?.replace(/:$/, '') ?? null, remedy: EACH, retries: false },
    ];
  });

/** `[/wording/, 'code', 'remedy']`. */
const wordings = ({ path, text }: SourceFile): SourceError[] =>
  [...text.matchAll(/\[\s*\/[^\n]+\/i?,\s*'([a-z_]+)',\s*('[^']+'|"[^"]+"),?\s*\]/g)].map(
    ([, code = '', remedy = '']) => ({
      path,
      codes: [code],
      message: MESSAGES[path] ?? null,
      remedy: textOf(remedy),
      retries: false,
    }),
  );

/** Codes that views make: `'code', format('reason', …), 'remedy'`, the latter perhaps put together too. */
const viewErrors = ({ path, text }: SourceFile): SourceError[] =>
  [...text.matchAll(/'([a-z]+(?:_[a-z]+)+)',\s*format\('([^']+)',[^\n]+\n\s*(?:format\()?'([^']+)'/g)].map(
    ([, code = '', reason = '', remedy = '']) => ({
      path,
      codes: [code],
      message: reason.replaceAll('%s', '…'),
      remedy: remedy.replaceAll('%s', '…'),
      retries: false,
    }),
  );

export const sourceErrors: readonly SourceError[] = [
  ...sources.flatMap((file) => [...errorsOf(file), ...faultErrors(file), ...wordings(file)]),
  ...sqlSources.flatMap(viewErrors),
];

/** Every code that the source names in a place where a code belongs, found without reading the objects. */
export const codesNamed: ReadonlySet<string> = new Set(
  sources.flatMap(({ text }) => {
    const code = blanked(text, ['comment']);
    const named = [...code.matchAll(/\bcode: (?:'([a-z0-9_]+)'|([A-Z_]+)\b)/g)];
    return named.flatMap(([, literal, constant = '']) => {
      const value = literal ?? constants.get(constant)?.slice(1, -1) ?? '';
      return /_/.test(value) ? [value] : [];
    });
  }),
);

/** The commands of pgnotion that a text names in backticks, and those that `commandOf` makes; `ARG` for what is filled in. */
export function commandsIn(text: string): string[] {
  const quoted = [...text.matchAll(/\\?`(?:npx )?pgnotion ([a-z][^`\\\n]*)\\?`/g)].map(
    ([, command = '']) => command,
  );
  const made = [...text.matchAll(/\bcommandOf\('/g)].map(({ index }) =>
    commandIn(text.slice(index)).slice('`pgnotion '.length, -1),
  );
  return [...quoted, ...made].map((command) =>
    command
      .replaceAll(/\$\{[^}]*\}/g, 'ARG')
      .replaceAll(/\[[^\]]*\]/g, '')
      .replaceAll(/'[^']*'/g, 'ARG')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  );
}
