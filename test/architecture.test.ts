import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { blanked } from './support/source-text.ts';

// The shape of the source is held by this file: who may import whom, how long things may get, what is not used.

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');
const CODE_LINES = 300;
const ASSET_LINES = 400;
const FUNCTION_LINES = 50;
const MEDIAN_LINES = 110;
/** Of a function; more belong together in an object with names. */
const PARAMETERS = 4;
/** How many functions may have more than that. */
const WIDE_FUNCTIONS = 5;

/** `code` is the text without comments, `bare` without what stands in quotes too; both keep their lines. */
type Source = { readonly path: string; readonly text: string; readonly code: string; readonly bare: string };

type Import = { readonly from: string; readonly to: string; readonly kind: 'value' | 'type' | 'dynamic' };

const filesBelow = (folder: string, ending: RegExp): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name));

const sources: readonly Source[] = filesBelow(SRC, /\.ts$/).map((file) => {
  const text = readFileSync(file, 'utf8');
  return {
    path: relative(SRC, file),
    text,
    code: blanked(text, ['comment']),
    bare: blanked(text, ['comment', 'quote']),
  };
});

const STATEMENT =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:(\{[^}]*\}|[\w*\s,{}]+?)\s+from\s+)?'(\.[^']+)'/g;
const DYNAMIC = /import\('(\.[^']+)'\)/g;

/** A statement whose every name is a type imports no value, whatever the way in which it says so. */
const onlyTypes = (type: string | undefined, names: string | undefined): boolean =>
  type !== undefined ||
  (names?.startsWith('{') === true &&
    names
      .slice(1, -1)
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .every((name) => name.startsWith('type ')));

function importsOf(source: Source): Import[] {
  const at = (target: string): string => relative(SRC, resolve(SRC, dirname(source.path), target));
  const statements = [...source.code.matchAll(STATEMENT)].map(
    ([, type, names, target = '']): Import => ({
      from: source.path,
      to: at(target),
      kind: onlyTypes(type, names) ? 'type' : 'value',
    }),
  );
  const dynamic = [...source.code.matchAll(DYNAMIC)].map(
    ([, target = '']): Import => ({ from: source.path, to: at(target), kind: 'dynamic' }),
  );
  return [...statements, ...dynamic];
}

const imports = sources.flatMap(importsOf);

/** The layers from the top: a folder may import from its own files and from the layers below, never from beside it. */
const LAYERS: readonly (readonly string[])[] = [
  ['sandbox'],
  ['cli'],
  ['app'],
  ['admin', 'reports', 'reconcile', 'capture', 'to-notion', 'to-postgres', 'config'],
  ['sync'],
  ['state', 'notion', 'postgres'],
  ['runtime'],
  ['model'],
];

/** What a folder does not know though it lies below. */
const APART: readonly (readonly [from: string, to: string])[] = [
  ['capture', 'notion'],
  ['reports', 'postgres'],
];

/** The public API of the package stands beside the folders, and shows what a configuration file needs. */
const PUBLIC_API = 'index.ts';

const folderOf = (path: string): string => path.split('/')[0] ?? path;

const layerOf = (path: string): number => LAYERS.findIndex((layer) => layer.includes(folderOf(path)));

const lines = (found: readonly Import[]): string[] => found.map(({ from, to }) => `${from} -> ${to}`).sort();

test('every source file has a place in the layers', () => {
  const homeless = sources.filter(({ path }) => path !== PUBLIC_API && layerOf(path) === -1);
  expect(homeless.map(({ path }) => path)).toEqual([]);
  expect(imports.length).toBeGreaterThan(sources.length);
});

test('imports go downwards only, and never to the folder beside', () => {
  const inside = imports.filter(({ from, to }) => !to.startsWith('..') && from !== PUBLIC_API);
  const wrong = inside.filter(({ from, to, kind }) => {
    if (kind === 'dynamic' && from === 'cli/main.ts' && folderOf(to) === 'sandbox') return false;
    if (folderOf(from) === folderOf(to)) return false;
    return layerOf(to) <= layerOf(from) || APART.some(([a, b]) => folderOf(from) === a && folderOf(to) === b);
  });
  expect(lines(wrong)).toEqual([]);
});

test('the public API imports the configuration alone, and nothing inside imports it', () => {
  const own = imports.filter(({ from }) => from === PUBLIC_API);
  expect(own.filter(({ to }) => folderOf(to) !== 'config').map(({ to }) => to)).toEqual([]);
  expect(own.length).toBeGreaterThan(0);
  expect(lines(imports.filter(({ to }) => to === PUBLIC_API))).toEqual([]);
});

test('the source imports nothing outside of src but the example that the demo shows', () => {
  const outside = imports.filter(({ to }) => to.startsWith('..'));
  expect(outside.filter(({ from }) => !from.startsWith('sandbox/demo')).map(({ to }) => to)).toEqual([]);
});

test('the sandbox is loaded by the command line alone, and only when it is asked for', () => {
  const users = imports.filter(({ from, to }) => folderOf(to) === 'sandbox' && folderOf(from) !== 'sandbox');
  expect(users.filter(({ from, kind }) => from !== 'cli/main.ts' || kind !== 'dynamic')).toEqual([]);
});

test('no file imports itself by way of others', () => {
  const next = new Map(
    sources.map(({ path }) => [
      path,
      imports.filter(({ from, kind }) => from === path && kind === 'value').map(({ to }) => to),
    ]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at !== -1) cycles.push([...trail.slice(at), path].join(' -> '));
    if (at !== -1 || done.has(path)) return;
    for (const to of next.get(path) ?? []) walk(to, [...trail, path]);
    done.add(path);
  };
  for (const { path } of sources) walk(path, []);
  expect(cycles).toEqual([]);
});

const found = (pattern: RegExp): string[] =>
  sources.flatMap(({ path, bare }) =>
    [...bare.matchAll(pattern)].map((match) => `${path}: ${match[0].trim().slice(0, 80)}`),
  );

test('nothing escapes the types: no any, no suppressed error', () => {
  expect(found(/(?:\bas|[:<,|&(])\s*any\b(?=\s*(?:[,;)>=|&[\]{}]|$))/gm)).toEqual([]);
  const suppressed = sources.filter(({ text }) => /@ts-(ignore|expect-error|nocheck)/.test(text));
  expect(suppressed.map(({ path }) => path)).toEqual([]);
});

test('a signal is listened to in a way that hears one that has come already', () => {
  const deaf = found(/addEventListener\('abort'/g).filter((each) => !each.startsWith('runtime/'));
  expect(deaf).toEqual([]);
});

/** What runs a statement of SQL: the text stands in the call, or is a tagged template. */
const STATEMENT_OF_SQL = /\.query(?:<[^(]*>)?\(\s*['`]|\bsql(?:<[^>]*>)?`/g;
const OWN_SCHEMA = /(?:\b(?:from|join|into|update|select|call|table)\s+)pgnotion\.\w/g;

const withSql = (pattern: RegExp, folders: readonly string[]): string[] =>
  sources
    .filter(({ path }) => ![...folders, 'sandbox'].includes(folderOf(path)))
    .flatMap(({ path, code }) => [...code.matchAll(pattern)].map(([text]) => `${path}: ${text}`));

test('statements of SQL stand in state and postgres alone', () => {
  expect(withSql(STATEMENT_OF_SQL, ['state', 'postgres'])).toEqual([]);
  expect(withSql(STATEMENT_OF_SQL, []).length).toBeGreaterThan(0);
});

test('the schema pgnotion is named in the SQL of state alone', () => {
  expect(withSql(OWN_SCHEMA, ['state'])).toEqual([]);
  expect(withSql(OWN_SCHEMA, []).length).toBeGreaterThan(0);
});

test('what is selected as text is not what the rows are ordered by: 10 would come before 9', () => {
  const templates = sources.flatMap(({ path, code }) =>
    [...code.matchAll(/`[^`]*`/g)].map(([text]) => ({ path, text })),
  );
  const bare = templates.flatMap(({ path, text }) =>
    [...text.matchAll(/(?<![.\w])(\w+)::text(?!\s+as\b)/gi)]
      .map(([, column = '']) => column)
      .filter((column) => new RegExp(`order by (?:[\\w."]+, )*${column}\\b`, 'i').test(text))
      .map((column) => `${path}: order by ${column}`),
  );
  expect(templates.length).toBeGreaterThan(sources.length);
  expect(bare).toEqual([]);
});

test('a class is an error', () => {
  const classes = found(/\bclass\s+\w+[^{]*\{/g);
  expect(classes.length).toBeGreaterThan(0);
  expect(classes.filter((each) => !/\bextends \w*(Error|Failure)\b/.test(each))).toEqual([]);
});

test('no file only passes on what others export', () => {
  const barrels = sources.filter(({ path, code }) => {
    if (path === PUBLIC_API) return false;
    const statements = code.split(/;\s*\n/).filter((statement) => statement.trim() !== '');
    return (
      /\/index\.ts$/.test(path) ||
      /export \*/.test(code) ||
      (statements.length > 0 &&
        statements.every((statement) => /^\s*export\b[\s\S]*\bfrom\b/.test(statement)))
    );
  });
  expect(barrels.map(({ path }) => path)).toEqual([]);
});

const lineCount = (text: string): number => text.trimEnd().split('\n').length;

test(`no file has more than ${CODE_LINES} lines, no asset or SQL file more than ${ASSET_LINES}`, () => {
  const code = sources.map(({ path, text }) => ({ path, lines: lineCount(text), most: CODE_LINES }));
  const assets = [...filesBelow(SRC, /\.(html|css|js)$/), ...filesBelow(join(ROOT, 'sql'), /\.sql$/)].map(
    (file) => ({
      path: relative(ROOT, file),
      lines: lineCount(readFileSync(file, 'utf8')),
      most: ASSET_LINES,
    }),
  );
  const long = [...code, ...assets].filter((each) => each.lines > each.most);
  expect(long.map((each) => `${each.path}: ${each.lines}`)).toEqual([]);
});

test(`half of the files have fewer than ${MEDIAN_LINES} lines`, () => {
  const lengths = sources.map(({ text }) => lineCount(text)).sort((one, other) => one - other);
  expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThan(MEDIAN_LINES);
});

/** A function's first line, at any depth: a declaration, a method of an object, or an arrow that is given a name. */
const FUNCTION =
  /^[ \t]*(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:function\*?\s+(\w+)|(?:const|let)\s+(\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:async\s*)?(?:<[^>]*>\s*)?\()/gm;

/** Longer than the rule, and waiting to be taken apart: they may shrink, and no other may join them. */
const LONG: Readonly<Record<string, number>> = {
  'app/services.ts: servicesOf': 62,
  'sandbox/notion/human.ts: humanActions': 57,
  'sandbox/notion/store.ts: makeTable': 51,
};

/** From a function's first word to the end of its body or, if it has no braces, of its expression. */
function lengthAt(bare: string, start: number): number {
  let depth = 0;
  let at = start;
  for (; at < bare.length; at += 1) {
    const unit = bare[at] ?? '';
    if ('({['.includes(unit)) depth += 1;
    else if (')}]'.includes(unit)) depth -= 1;
    if (depth > 0) continue;
    if (unit === ';') break;
    // The brace that closes a type, or the parameters, is followed by more of the function's head.
    if (unit === '}' && !/^\s*(?:\)|=>|[|&>[,{=])/.test(bare.slice(at + 1, at + 200))) break;
  }
  return lineCount(bare.slice(start, at + 1).trim());
}

test(`no function has more than ${FUNCTION_LINES} lines`, () => {
  const lengths = sources.flatMap(({ path, bare }) =>
    [...bare.matchAll(FUNCTION)].map((match) => ({
      name: `${path}: ${match[1] ?? match[2]}`,
      lines: lengthAt(bare, match.index),
    })),
  );
  expect(lengths.length).toBeGreaterThan(sources.length);
  expect(lengths.filter(({ name, lines }) => lines > (LONG[name] ?? FUNCTION_LINES))).toEqual([]);
});

/** How many parameters the function has whose first word stands here; a pattern in braces is one. */
function parametersAt(bare: string, start: number): number {
  let at = bare.indexOf('(', start) + 1;
  let count = 0;
  let isEmpty = true;
  for (let depth = 0; at < bare.length; at += 1) {
    const unit = bare[at] ?? '';
    if (depth === 0 && unit === ')') break;
    if ('({[<'.includes(unit)) depth += 1;
    // The arrow of a function's type closes nothing.
    else if (')}]'.includes(unit) || (unit === '>' && bare[at - 1] !== '=')) depth -= 1;
    if (depth === 0 && unit === ',') {
      if (!isEmpty) count += 1;
      isEmpty = true;
    } else if (/\S/.test(unit)) isEmpty = false;
  }
  return isEmpty ? count : count + 1;
}

test(`fewer than ${WIDE_FUNCTIONS} functions have more than ${PARAMETERS} parameters`, () => {
  const wide = sources.flatMap(({ path, bare }) =>
    [...bare.matchAll(FUNCTION)].flatMap((match) => {
      const count = parametersAt(bare, match.index);
      return count > PARAMETERS ? [`${path}: ${match[1] ?? match[2]} has ${count}`] : [];
    }),
  );
  expect(wide.length, wide.join('\n')).toBeLessThan(WIDE_FUNCTIONS);
});
