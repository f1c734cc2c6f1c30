import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { CAUSES } from '../../src/admin/alert-causes.ts';
import { METRICS } from '../../src/admin/metric-list.ts';
import { EXAMPLES } from '../../src/cli/program.ts';
import { OPTIONS } from '../../src/config/environment.ts';
import { codecs } from '../../src/model/codecs/registry.ts';
import { migrate } from '../../src/state/migrate.ts';
import { createDatabase } from '../support/postgres.ts';
import { INNER_FUNCTIONS } from '../support/sql-functions.ts';

// What the documents say is compared with what the source does, so that neither drifts from the other.

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const below = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));

const reference = read('docs/reference.md');
const documents = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...below('docs', '.md')];

/** The rows of all tables whose first heading is this one, cell by cell. */
function tableRows(text: string, heading: string): string[][] {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    if (!new RegExp(`^\\| *${heading} *\\|`).test(line)) return [];
    const rest = lines.slice(at + 2);
    const end = rest.findIndex((row) => !row.startsWith('|'));
    return rest.slice(0, end === -1 ? rest.length : end).map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  });
}

const names = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

describe('the reference', () => {
  test('has every environment variable, with its help and its default', () => {
    const rows = tableRows(reference, 'Variable');
    expect(rows.map(([name, , help]) => [name, help])).toEqual(
      OPTIONS.map(({ name, help }) => [`\`${name}\``, help]),
    );
    for (const { name, schema } of OPTIONS) {
      const told = rows.find(([cell]) => cell === `\`${name}\``)?.[1] ?? '';
      const unset = schema.safeParse(undefined);
      if (!unset.success) expect(told, name).toBe('required');
      else if (unset.data === undefined) expect(told, name).toBe('–');
      else expect(schema.parse(told.replaceAll('`', '')), name).toEqual(unset.data);
    }
  });

  test('has every option of the configuration, and no other', () => {
    const source = read('src/config/mapping-file.ts');
    const keys = (from: string, indent: number): string[] => {
      const start = source.indexOf(from);
      const block = source.slice(start, source.indexOf(`\n${' '.repeat(indent - 2)}})`, start));
      return [...block.matchAll(new RegExp(`^ {${indent}}(\\w+):`, 'gm'))].map(([, key = '']) => key);
    };
    const told = (heading: string): string[] =>
      tableRows(reference, heading).flatMap(([cell = '']) => names(cell));
    expect(told('Table option').sort()).toEqual(keys('const table = z.strictObject', 2).sort());
    expect(told('Field option').sort()).toEqual(keys('const field = z\n', 4).sort());
    const whole = keys('const config = z.strictObject', 2)
      .filter((key) => key !== 'tables')
      .flatMap((key) => {
        const inner = source.slice(source.indexOf('const config ='));
        const group = new RegExp(
          `^  ${key}: z\\n    \\.strictObject\\(\\{([\\s\\S]*?)\\n    \\}\\)`,
          'm',
        ).exec(inner);
        if (group === null) return [key];
        return [...(group[1] ?? '').matchAll(/^ {6}(\w+):/gm)].map(([, name = '']) => `${key}.${name}`);
      });
    expect(told('Option').sort()).toEqual(whole.sort());
  });

  test('says what each property type takes', () => {
    const told = tableRows(reference, 'Property').flatMap(([cell = '']) => names(cell));
    expect(told.sort()).toEqual(Object.keys(codecs).sort());
  });

  test('has every command, and no other', async () => {
    const ask = async (...command: string[]): Promise<string[]> => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        join(ROOT, 'src/cli/main.ts'),
        ...command,
        '--help',
      ]);
      const list = stdout.split('Commands:\n')[1] ?? '';
      return [...list.matchAll(/^ {2}(\w+)/gm)]
        .map(([, name = '']) => name)
        .filter((name) => name !== 'help');
    };
    // Only commands that have commands of their own are asked again: each question is a process.
    const groups = [...read('src/cli/main.ts').matchAll(/^const \w+ = program\s*\.command\('(\w+)'\)/gm)];
    const inner = new Map<string, string[]>();
    for (const [, name = ''] of groups) inner.set(name, await ask(name));
    const all = (await ask()).flatMap(
      (command) => inner.get(command)?.map((name) => `${command} ${name}`) ?? command,
    );
    const told = tableRows(reference, 'Command').map(([cell = '']) =>
      (names(cell)[0] ?? '').replace(/^pgnotion /, '').replace(/ [[<].*$/, ''),
    );
    expect(told.sort()).toEqual(all.sort());
    // The examples of a new command are one line of src/cli/program.ts.
    expect(Object.keys(EXAMPLES).sort(), 'commands with examples in their help').toEqual(all.sort());
    for (const [name, examples] of Object.entries(EXAMPLES))
      expect(examples.filter((each) => !`${each} `.startsWith(`pgnotion ${name} `))).toEqual([]);
  });

  test('has every view with its columns, and every function of the SQL interface', async () => {
    await using database = await createDatabase();
    await migrate(database.pool);
    const { rows } = await database.pool.query<{ name: string; columns: string[] }>(
      `select c.relname::text as name, array_agg(a.attname::text order by a.attnum) as columns
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        where c.relnamespace = 'pgnotion'::regnamespace and c.relkind = 'v'
          -- A part of the view of failures.
          and c.relname <> 'row_failures' group by 1`,
    );
    const views = tableRows(reference, 'View').map(([name = '', columns = '']) => [
      names(name)[0],
      names(columns),
    ]);
    expect(Object.fromEntries(views)).toEqual(
      Object.fromEntries(rows.map(({ name, columns }) => [`pgnotion.${name}`, columns])),
    );
    const made = await database.pool.query<{ name: string }>(
      `select distinct proname::text as name from pg_proc where pronamespace = 'pgnotion'::regnamespace`,
    );
    const functions = made.rows.map(({ name }) => name).filter((name) => !INNER_FUNCTIONS.includes(name));
    const told = tableRows(reference, 'Function').map(([cell = '']) => /pgnotion\.(\w+)/.exec(cell)?.[1]);
    expect(told.sort()).toEqual(functions.sort());
  });
});

test('operations.md has every metric, a section of each alert, and the limits that the configuration has', () => {
  const operations = read('docs/operations.md');
  const metrics = tableRows(operations, 'Metric').map(([name = '', type, labels = '']) => [
    names(name)[0],
    { type, labels: names(labels) },
  ]);
  expect(Object.fromEntries(metrics)).toEqual(
    Object.fromEntries(
      Object.entries(METRICS).map(([name, metric]) => [
        name,
        { type: metric.type, labels: 'labels' in metric ? [...metric.labels] : [] },
      ]),
    ),
  );
  const alerts = operations.slice(operations.indexOf('\n## Alerts\n'), operations.indexOf('\n## Failures\n'));
  const sections = [...alerts.matchAll(/^### (.+)$/gm)].flatMap(([, heading = '']) => heading.split(', '));
  expect(sections.sort()).toEqual([...CAUSES].sort());
});

/** The numbers in `invariant 3`, `invariants 1, 3 and 4` and `invariants 1 to 9`. */
function invariantsIn(text: string): Set<number> {
  const found = [...text.matchAll(/invariants? (\d+(?:(?:, | and | to )\d+)*)/gi)];
  return new Set(
    found.flatMap(([, list = '']) => {
      const numbers = list.split(/\D+/).map(Number);
      const [first = 0, last = 0] = numbers;
      return list.includes(' to ')
        ? Array.from({ length: last - first + 1 }, (_, at) => first + at)
        : numbers;
    }),
  );
}

test('the README has at most 1,300 words and the commands that the package has', () => {
  const readme = read('README.md');
  expect(readme.split(/\s+/).filter((word) => word !== '').length).toBeLessThanOrEqual(1_300);
  const scripts = Object.keys(
    (JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> }).scripts,
  );
  const run = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
  expect(run.filter((name) => !scripts.includes(name))).toEqual([]);
});

/** Files in documents go by their path from the root, or from `src` as the architecture page writes them. */
test('every file that a document names exists', () => {
  const ending = /^[\w.*-]+(?:\/[\w.*-]+)+\.(?:ts|sql|pml|sh|md|json|yml|yaml)$/;
  const own =
    /^(?:src|sql|test|docs|examples|\.ci)\/|^(?:admin|app|capture|cli|config|model|notion|postgres|reconcile|reports|runtime|sandbox|state|to-notion|to-postgres)\//;
  const missing = documents
    .filter((document) => document !== 'CHANGELOG.md')
    .flatMap((document) =>
      names(read(document).replaceAll(/^```[\s\S]*?^```/gm, ''))
        .filter((name) => ending.test(name) && own.test(name) && !name.includes('*'))
        .filter((name) => !existsSync(join(ROOT, name)) && !existsSync(join(ROOT, 'src', name)))
        .map((name) => `${document}: ${name}`),
    );
  expect(missing).toEqual([]);
});

test('no document names a file of the source without its folder', () => {
  const bare = documents
    .filter((document) => document !== 'CHANGELOG.md')
    .flatMap((document) =>
      names(read(document))
        .filter((name) => /^[a-z][\w-]*\.ts$/.test(name) && name !== 'pgnotion.config.ts')
        .map((name) => `${document}: ${name}`),
    );
  expect(bare).toEqual([]);
});

describe('the list of invariants', () => {
  const sections = read('docs/invariants.md')
    .split(/^## (?=\d+\. )/m)
    .slice(1);
  const tests = below('test', '.test.ts').map((path) => ({ path, text: read(path) }));

  test('has all seventeen in their order', () => {
    expect(sections.map((section) => Number.parseInt(section, 10))).toEqual(
      Array.from({ length: 17 }, (_, at) => at + 1),
    );
  });

  test.each(sections.map((section) => [Number.parseInt(section, 10), section] as const))(
    'invariant %i names code and tests that exist, or says that none shows it yet',
    (number, section) => {
      const files = names(section).filter((name) => /^(src|sql|test)\//.test(name));
      expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
      expect(files.some((file) => !file.startsWith('test/'))).toBe(true);
      const named = files.filter((file) => file.endsWith('.test.ts'));
      expect(named.filter((file) => !invariantsIn(read(file)).has(number))).toEqual([]);
      if (named.length > 0) return;
      expect(section).toContain('No test shows it yet');
      expect(tests.filter(({ text }) => invariantsIn(text).has(number)).map(({ path }) => path)).toEqual([]);
    },
  );
});

test('every relative link leads somewhere', () => {
  const anchor = (heading: string): string =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-');
  const broken = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].flatMap(
      ([link, path = '', hash]) => {
        const target = path === '' ? document : join(dirname(document), path);
        if (!existsSync(join(ROOT, target))) return [`${document}: ${link}`];
        if (hash === undefined) return [];
        const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchor(heading));
        return headings.includes(hash) ? [] : [`${document}: ${link}`];
      },
    ),
  );
  expect(broken).toEqual([]);
});

test('no document or setting names a machine that it was written on', () => {
  const files = [
    ...documents,
    ...['package.json', 'package-lock.json', 'Dockerfile', 'compose.yaml', '.env.example', '.ci/run'],
    ...below('.github', '.yml'),
    ...below('examples', '.md'),
    ...below('src', '.ts'),
    ...below('sql', '.sql'),
  ];
  const words = /(?<![\w.])\/(?:work|root|home|Users)\/|"resolved":|registry\.npm|\bTODO\b|\bFIXME\b/;
  expect(files.filter((file) => words.test(read(file)))).toEqual([]);
});
