import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { Outcome } from '../support/daemon-process.ts';
import { asAdmin, inDatabase } from '../support/postgres.ts';

// What a message says is to be done is done here, word for word where it has words, and the command then goes well.

const login = { user: `cli_remedies_${process.pid}`, password: 'a-password-of-the-test' };
const schema = `
  create table makers (id integer primary key, name text not null);
  create table goods (id integer primary key, name text not null, price numeric(10, 2), maker integer references makers)`;

const NAME = { Name: { column: 'name', type: 'title' } };
const MAKER = { column: 'maker_name', type: 'rich_text' };
const JOINED = 'select g.*, m.name as maker_name from goods g left join makers m on m.id = g.maker';
const right = { source: 'public.goods', key: 'id', title: 'Goods', fields: NAME };
const mapping = (more: object = {}): object => ({ tables: { goods: { ...right, ...more } } });

let stage: CliStage;
beforeAll(async () => {
  stage = await createCliStage({ config: mapping() as never, schema });
  await asOwner(
    `create role ${login.user} login password '${login.password}';
     grant create on database ${stage.database.name} to ${login.user}; grant all on goods to ${login.user}`,
  );
});
afterAll(async () => {
  await asOwner(`drop owned by ${login.user} cascade; drop role ${login.user}`);
  await stage[Symbol.asyncDispose]();
});

const asOwner = (sql: string): Promise<void> =>
  asAdmin(
    inDatabase(stage.database.url, stage.database.name),
    async (admin) => void (await admin.query(sql)),
  );

async function apply(config: object, variables: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  await writeFile(join(stage.folder, 'other.config.ts'), `export default ${JSON.stringify(config)};`);
  return stage.run(['apply', '--config', 'other.config.ts'], variables);
}

type Case = {
  readonly name: string;
  readonly wrong: object;
  readonly says: RegExp;
  readonly remedy: RegExp;
  readonly mended: object;
  readonly variables?: readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>];
};

const cases: readonly Case[] = [
  {
    name: 'a missing key',
    wrong: mapping({ key: undefined }),
    says: /tables\.goods\.key: is missing/,
    remedy: /add key: .+'id'/,
    mended: mapping({ key: 'id' }),
  },
  {
    name: 'missing tables',
    wrong: {},
    says: /tables: is missing/,
    remedy:
      /add tables: \{ name: \{ source: 'schema\.table', key: 'id', title: 'Title', fields: \{ \.\.\. \} \} \}/,
    mended: mapping(),
  },
  {
    name: 'a joined column that is mapped both ways',
    wrong: mapping({ query: JOINED, fields: { ...NAME, Maker: MAKER } }),
    says: /public\.goods\.maker_name: the field "Maker" writes this column/,
    remedy: /direction: 'to-notion' on the field "Maker"/,
    mended: mapping({ query: JOINED, fields: { ...NAME, Maker: { ...MAKER, direction: 'to-notion' } } }),
  },
  {
    name: 'a query without the key column',
    wrong: mapping({ query: 'select name from goods' }),
    says: /tables\.goods\.query: it gives no column "id"/,
    remedy: /add "id" to the query/,
    mended: mapping({ query: 'select name, id from goods' }),
  },
  {
    name: 'a number format that Notion lacks',
    wrong: mapping({ fields: { ...NAME, Price: { column: 'price', type: 'number', format: 'dolar' } } }),
    says: /fields\.Price\.format: is "dolar"/,
    remedy: /did you mean "dollar"/,
    mended: mapping({ fields: { ...NAME, Price: { column: 'price', type: 'number', format: 'dollar' } } }),
  },
  {
    name: 'an interval of no time',
    wrong: mapping(),
    says: /SYNC_INTERVAL_SECONDS: must be a number from 0\.1 to 86400/,
    remedy: /set the environment variable SYNC_INTERVAL_SECONDS/,
    mended: mapping(),
    variables: [{ SYNC_INTERVAL_SECONDS: '0' }, { SYNC_INTERVAL_SECONDS: '0.1' }],
  },
  {
    name: 'a batch that is too large',
    wrong: mapping(),
    says: /SYNC_BATCH_SIZE: must be a whole number from 1 to 1000/,
    remedy: /set the environment variable SYNC_BATCH_SIZE/,
    mended: mapping(),
    variables: [{ SYNC_BATCH_SIZE: '5000' }, { SYNC_BATCH_SIZE: '1000' }],
  },
];

test.each(cases)('$name', async ({ wrong, says, remedy, mended, variables: [before, after] = [{}, {}] }) => {
  const { code, stderr } = await apply(wrong, before);
  expect(code).toBe(1);
  expect(stderr).toMatch(says);
  expect(stderr).toMatch(remedy);
  expect(await apply(mended, after)).toMatchObject({ code: 0, stderr: '' });
});

test('a query on a table without SELECT: the GRANT that is named lets it pass', async () => {
  const config = mapping({ query: JOINED, fields: { ...NAME, Maker: { ...MAKER, direction: 'to-notion' } } });
  await asOwner('drop schema if exists pgnotion cascade');
  const variables = { DATABASE_URL: inDatabase(stage.database.url, stage.database.name, login) };
  const { code, stderr } = await apply(config, variables);
  expect(code).toBe(1);
  const [, table = ''] = /permission denied for table (\w+)/.exec(stderr) ?? [];
  expect(table).toBe('makers');
  expect(stderr).toMatch(/GRANT SELECT ON/);
  await asOwner(`GRANT SELECT ON ${table} TO ${login.user}`);
  const then = await apply(config, variables);
  expect(then.stderr).not.toContain('permission denied for table makers');
  await asOwner('drop schema if exists pgnotion cascade');
});

test('pause of a table that there is not: one that is named can be paused, and resumed', async () => {
  expect((await apply(mapping())).code).not.toBe(null);
  const { code, stderr } = await stage.run(['pause', 'good']);
  expect(code).toBe(1);
  const [, named = ''] = /use one of (\w+)/.exec(stderr) ?? [];
  expect(await stage.run(['pause', named])).toMatchObject({ code: 0, stdout: 'goods is paused\n' });
  expect(await stage.run(['resume', named])).toMatchObject({ code: 0, stdout: 'goods is resumed\n' });
});
