import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fault } from '../../src/model/errors.ts';
import { qualifiedName } from '../../src/model/ids.ts';
import { membershipFault } from '../../src/model/publishable.ts';
import type { WantedTable } from '../../src/model/publishing.ts';
import { faultsOf, mendPublication } from '../../src/postgres/publication.ts';
import { readPublication } from '../../src/postgres/publication-facts.ts';
import type { PostgresServer } from '../../src/sandbox/postgres-server.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { startDebianPostgres15 } from '../support/servers.ts';

// Whether a table can be published is decided from the catalog. PostgreSQL is asked itself whether that is right: the
// application's statements are run while the table is published, as it was refused and as the remedy left it.

const wantedTable = (name: string, more: Partial<WantedTable> = {}): WantedTable => ({
  name: qualifiedName('app', name),
  identifiedBy: ['id'],
  key: ['id'],
  columns: ['id', 'n'],
  readsMore: false,
  withoutHeirs: false,
  ...more,
});

type Case = {
  /** Makes the table `t`. */
  readonly make: string;
  /** What the fault says; null if it can be published. By major version where they differ. */
  readonly fault: RegExp | null | { readonly 15: RegExp | null; readonly 18: RegExp | null };
  /** Whether the application's statements fail once it is published all the same. */
  readonly breaks?: boolean | { readonly 15: boolean; readonly 18: boolean };
  /** Whether what the fault says to run mends it; true if left out. */
  readonly mends?: boolean;
  readonly only?: 18;
  readonly wanted?: Partial<WantedTable>;
};

const WITH_KEY = 'create table app.t (id int primary key, n int, k int)';
const PARTS = `create table app.t (id int, n int, k int, primary key (id)) partition by range (id);
  create table app.low partition of app.t for values from (0) to (5)`;

const CASES: Readonly<Record<string, Case>> = {
  'a primary key': { make: WITH_KEY, fault: null },
  'no primary key': {
    make: 'create table app.t (id int not null, n int, k int)',
    fault: /neither a primary key/,
    breaks: true,
  },
  'a deferrable primary key': {
    make: 'create table app.t (id int primary key deferrable initially immediate, n int, k int)',
    fault: /DEFERRABLE/,
    breaks: true,
  },
  'a deferrable primary key and REPLICA IDENTITY FULL': {
    make: 'create table app.t (id int primary key deferrable, n int, k int); alter table app.t replica identity full',
    fault: null,
  },
  'REPLICA IDENTITY NOTHING': {
    make: `${WITH_KEY}; alter table app.t replica identity nothing`,
    fault: /NOTHING/,
    breaks: true,
  },
  'REPLICA IDENTITY NOTHING and no key': {
    make: 'create table app.t (id int not null, n int, k int); alter table app.t replica identity nothing',
    fault: /NOTHING/,
    breaks: true,
  },
  'an index of the key as identity': {
    make: `create table app.t (id int not null, n int, k int); create unique index "Odd ""index" on app.t (id);
      alter table app.t replica identity using index "Odd ""index"`,
    fault: null,
  },
  'an index as identity that was dropped': {
    make: `${WITH_KEY.replace('k int', 'k int not null')}; create unique index i on app.t (k);
      alter table app.t replica identity using index i; drop index app.i`,
    fault: /was dropped/,
    breaks: true,
  },
  'an identity that does not show the key': {
    make: `${WITH_KEY.replace('k int', 'k int not null')}; create unique index i on app.t (k);
      alter table app.t replica identity using index i`,
    fault: /leaves out id/,
  },
  'REPLICA IDENTITY FULL and a key that may repeat': {
    make: 'create table app.t (id int, n int, k int); alter table app.t replica identity full',
    fault: /unique and without NULL/,
  },
  'a key that only a partial index keeps unique': {
    make: `create table app.t (id int not null, n int, k int); create unique index on app.t (id) where n > 0;
      alter table app.t replica identity full`,
    fault: /unique and without NULL/,
  },
  'REPLICA IDENTITY FULL with a stored generated column': {
    make: `create table app.t (id int primary key, n int, k int, g int generated always as (n * 2) stored);
      alter table app.t replica identity full`,
    fault: null,
  },
  'REPLICA IDENTITY FULL with a virtual generated column': {
    make: `create table app.t (id int primary key, n int, k int, g int generated always as (n * 2) virtual);
      alter table app.t replica identity full`,
    fault: /virtual generated column g/,
    breaks: true,
    only: 18,
  },
  'a generated column beside a plain key': {
    make: 'create table app.t (id int primary key, n int, k int, g int generated always as (n * 2) stored)',
    fault: null,
  },
  'a generated key': {
    make: 'create table app.t (n int, k int, id int generated always as (k * 2) stored primary key)',
    fault: { 15: /generated column id, which is not in the log/, 18: null },
    mends: false,
  },
  'an unlogged table': {
    make: WITH_KEY.replace('table', 'unlogged table'),
    fault: /unlogged/,
  },
  partitions: { make: PARTS, fault: null },
  'partitions without a key': {
    make: `${PARTS.replace(', primary key (id)', '').replace('id int', 'id int not null')};
      create table app.high partition of app.t for values from (5) to (9)`,
    fault: /^nothing keeps its key/,
    breaks: true,
  },
  'a partition with an identity of its own': {
    make: `${PARTS}; create table app.high partition of app.t for values from (5) to (9);
      alter table app.high replica identity nothing; alter table app.low replica identity full`,
    fault: /partition app\.high has REPLICA IDENTITY NOTHING/,
    breaks: true,
  },
  'a partition that was attached with another identity': {
    make: `${PARTS}; create table app."High one" (k int not null unique, n int, id int not null, primary key (id));
      alter table app."High one" replica identity using index app."High one_k_key";
      alter table app.t attach partition app."High one" for values from (5) to (9)`.replaceAll(
      'using index app.',
      'using index ',
    ),
    fault: /identity of app\."High one" leaves out id/,
  },
  'a deferrable key of partitions': {
    make: `create table app.t (id int, n int, k int, primary key (id) deferrable) partition by range (id);
      create table app.low partition of app.t for values from (0) to (9)`,
    fault: /primary key of app\.low is DEFERRABLE/,
    breaks: true,
  },
  'an unlogged partition': {
    make: `${PARTS}; create unlogged table app.high partition of app.t for values from (5) to (9)`,
    fault: /partition app\.high is unlogged/,
  },
  'a foreign partition': {
    make: `create table app.t (id int not null, n int, k int) partition by range (id);
      create table app.low partition of app.t for values from (0) to (5);
      alter table app.low replica identity full;
      create foreign data wrapper nowhere; create server nowhere foreign data wrapper nowhere;
      create foreign table app.high partition of app.t for values from (5) to (9) server nowhere`,
    fault: /app\.high is a foreign table[\s\S]*unique/,
  },
  'a partition whose root is synced': {
    make: `create table app.root (id int, n int, k int, primary key (id)) partition by range (id);
      create table app.t partition of app.root for values from (0) to (9)`,
    fault: /partition of app\.root/,
    mends: false,
  },
  'a table that another one inherits from': {
    make: `${WITH_KEY}; create table app.heir () inherits (app.t)`,
    fault: /app\.heir inherits from it/,
    breaks: true,
  },
  'an inheriting table with a key of its own': {
    make: `${WITH_KEY}; create table app.heir (primary key (id)) inherits (app.t)`,
    fault: /app\.heir inherits from it/,
  },
  'heirs of heirs': {
    make: `${WITH_KEY}; create table app.heir () inherits (app.t); create table app."Second" () inherits (app.heir)`,
    fault: /app\.heir, app\."Second" inherit from it/,
    breaks: true,
    mends: false,
  },
  'a query of its own rows only, whatever inherits': {
    make: `${WITH_KEY}; create table app.heir () inherits (app.t)`,
    fault: null,
    wanted: { withoutHeirs: true },
  },
  'an inheriting table itself': {
    make: `create table app.parent (id int, n int, k int); create table app.t (primary key (id)) inherits (app.parent)`,
    fault: null,
  },
  'a view': {
    make: 'create view app.t as select 1 as id, 2 as n, 3 as k',
    fault: /it is a view/,
    mends: false,
  },
  'a joined table whose identity shows other columns': {
    make: WITH_KEY,
    fault: /leaves out k/,
    wanted: { key: null, identifiedBy: ['k'] },
  },
  'a joined table without a key, of which nothing tells one': {
    make: 'create table app.t (id int, n int, k int)',
    fault: /neither a primary key/,
    breaks: true,
    wanted: { key: null, identifiedBy: [] },
  },
  'a joined table with a unique index for a key': {
    make: 'create table app.t (id int, n int, k int not null unique)',
    fault: /neither a primary key/,
    breaks: true,
    wanted: { key: null, identifiedBy: [] },
  },
  'a joined table of partitions without a key': {
    make: `create table app.t (id int, n int, k int) partition by range (id);
      create table app.low partition of app.t for values from (0) to (5);
      create table app.high partition of app.t for values from (5) to (9)`,
    fault: /its partition app.high has neither/,
    breaks: true,
    wanted: { key: null, identifiedBy: [] },
  },
  'a joined table without a key, with REPLICA IDENTITY FULL and a virtual column': {
    make: `create table app.t (id int, n int, k int, v int generated always as (n) virtual);
      alter table app.t replica identity full`,
    fault: /virtual generated column/,
    breaks: true,
    only: 18,
    wanted: { key: null, identifiedBy: [] },
  },
};

const servers: { readonly name: string; readonly major: 15 | 18 }[] = [
  { name: 'PostgreSQL 15', major: 15 },
  { name: 'the run’s PostgreSQL', major: 18 },
];

let debian: PostgresServer | null = null;
const databases = new Map<number, TestDatabase>();

beforeAll(async () => {
  debian = await startDebianPostgres15();
  if (debian !== null) databases.set(15, await createDatabase(undefined, debian.url));
  databases.set(18, await createDatabase());
});
afterAll(async () => {
  for (const database of databases.values()) await database.drop();
  await debian?.stop();
});

const APPLICATION = [
  'insert into app.t (id, n, k) values (1, 1, 1)',
  'update app.t set n = n + 1',
  'delete from app.t',
];

/** The first statement of the application that fails, or null. Nothing stays. */
async function failure(client: pg.PoolClient, statements: readonly string[]): Promise<string | null> {
  await client.query('savepoint application');
  try {
    for (const statement of statements) await client.query(statement);
    return null;
  } catch (error) {
    return String(error);
  } finally {
    await client.query('rollback to application');
  }
}

/** The SQL of a remedy: what stands from a command to its semicolon. */
const statementsOf = ({ remedy }: Fault): string =>
  (remedy.match(/(?:ALTER|CREATE|REINDEX) [^;]*;/g) ?? []).join('\n');

describe.each(servers)('$name', ({ major }) => {
  test.each(Object.entries(CASES))(
    'invariant 17: %s: it is published only if the application goes on',
    async (name, given) => {
      const database = databases.get(major);
      if (database === undefined || (given.only !== undefined && given.only !== major)) return;
      const of = <T>(value: T | { readonly 15: T; readonly 18: T }): T =>
        typeof value === 'object' && value !== null && 15 in value ? value[major] : (value as T);
      const client = await database.pool.connect();
      try {
        await client.query('begin; create schema app');
        await client.query(given.make);
        const rows = name.includes('generated key')
          ? ['insert into app.t (n, k) values (1, 1)', ...APPLICATION.slice(1)]
          : APPLICATION;
        if (!/view|foreign/.test(name)) expect(await failure(client, rows)).toBeNull();
        const tables = [wantedTable('t', given.wanted)];
        if (name.includes('root is synced')) tables.push(wantedTable('root'));
        const read = () => readPublication(client, 'p', tables);
        const faults = faultsOf(await read(), tables);
        const expected = of(given.fault);
        if (expected === null) expect(faults).toEqual([]);
        else expect(faults.map(({ message }) => message).join('\n')).toMatch(expected);
        if (of(given.breaks ?? false)) {
          await client.query('savepoint published; create publication p for table app.t');
          expect(await failure(client, [...APPLICATION])).toMatch(/replica identity|cannot (update|delete)/);
          await client.query('rollback to published');
        }
        // Before it is published, and where somebody has published it already, or it was in order then.
        const canBe = expected === null || of(given.breaks ?? false);
        for (const members of canBe ? ['', 'for table app.t'] : ['']) {
          await client.query(`savepoint published; create publication p ${members}`);
          await mendPublication(client, await read(), tables);
          const found = (await read()).tables.get(qualifiedName('app', 't'));
          if (expected !== null) expect(found?.membership).toBeNull();
          if (!/view|foreign/.test(name)) expect(await failure(client, rows)).toBeNull();
          await client.query('rollback to published');
        }
        if (expected !== null && given.mends === false) return;
        for (const fault of faults) await client.query(statementsOf(fault));
        const mended = await read();
        expect(faultsOf(mended, tables)).toEqual([]);
        await mendPublication(client, mended, tables);
        const published = await read();
        for (const table of tables) {
          const found = published.tables.get(table.name);
          expect(found && membershipFault(table, found)).toBeNull();
        }
        expect(await failure(client, rows)).toBeNull();
      } finally {
        await client.query('rollback');
        client.release();
      }
    },
  );
});
