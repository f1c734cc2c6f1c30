import { describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { applyUnchecked } from '../support/apply-unchecked.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { inDatabase } from '../support/postgres.ts';
import { startDebianPostgres15 } from '../support/servers.ts';

// What `apply`, `start` and `status` say of tables that PostgreSQL cannot give whole, and that the application's own
// statements work on every table whatever they say.

const table = (source: string, title: string) => ({
  source: `public.${source}`,
  key: 'id',
  title,
  fields: { Name: { column: 'name', type: 'title' as const } },
});

const config: ConfigInput = {
  tables: {
    fine: table('fine', 'Fine'),
    late: table('late', 'Late'),
    parties: table('parties', 'Parties'),
    whole: table('whole', 'Whole'),
  },
};

const NAMES = ['fine', 'late', 'parties', 'whole'];
/** Both in one log: what only PostgreSQL 18 has is left out before it. */
const schemaOf = (major: number): string => `
  create table fine (id int primary key, name text);
  create table late (id int primary key deferrable, name text);
  create table parties (id int primary key, name text);
  create table companies (register text) inherits (parties);
  create table whole (id int primary key, name text, upper text generated always as (upper(name)) ${major < 18 ? 'stored' : 'virtual'});
  alter table whole replica identity full;
  ${[...NAMES, 'companies'].map((name) => `insert into ${name} (id, name) values (1, 'one'), (2, 'two')`).join(';')}`;

/** What the application does with each of its tables, and goes on doing. */
async function application({ database }: CliStage, round: string): Promise<void> {
  for (const name of [...NAMES, 'companies']) {
    await database.pool.query(`update ${name} set name = $1 where id = 1`, [`${name} ${round}`]);
    await database.pool.query(`delete from ${name} where id = 2`);
    await database.pool.query(`insert into ${name} (id, name) values (2, $1)`, [round]);
  }
}

async function shows(stage: CliStage, name: string, titles: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { rows } = await stage.database.pool.query<{ id: string }>(
      'select data_source_id as id from pgnotion.data_sources where table_name = $1',
      [name],
    );
    const shown = stage.sandbox.control
      .pages(rows[0]?.id ?? '')
      .map((page) => (page.properties.Name as { title: { plain_text: string }[] }).title[0]?.plain_text)
      .sort();
    expect(shown).toEqual([...titles].sort());
    return true;
  });
}

describe.each([15, 18] as const)('PostgreSQL %i', (major) => {
  test('invariant 17: what cannot be published is refused with the fix, the others go on, and so does the application', async () => {
    const debian = major === 15 ? await startDebianPostgres15() : null;
    try {
      await using stage = await createCliStage({
        config,
        schema: schemaOf(major),
        ...(debian !== null && { serverUrl: debian.url }),
      });
      const virtual = major >= 18 ? [/whole.*virtual generated column upper/] : [];
      const faults = [/late.*DEFERRABLE/, /parties.*public\.companies inherits/, ...virtual];
      const applied = await stage.run(['apply']);
      expect(applied.code).toBe(1);
      for (const fault of faults) expect(applied.stderr).toMatch(fault);
      expect(applied.stderr).not.toMatch(/fine:/);
      const remedies = applied.stderr.match(/(?:ALTER TABLE|CREATE UNIQUE INDEX) [^;]*;/g) ?? [];
      expect(stage.sandbox.control.listDatabases()).toEqual([]);
      await applyUnchecked(stage);
      const daemon = await stage.start();
      await application(stage, 'started');
      await shows(stage, 'fine', ['fine started', 'started']);
      const status = await stage.run(['status']);
      for (const fault of faults) expect(status.stdout).toMatch(fault);
      for (const remedy of remedies) await stage.database.pool.query(remedy);
      for (const name of NAMES) await shows(stage, name, [`${name} started`, 'started']);
      await application(stage, 'mended');
      for (const name of NAMES) await shows(stage, name, [`${name} mended`, 'mended']);
      expect((await stage.run(['status'])).stdout).not.toMatch(/paused/);
      daemon.signal('SIGTERM');
      expect((await daemon.exit).code).toBe(0);
      expect((await stage.run(['apply'])).code).toBe(0);
    } finally {
      await debian?.stop();
    }
  });
});

test('a start that can sync no table at all changes nothing and says what to do', async () => {
  await using stage = await createCliStage({
    config: { tables: { late: table('late', 'Late') } },
    schema: 'create table late (id int primary key deferrable, name text)',
  });
  expect((await stage.run(['apply'])).code).toBe(1);
  await applyUnchecked(stage);
  const started = await stage.run(['start']);
  expect(started).toMatchObject({ code: 1 });
  expect(started.stderr).toMatch(/DEFERRABLE[\s\S]*CREATE UNIQUE INDEX/);
  const { rows } = await stage.database.pool.query(
    `select from pg_publication union all select from pg_replication_slots where database = current_database()`,
  );
  expect(rows).toEqual([]);
});

test('row-level security is said by apply, start and status, and a query that joins such a table counts too', async () => {
  const labels = {
    ...table('labels', 'Labels'),
    query: 'select l.id, l.owner, o.name from public.labels l join public.fine o on o.id = l.owner',
    dependsOn: [{ table: 'public.fine', on: { id: 'owner' } }],
    direction: 'to-notion' as const,
  };
  await using stage = await createCliStage({
    config: { tables: { fine: table('fine', 'Fine'), late: table('late', 'Late'), labels } },
    schema: `create table fine (id int primary key, name text); create table late (id int primary key, name text);
      create table labels (id int primary key, owner int, name text)`,
  });
  const { database } = stage;
  const role = database.name;
  await database.pool.query(`create role ${role} login replication password 'secret';
    grant create on database ${role} to ${role}; grant all on schema public to ${role};
    alter table fine owner to ${role}; alter table late owner to ${role}; alter table labels owner to ${role};
    alter table fine enable row level security, force row level security;
    insert into fine values (1, 'one'); insert into late values (1, 'one'); insert into labels values (1, 1)`);
  const DATABASE_URL = inDatabase(database.url, role, { user: role, password: 'secret' });
  try {
    const applied = await stage.run(['apply'], { DATABASE_URL });
    expect(applied.code).toBe(1);
    expect(applied.stderr).toMatch(/fine: row-level security/);
    expect(applied.stderr).toContain(`ALTER ROLE ${role} BYPASSRLS;`);
    expect(stage.sandbox.control.listDatabases()).toEqual([]);
    await applyUnchecked(stage, { DATABASE_URL });
    const daemon = await stage.start({ DATABASE_URL });
    await shows(stage, 'late', ['one']);
    const status = await stage.run(['status'], { DATABASE_URL });
    expect(status.stdout.match(/paused: [^\n]*row-level security/g)).toHaveLength(2);
    await database.pool.query(`alter role ${role} bypassrls`);
    await shows(stage, 'fine', ['one']);
    await shows(stage, 'labels', ['one']);
    await daemon.kill9();
    // Without a daemon, status asks the catalog itself.
    await database.pool.query(`alter role ${role} nobypassrls`);
    expect((await stage.run(['status'], { DATABASE_URL })).stdout).toMatch(/fine: row-level security/);
  } finally {
    await database.pool.query(`alter role ${role} nologin`);
    await database.pool.query(`reassign owned by ${role} to current_user; drop owned by ${role}`);
  }
});
