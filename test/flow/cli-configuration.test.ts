import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { Outcome } from '../support/daemon-process.ts';
import { asAdmin, inDatabase } from '../support/postgres.ts';
import { expectRefusal, PASSWORD, TOKEN } from '../support/refusal.ts';

// Each message is true, and names the variable, column or command that is meant.

const schema = `
  create table makers (id integer primary key, name text not null);
  create table goods (id integer primary key, name text not null, price numeric(10, 2), tags text[], maker integer references makers)`;

const goods = (more: object = {}, fields: object = {}): ConfigInput =>
  ({
    tables: {
      goods: {
        source: 'public.goods',
        key: 'id',
        title: 'Goods',
        ...more,
        fields: { Name: { column: 'name', type: 'title' }, ...fields },
      },
    },
  }) as ConfigInput;

const JOINED = 'select g.*, m.name as maker_name from goods g left join makers m on m.id = g.maker';
const login = { user: `cli_config_${process.pid}`, password: PASSWORD };
let stage: CliStage;

beforeAll(async () => {
  stage = await createCliStage({ config: goods(), schema, sandbox: { token: TOKEN } });
  await role(`create role ${login.user} login password '${PASSWORD}'`);
});
afterAll(async () => {
  await role(`drop owned by ${login.user} cascade; drop role ${login.user}`);
  await stage[Symbol.asyncDispose]();
});

const role = (sql: string): Promise<void> =>
  asAdmin(
    inDatabase(stage.database.url, stage.database.name),
    async (admin) => void (await admin.query(sql)),
  );

async function load(
  text: string | object,
  variables: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const source = typeof text === 'string' ? text : `export default ${JSON.stringify(text)};`;
  await writeFile(join(stage.folder, 'other.config.ts'), source);
  return stage.run(['apply', '--config', 'other.config.ts'], variables);
}

test('faults of the configuration, the environment and the database are told in one round, in one list', async () => {
  const { tables } = goods({ colour: 1 });
  const right = goods(
    {},
    { Colour: { column: 'colour', type: 'url' }, Tags: { column: 'tags', type: 'number' } },
  );
  const outcome = await load(
    {
      slot: 'Bad Slot',
      tables: { ...right.tables, more: { ...tables.goods, source: 'public.makers', title: undefined } },
    },
    { SYNC_BATCH_SIZE: '5000', SYNC_INTERVAL_SECONDS: '0', SYNC_BATCHSIZE: '7', NOTION_API_KEY: '' },
  );
  expectRefusal(outcome, 'config_invalid', /has 9 faults/, /lines named above/);
  for (const line of [
    /^ {2}slot: may hold/m,
    /^ {2}tables\.more: does not know colour$/m,
    /^ {2}tables\.more\.title: is missing\n {4}mend: add title/m,
    /^ {2}NOTION_API_KEY: is not set/m,
    /^ {2}SYNC_BATCH_SIZE: must be a whole number from 1 to 1000\n {4}mend: set the environment variable SYNC_BATCH_SIZE/m,
    /^ {2}SYNC_INTERVAL_SECONDS: must be a number from 0\.1 to 86400\n/m,
    /^ {2}SYNC_BATCHSIZE: is not a variable of pgnotion, and nothing reads it/m,
    /^ {2}public\.goods\.colour: there is no such column/m,
    /^ {2}tables\.goods\.fields\.Tags: /m,
  ])
    expect(outcome.stderr).toMatch(line);
});

test('faults of several kinds that the database shows are told in one round', async () => {
  const outcome = await load(
    goods(
      {},
      {
        Colour: { column: 'colour', type: 'url' },
        Sum: { expression: 'nosuch(name)', type: 'number' },
        Tags: { column: 'tags', type: 'number' },
      },
    ),
  );
  expectRefusal(outcome, 'catalog_mismatch', /does not fit the database/, /.+/);
  expect(outcome.stderr).toMatch(/^public\.goods\.colour: there is no such column$/m);
  expect(outcome.stderr).toMatch(/^public\.goods Sum: function nosuch\(text\) does not exist/m);
  expect(outcome.stderr).toMatch(/^tables\.goods\.fields\.Tags: /m);
});

test('a database that cannot be reached is told beside the rest', async () => {
  const outcome = await load(goods(), {
    SYNC_BATCH_SIZE: '0',
    DATABASE_URL: 'postgres://me@127.0.0.1:1/none',
  });
  expectRefusal(
    outcome,
    'config_invalid',
    /DATABASE_URL: cannot connect to PostgreSQL at me@127\.0\.0\.1:1/,
    /.+/,
  );
  expect(outcome.stderr).toMatch(/^ {2}SYNC_BATCH_SIZE: /m);
});

describe('queries', () => {
  const maker = { Maker: { column: 'maker_name', type: 'rich_text' } };

  test('a joined column that is mapped both ways is told with its field', async () => {
    const outcome = await load(goods({ query: JOINED }, maker));
    expectRefusal(
      outcome,
      'catalog_mismatch',
      /public\.goods\.maker_name: the field "Maker" writes this column, and the table itself has none/,
      /direction: 'to-notion' on the field "Maker"/,
    );
  });

  test('a query without the key column', async () => {
    const outcome = await load(goods({ query: 'select name from goods' }));
    expectRefusal(
      outcome,
      'mapping_refused',
      /tables\.goods\.query: it gives no column "id", which the key is made of/,
      /add "id" to the query/,
    );
  });

  test('a query on a table without SELECT', async () => {
    await role('drop schema if exists pgnotion cascade');
    await role(
      `grant create on database ${stage.database.name} to ${login.user}; grant all on goods to ${login.user}`,
    );
    const fields = { Maker: { ...maker.Maker, direction: 'to-notion' } };
    const outcome = await load(goods({ query: JOINED }, fields), {
      DATABASE_URL: inDatabase(stage.database.url, stage.database.name, login),
    });
    expectRefusal(
      outcome,
      'expression_invalid',
      /public\.goods: permission denied for table makers/,
      /GRANT SELECT ON/,
    );
    await role('drop schema if exists pgnotion cascade');
  });
});

describe('the file', () => {
  test('a fault of its syntax has its line', async () => {
    const lines = [
      'export default {',
      '  tables: {',
      "    goods: { source: 'public.goods' key: 'id' },",
      '  },',
      '};',
      '',
    ];
    expectRefusal(
      await load(lines.join('\n')),
      'config_unreadable',
      /other\.config\.ts, line 3: /,
      /check line 3/,
    );
    await writeFile(join(stage.folder, 'other.config.mjs'), "export default {\n  slot: 'x,\n};\n");
    const plain = await stage.run(['apply', '--config', 'other.config.mjs']);
    expectRefusal(plain, 'config_unreadable', /other\.config\.mjs, line 2: /, /check line 2/);
  });

  test('so has one that shows when it runs, and the environment is told too', async () => {
    const outcome = await load('export default {\n  slot: nothing,\n};\n', { SYNC_BATCH_SIZE: 'x' });
    expectRefusal(
      outcome,
      'config_unreadable',
      /line 2: nothing is not defined\nand the environment has a fault:\n {2}SYNC_BATCH_SIZE: /,
      /check line 2/,
    );
  });

  test('a number format that Notion lacks', async () => {
    const outcome = await load(goods({}, { Price: { column: 'price', type: 'number', format: 'dolar' } }));
    expectRefusal(outcome, 'config_invalid', /tables\.goods\.fields\.Price\.format: is "dolar"/, /.+/);
    expect(outcome.stderr).toContain('did you mean "dollar"?');
  });
});

describe('the environment', () => {
  test('.env is read beside the configuration, then in the working directory; what is set goes first', async () => {
    const folder = join(stage.folder, 'elsewhere');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'pgnotion.config.ts'), `export default ${JSON.stringify(goods())};`);
    await writeFile(join(folder, '.env'), 'SYNC_BATCH_SIZE=beside\nSYNC_ENABLED=beside\n');
    await writeFile(join(stage.folder, '.env'), 'SYNC_BATCH_SIZE=5\nSYNC_QUERY_LAG_SECONDS=here\n');
    const variables = { SYNC_ENABLED: 'true', SYNC_QUERY_LAG_SECONDS: '' };
    // An empty variable is set, and counts as unset.
    const { stderr } = await stage.run(['status', '--config', 'elsewhere/pgnotion.config.ts'], variables);
    expect(stderr).toMatch(/has 1 fault:\n {2}SYNC_BATCH_SIZE: /);
    await rm(join(folder, '.env'));
    await writeFile(join(stage.folder, '.env'), 'SYNC_BATCH_SIZE=here\n');
    const again = await stage.run(['status', '--config', 'elsewhere/pgnotion.config.ts'], variables);
    expect(again.stderr).toMatch(/has 1 fault:\n {2}SYNC_BATCH_SIZE: /);
    await rm(join(stage.folder, '.env'));
  });

  test('the address of a page is as good as its id, and an unknown page is told with the variable', async () => {
    const id = '00000000000040008000000000000000';
    const refused = await load(goods(), { NOTION_PARENT_PAGE_ID: `https://www.notion.so/acme/Home-${id}` });
    expectRefusal(
      refused,
      'notion_parent_hidden',
      new RegExp(`NOTION_PARENT_PAGE_ID is ${id}, and Notion shows the connection no such page`),
      /share the page/,
    );
    const page = stage.sandbox.parentPageId.replaceAll('-', '');
    const applied = await load(goods(), {
      NOTION_PARENT_PAGE_ID: `https://www.notion.so/acme/Home-${page}?pvs=4`,
    });
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    const address = /NOTION_DATABASE_GOODS_ID=(\S+)/.exec(applied.stdout)?.[1] ?? '';
    const linked = await load(goods(), {
      NOTION_DATABASE_GOODS_ID: `https://www.notion.so/acme/${address.replaceAll('-', '')}?v=${id}`,
    });
    expect(linked).toMatchObject({ code: 0, stdout: expect.stringContaining('# goods: as it should be') });
  });

  test('a variable that nothing reads is a warning, with the one that is meant', async () => {
    const outcome = await stage.run(['status'], { SYNC_INTERVAL_SECOND: '5', SYNC_INTERVAL_SECONDS: '' });
    expect(outcome.code).toBe(0);
    expect(outcome.stderr).toBe(
      'pgnotion: warning: SYNC_INTERVAL_SECOND is not a variable of pgnotion, and nothing reads it. Set SYNC_INTERVAL_SECONDS instead, or remove it\n',
    );
  });

  test('pause names the tables that there are', async () => {
    expectRefusal(
      await stage.run(['pause', 'good']),
      'table_unknown',
      /good is not a synced table/,
      /use one of goods/,
    );
  });
});
