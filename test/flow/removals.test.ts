import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import type { RequestLogEntry } from '../../src/sandbox/notion/log.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { fromNow } from '../support/requests.ts';

// What the configuration has no place for any more is kept and told, and removed only where a person asks for it.

const schema = `
  create table things (id integer primary key, name text not null, note text, kind text, size text);
  create table others (id integer primary key, name text not null);
  insert into things values (1, 'one', 'keep me', 'a', '12'), (2, 'two', null, 'b', 'wide');
  insert into others values (1, 'other')`;

const others = {
  source: 'public.others',
  key: 'id',
  title: 'Others',
  fields: { Name: { column: 'name', type: 'title' } },
} as const;
const name = { column: 'name', type: 'title' } as const;
const things = {
  source: 'public.things',
  key: 'id',
  title: 'Things',
  fields: {
    Name: name,
    Note: { column: 'note', type: 'rich_text' },
    Kind: { column: 'kind', type: 'select', choices: ['a', 'old'] as string[] },
    Size: { column: 'size', type: 'rich_text' },
  },
} as const;
const before: ConfigInput['tables'] = { things, others };
/** The note is gone from the mapping, two choices are, the size is a number, and a table is gone. */
const after: ConfigInput['tables'] = {
  things: {
    ...things,
    fields: {
      Name: name,
      Kind: { column: 'kind', type: 'select' },
      Size: { column: 'size', type: 'url' },
    },
  },
};

let stage: CliStage;
beforeAll(async () => {
  stage = await createCliStage({ config: { tables: before }, schema });
  await stage.apply();
  const daemon = await stage.start();
  await stage.settled();
  // Queries list it apart, and it loses its values as any other.
  const { rows } = await stage.database.pool.query<{ page: string }>(
    `select page_id as page from pgnotion.records where table_name = 'things' and key = '1'`,
  );
  stage.sandbox.control.archivePage(rows[0]?.page ?? '');
  await eventually(async () => {
    const away = await stage.database.pool.query(
      `select from pgnotion.records where state = 'away_archived'`,
    );
    return away.rowCount === 1;
  });
  daemon.signal('SIGTERM');
  await daemon.exit;
  await stage.configure({ tables: after });
}, 60_000);
afterAll(() => stage[Symbol.asyncDispose]());

const schemaOf = (title: string) => {
  const { control } = stage.sandbox;
  const found = control.listDatabases().find((each) => each.title === title);
  return control.snapshot().dataSources.find(({ id }) => id === found?.dataSourceId)?.properties ?? [];
};
const isChange = ({ method, operation }: RequestLogEntry): boolean =>
  method !== 'GET' && operation !== 'dataSources.query';
async function changesOf(work: () => Promise<unknown>): Promise<RequestLogEntry[]> {
  const since = fromNow(stage.sandbox.control);
  await work();
  return stage.sandbox.control.requests().filter((each) => since(each) && isChange(each));
}

test('without being asked, all of it stays and is told', async () => {
  const { stdout } = await stage.run(['plan']);
  expect(stdout).toContain('kept, unless it is removed with `pgnotion apply --allow-destructive`:');
  expect(stdout).toMatch(
    /the property "Note" \(rich_text\) is mapped to nothing[\s\S]*the values of 1 page /,
  );
  expect(stdout).toMatch(/the option "old" of "Kind" stands for nothing any more\n.*no page has it/);
  expect(stdout).toMatch(/the option "a" of "Kind" .*\n.*it stays, since 1 page has it/);
  expect(stdout).toMatch(/the property "Size" is a rich_text, and its field a url/);
  expect(stdout).toMatch(/others is not in the configuration any more\n.*which page is which row, 1 of them/);
  const { kept, left } = { kept: schemaOf('Things').map((each) => each.name), left: schemaOf('Others') };
  expect(await changesOf(() => stage.apply())).toEqual([]);
  expect(schemaOf('Things').map((each) => each.name)).toEqual(kept);
  expect(schemaOf('Others')).toEqual(left);
  const { rows } = await stage.database.pool.query(
    `select table_name, property from pgnotion.drift where kind = 'left_over' order by 1, 2`,
  );
  expect(rows.map(({ table_name: table, property }) => `${table} ${property}`)).toEqual([
    'others ',
    'things Kind, a',
    'things Kind, old',
    'things Note',
    'things Size',
  ]);
});

test('nothing is removed before a person has seen what is lost', async () => {
  const outcome = await stage.run(['apply', '--allow-destructive']);
  expect([outcome.code, outcome.stdout]).toEqual([1, '']);
  expect(outcome.stderr).toMatch(/this would be removed:[\s\S]*Note[\s\S]*\(removal_unconfirmed\)/);
  expect(schemaOf('Things').map((each) => each.name)).toContain('Note');
});

test('invariants 7 and 9: a removal that is killed before or after a request is gone on with by the next run', async () => {
  const { faults } = stage.sandbox.control;
  for (const when of ['before', 'after'] as const) {
    await stage.run(['plan', '--out', 'plan.json']);
    const action = { kind: 'delay', ms: 600_000, when } as const;
    faults.add({ match: { operation: 'dataSources.update' }, times: 1, action });
    const child = stage.spawn(['apply', 'plan.json', '--allow-destructive']);
    await eventually(() => child.ended() || faults.list().some(({ struck }) => struck > 0));
    expect(child.ended(), child.stderr()).toBe(false);
    await child.kill9();
    faults.clear();
  }
});

test('a plan that says so, and --allow-destructive: what can be lost is kept in the operations', async () => {
  const { code } = await stage.run(['plan', '--out', 'plan.json']);
  expect(code).toBe(0);
  const outcome = await stage.run(['apply', 'plan.json', '--allow-destructive']);
  expect([outcome.code, outcome.stderr]).toEqual([0, expect.any(String)]);
  expect(outcome.stdout).toMatch(/# removed: things: the property "Note"/);
  const properties = schemaOf('Things');
  expect(properties.map((each) => each.name)).not.toContain('Note');
  expect(properties.find((each) => each.name === 'Size')?.type).toBe('url');
  const kind = properties.find((each) => each.name === 'Kind');
  expect(kind?.type === 'select' ? kind.options.map((each) => each.name) : []).toEqual(['a', 'b']);
  // The other database is as it was; nothing is known of it any more.
  expect(schemaOf('Others').length).toBeGreaterThan(0);
  const { pool } = stage.database;
  const { rows } = await pool.query(
    `select distinct fields, key, before, after from pgnotion.operations
      where actor = 'pgnotion apply --allow-destructive' order by fields, key`,
  );
  expect(rows).toEqual([
    { fields: ['Note'], key: '1', before: { Note: 'keep me' }, after: { Note: null } },
    { fields: ['Size'], key: '1', before: { Size: '12' }, after: { Size: null } },
    { fields: ['Size'], key: '2', before: { Size: 'wide' }, after: { Size: null } },
  ]);
  const known = await pool.query(`select from pgnotion.records where table_name = 'others'`);
  expect(known.rows).toEqual([]);
  // What a page still has stays, and is told.
  expect((await pool.query('select table_name, property from pgnotion.drift')).rows).toEqual([
    { table_name: 'things', property: 'Kind, a' },
  ]);
  const again = await stage.run(['plan']);
  expect(again.stdout).not.toMatch(/"Note"|"Size" is a|"old"|others is not/);
});

test('what people have made themselves is never removed', async () => {
  const { control } = stage.sandbox;
  const source = control.listDatabases().find((each) => each.title === 'Things')?.dataSourceId ?? '';
  control.addProperty(source, 'Theirs', { rich_text: {} });
  const outcome = await stage.run(['apply', '--allow-destructive', '--yes']);
  expect(outcome.code).toBe(0);
  expect(schemaOf('Things').map((each) => each.name)).toContain('Theirs');
});
