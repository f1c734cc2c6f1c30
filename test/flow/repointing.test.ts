import { Client } from '@notionhq/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput, TableInput } from '../../src/config/mapping-file.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { soon } from '../support/sides.ts';

const table = (name: string, fields: TableInput['fields'] = {}): TableInput => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  fields: { Name: { column: 'name', type: 'title' }, ...fields },
});

const config: ConfigInput = {
  syncLog: { level: 'problems' },
  tables: {
    suppliers: table('suppliers'),
    products: table('products', {
      Supplier: { column: 'supplier_id', type: 'relation', relatedTable: 'suppliers' },
    }),
  },
};

const schema = `
  create table suppliers (id integer primary key, name text not null);
  create table products (id integer primary key, name text not null, supplier_id integer references suppliers);
  insert into suppliers select i, 'supplier ' || i from generate_series(1, 6) i;
  insert into products select i, 'product ' || i, i from generate_series(1, 6) i;`;

let stage: CliStage;

beforeAll(async () => {
  stage = await createCliStage({ config, schema, variables: { SYNC_INTERVAL_SECONDS: '0.2' } });
  await stage.apply();
  const daemon = await stage.start();
  await stage.settled();
  daemon.signal('SIGTERM');
  await daemon.exit;
});

afterAll(() => stage[Symbol.asyncDispose]());

const sql = async <Row extends object>(text: string): Promise<Row[]> =>
  (await stage.database.pool.query<Row>(text)).rows;
const pageOf = async (name: string, key: string): Promise<string | undefined> =>
  (
    await sql<{ page_id: string }>(
      `select page_id from pgnotion.records where table_name = '${name}' and key = '${key}' and state = 'linked'`,
    )
  )[0]?.page_id;
const databaseOf = async (name: string): Promise<string> => {
  const [row] = await sql<{ database_id: string }>(
    `select database_id from pgnotion.data_sources where table_name = '${name}'`,
  );
  return row?.database_id ?? '';
};

async function newDatabase(title: string): Promise<string> {
  const notion = new Client({ auth: stage.sandbox.token, baseUrl: stage.sandbox.url });
  const made = await notion.databases.create({
    parent: { type: 'page_id', page_id: stage.sandbox.parentPageId },
    title: [{ text: { content: title } }],
    initial_data_source: { properties: { Name: { title: {} } } },
  });
  return made.id;
}

test('a Sync Log in the trash does not end apply: it is made anew', async () => {
  const log = stage.sandbox.control.listDatabases().find(({ title }) => title === 'Sync Log');
  stage.sandbox.control.trashDatabase(log?.databaseId ?? '');
  const outcome = await stage.run(['apply']);
  expect(outcome).toMatchObject({ code: 0 });
  expect(outcome.stdout).toContain('Sync Log: created');
  const pinned = await stage.run(['apply'], { NOTION_DATABASE_SYNC_LOG_ID: log?.databaseId ?? '' });
  expect(pinned).toMatchObject({ code: 0 });
  expect(pinned.stdout).toMatch(/# Sync Log: .*(trash|shared)/);
});

test('invariant 10: pinning another database makes nothing anew before a person has confirmed it', async () => {
  const old = await pageOf('suppliers', '1');
  stage.sandbox.control.trashDatabase(await databaseOf('suppliers'));
  const pin = { NOTION_DATABASE_SUPPLIERS_ID: await newDatabase('Suppliers anew') };

  const start = await stage.run(['start'], pin);
  expect(start).toMatchObject({ code: 1 });
  expect(start.stderr).toContain('NOTION_DATABASE_SUPPLIERS_ID');
  expect(start.stderr).toContain('pgnotion reset suppliers --yes');

  const asked = await stage.run(['apply'], pin);
  expect(asked).toMatchObject({ code: 1 });
  expect(asked.stderr).toContain('its 6 records');
  expect(asked.stderr).toMatch(/about 6 requests, 1 min/);
  expect(asked.stderr).toContain('pgnotion apply --yes');
  expect(await pageOf('suppliers', '1')).toBe(old);

  expect(await stage.run(['apply', '--yes'], pin)).toMatchObject({ code: 0 });
  const audit = await sql(
    `select key from pgnotion.operations where table_name = 'suppliers' and kind = 'unlink' and status = 'done'`,
  );
  expect(audit).toHaveLength(6);
  const daemon = await stage.start(pin);
  await stage.settled();
  const made = await pageOf('suppliers', '1');
  expect(made).not.toBe(old);
  const product = (await pageOf('products', '1')) ?? '';
  await soon(() => {
    const shown = stage.sandbox.control.page(product).properties.Supplier as {
      readonly relation: { id: string }[];
    };
    expect(shown.relation.map(({ id }) => id)).toEqual([made]);
    return true;
  });
  expect(await sql('select from suppliers')).toHaveLength(6);
  expect(await sql('select from products where supplier_id = id')).toHaveLength(6);

  // While it works, nothing is given up beside it.
  expect((await stage.run(['reset', 'suppliers', '--yes'], pin)).stderr).toContain('daemon_at_work');
  daemon.signal('SIGTERM');
  await daemon.exit;
});

test('invariant 3: reset gives up the pairs once confirmed, and the pages with a key are adopted', async () => {
  const before = await pageOf('products', '2');
  expect(await stage.run(['reset', 'products'])).toMatchObject({ code: 1 });
  expect(await pageOf('products', '2')).toBe(before);
  const pin = { NOTION_DATABASE_SUPPLIERS_ID: await databaseOf('suppliers') };
  expect(await stage.run(['reset', 'products', '--yes'], pin)).toMatchObject({ code: 0 });
  expect(await pageOf('products', '2')).toBeUndefined();
  const daemon = await stage.start(pin);
  await stage.settled();
  expect(await pageOf('products', '2')).toBe(before);

  // A page that was deleted for good: its record says so, and one command ends the wait.
  stage.sandbox.control.deleteForever(before ?? '');
  await stage.database.pool.query(`update products set name = 'waits' where id = 2`);
  await soon(
    async () =>
      (await sql(`select from pgnotion.failures where key = '2' and code = 'page_hidden'`)).length > 0,
  );
  expect(await stage.run(['reset', 'products', '2', '--yes'], pin)).toMatchObject({ code: 0 });
  await soon(async () => ![undefined, before].includes(await pageOf('products', '2')));
  await soon(async () => (await sql(`select from pgnotion.failures where key = '2'`)).length === 0);
  daemon.signal('SIGTERM');
  await daemon.exit;
});
