import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { applyToNotion, openInstallation, openNotion } from '../../src/app/connections.ts';
import { type Introspection, withCatalog } from '../../src/app/introspect.ts';
import { checkTables } from '../../src/app/readiness.ts';
import { introspectCommand } from '../../src/cli/introspect.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { type Config, parseConfig } from '../../src/config/mapping-file.ts';
import type { SuggestedField } from '../../src/model/suggestion/facts.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { startSandbox } from '../../src/sandbox/notion/server.ts';
import { HOSTILE_SCHEMA, VIRTUAL_COLUMN } from '../support/hostile-schema.ts';
import { createDatabase, inDatabase, type TestDatabase } from '../support/postgres.ts';

async function hostile(): Promise<TestDatabase> {
  const database = await createDatabase();
  await database.pool.query(HOSTILE_SCHEMA);
  const { rows } = await database.pool.query<{ version: number }>(
    `select current_setting('server_version_num')::int as version`,
  );
  if ((rows[0]?.version ?? 0) >= 180_000) await database.pool.query(VIRTUAL_COLUMN);
  await database.pool.query('analyze');
  return database;
}

const suggestFor = (url: string, wanted: readonly string[] | null = null): Promise<Introspection> =>
  withCatalog(url, silentLog(), ({ suggest }) => suggest(wanted));

/** The configuration that the command prints, loaded as a command loads it. */
async function generated(url: string): Promise<{ readonly config: Config; readonly text: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'pgnotion-introspect-'));
  try {
    const text = await introspectCommand(
      url,
      { tables: [], json: false, folder, notion: null },
      () => undefined,
    );
    const file = join(folder, 'pgnotion.config.ts');
    await writeFile(file, text);
    const module: { readonly default: unknown } = await import(/* @vite-ignore */ pathToFileURL(file).href);
    return { config: parseConfig(module.default), text };
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('the catalog of a hostile schema', () => {
  test('is suggested as it suits, and what does not suit has its reason', async () => {
    await using database = await hostile();
    const { suggestion, remarks } = await suggestFor(database.url);
    const fields = new Map(suggestion.tables.map((table) => [table.source as string, table]));
    const user = fields.get('public.user');
    const shown = (field: SuggestedField | undefined): string =>
      [field?.type, field?.relatedTable, field?.lossy === true && 'lossy', field?.direction]
        .filter((part) => typeof part === 'string')
        .join(' ');
    const of = (column: string): string => shown(user?.fields.find((each) => each.column === column));
    expect(
      Object.fromEntries(
        ['E-Mail', 'fullName', 'moods', 'mood', 'kind', 'tags', 'grid'].map((c) => [c, of(c)]),
      ),
    ).toEqual({
      'E-Mail': 'email',
      fullName: 'title',
      moods: 'multi_select',
      mood: 'select',
      kind: 'rich_text',
      tags: 'multi_select',
      grid: 'rich_text to-notion',
    });
    expect([of('grade'), of('big'), of('price'), of('initials'), of('created_at'), of('stay')]).toEqual([
      'select',
      'number lossy',
      'number',
      'rich_text to-notion',
      'date to-notion',
      'date',
    ]);
    expect(user?.leftOut.map(({ column }) => column)).toEqual(['id', 'home', 'secret', 'search', 'doc']);
    expect(user).toMatchObject({ name: 'user', rows: 2, comment: 'People.\nSecond line */ of it' });
    const order = fields.get('Sales Dept.Order');
    expect(order?.key).toEqual(['Shop', 'No']);
    expect(order?.fields.map(shown)).toEqual([
      'title to-notion',
      'rich_text to-notion',
      'number to-notion',
      'relation user',
      'relation user',
      'rich_text',
      'number',
      'select',
    ]);
    expect(fields.get('public.event')).toMatchObject({ rows: 4, key: ['id', 'at'] });
    expect(fields.has('public.event_2024')).toBe(false);
    const unsuitable = suggestion.unsuitable.map(({ source, faults }) => [source, faults[0]?.message]);
    expect(Object.fromEntries(unsuitable)).toEqual({
      'public.base': expect.stringContaining('inherits from it'),
      'public.heir': expect.stringContaining('no primary key'),
      'public.log': expect.stringContaining('no primary key'),
      'public.loose': expect.stringContaining('no primary key'),
      'public.slow': expect.stringContaining('DEFERRABLE'),
      'public.cache': expect.stringContaining('unlogged'),
      'public.quiet': expect.stringContaining('REPLICA IDENTITY NOTHING'),
      'public.people': 'it is a view',
      'public.counts': 'it is a materialized view',
    });
    expect(remarks.join()).toContain('auth');
  });

  test('each fixing SQL makes its table fit to be synced', async () => {
    await using database = await hostile();
    const { suggestion } = await suggestFor(database.url);
    const mended = suggestion.unsuitable.filter(({ faults }) => faults[0]?.remedy.startsWith('ALTER TABLE'));
    expect(mended.map(({ source }) => source)).toEqual(
      ['cache', 'heir', 'log', 'loose', 'quiet'].map((name) => `public.${name}`),
    );
    for (const { faults } of mended) await database.pool.query(faults[0]?.remedy ?? '');
    const after = await suggestFor(database.url);
    const still = new Set(after.suggestion.unsuitable.map(({ source }) => source));
    expect(mended.filter(({ source }) => still.has(source))).toEqual([]);
  });

  test('tables can be named, a partition stands for its table, and one that is not there is told', async () => {
    await using database = await hostile();
    const { suggestion, remarks } = await suggestFor(database.url, [
      'tree',
      'public.event_2024',
      'auth.users',
    ]);
    expect(suggestion.tables.map(({ source }) => source)).toEqual([
      'public.event',
      'public.tree',
      'auth.users',
    ]);
    expect(remarks).toEqual(['public.event_2024 is a partition: its table public.event is taken']);
    await expect(suggestFor(database.url, ['public.tre'])).rejects.toMatchObject({
      code: 'catalog_mismatch',
      remedy: expect.stringContaining('did you mean public.tree'),
    });
  });

  test('a role that may only read some of it gets what it may, and the GRANT that gives more', async () => {
    await using database = await hostile();
    const role = `reader_${database.name}`;
    await database.pool.query(
      `create role ${role} login password 'x'; grant select on public.tree to ${role};
       grant select (id, "fullName"), insert, update, delete on public."user" to ${role};
       grant select on public.guarded to ${role}`,
    );
    try {
      const url = inDatabase(database.url, database.name, { user: role, password: 'x' });
      const { suggestion } = await suggestFor(url, ['tree', 'user', 'guarded', 'event']);
      const [tree, user] = suggestion.tables;
      expect(tree).toMatchObject({
        direction: 'to-notion',
        remarks: [expect.stringContaining('GRANT INSERT')],
      });
      expect(user?.fields.map(({ column }) => column)).toEqual(['fullName']);
      expect(suggestion.unsuitable.map(({ source, faults }) => [source, faults[0]?.message])).toEqual([
        ['public.event', `the role ${role} has no SELECT on it`],
        ['public.guarded', expect.stringContaining('row-level security')],
      ]);
    } finally {
      await database.pool.query(`drop owned by ${role}; drop role ${role}`);
    }
  });
});

test('what is printed is a configuration that apply carries out, without a line by hand', async () => {
  await using database = await hostile();
  const { config, text } = await generated(database.url);
  expect(text).toContain('// - public.log: it has no primary key');
  const sandbox = await startSandbox({ limit: null });
  const environment = readEnvironment(
    {
      DATABASE_URL: database.url,
      NOTION_API_KEY: sandbox.token,
      NOTION_BASE_URL: sandbox.url,
      NOTION_PARENT_PAGE_ID: sandbox.parentPageId,
      NOTION_RATE_LIMIT: '100000/1s',
    },
    config,
  );
  const installation = await openInstallation(config, environment, silentLog());
  const { notion, throttle } = openNotion(installation);
  try {
    const applied = await applyToNotion(installation, notion);
    expect(applied.map(({ table }) => table as string).sort()).toEqual(
      config.tables.map(({ name }) => name as string).sort(),
    );
    expect(applied.flatMap(({ faults, waiting }) => [...faults, ...waiting])).toEqual([]);
    expect([...(await checkTables(installation, 'to-tell'))]).toEqual([]);
  } finally {
    await throttle.stop();
    await installation.close();
    await sandbox.close();
  }
});
