import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { type Copy, copyOn } from '../support/copies.ts';
import { eventually } from '../support/eventually.ts';
import { asAdmin, inDatabase } from '../support/postgres.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// Production, at work, and copies of its database in the same server.
let stack: Stack;
let sides: Sides;
let copyName: string;
let copyUrl: string;

const config = (slot: string) => ({ ...shopConfig, slot });

beforeAll(async () => {
  stack = await createStack({ config: shopConfig, schema: shopSchema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await stack.database.pool.query(shopRows(5));
  await stack.apply();
  await stack.start();
  await agreed(stack);
  await stack.stop();
  copyName = `${stack.database.name}_copy`;
  copyUrl = inDatabase(stack.database.url, copyName);
  await asAdmin(inDatabase(stack.database.url, 'postgres'), async (admin) => {
    await eventually(async () => {
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
        stack.database.name,
      ]);
      await admin.query(`create database ${copyName} template ${stack.database.name}`);
      return true;
    });
  });
  await stack.start();
  await inCopy(`update items set note = 'staging'; delete from items where id = 2`);
});

afterAll(async () => {
  await asAdmin(inDatabase(stack.database.url, 'postgres'), async (admin) => {
    await admin.query(`drop database if exists ${copyName} with (force)`);
  });
  await stack[Symbol.asyncDispose]();
});

async function inCopy(text: string): Promise<pg.QueryResult> {
  return asAdmin(copyUrl, (client) => client.query(text));
}

/** Who reads production's slot. */
const reader = () =>
  sides.sql<{ pid: number }>(
    'select active_pid as pid from pg_replication_slots join pgnotion.checkpoint on slot = slot_name where active',
  );

async function isUntouched(work: () => Promise<void>): Promise<void> {
  const before = await eventually(async () => {
    const found = await reader();
    return found.length === 1 ? found : null;
  });
  await work();
  expect(await reader()).toEqual(before);
  await agreed(stack);
}

const refusal = {
  code: 'installation_copied',
  message: expect.stringContaining('another database of this server'),
  remedy: expect.stringMatching(/start --take-over[\s\S]*reset --yes/),
};

const copy = (slot: string, variables: Readonly<Record<string, string>> = {}): Copy =>
  copyOn({ url: copyUrl, sandbox: stack.sandbox, config: config(slot), variables });

test('a copy in the same server, with the same configuration, stops before it touches anything', () =>
  isUntouched(async () => {
    const databases = stack.sandbox.control.listDatabases();
    await using same = copy(stack.database.name);
    await expect(same.start()).rejects.toMatchObject(refusal);
    await expect(same.apply()).rejects.toMatchObject(refusal);
    await using own = copy(copyName);
    await expect(own.start()).rejects.toMatchObject(refusal);
    await expect(own.apply()).rejects.toMatchObject(refusal);
    expect(stack.sandbox.control.listDatabases()).toEqual(databases);
  }));

test("a copy that is reset has pages of its own, and neither the original's slot nor its pages", () =>
  isUntouched(async () => {
    const pages = stack.sandbox.control.pages(await sides.source('items')).length;
    await using same = copy(stack.database.name);
    await same.reset();
    await same.apply();
    await expect(same.start()).rejects.toMatchObject({ code: 'slot_foreign' });
    // With the address of the original's database, which its environment still has, it goes no further.
    const source = await sides.source('items');
    const databases = stack.sandbox.control.listDatabases();
    const original = databases.find(({ dataSourceId }) => dataSourceId === source);
    await same.reset();
    await using pinned = copy(copyName, { NOTION_DATABASE_ITEMS_ID: original?.databaseId ?? '' });
    await expect(pinned.apply()).rejects.toMatchObject({
      code: 'installation_copied',
      message: expect.stringContaining('belongs to another installation'),
    });
    await using staging = copy(copyName);
    await staging.apply();
    await staging.start();
    const [row] = (await inCopy('select data_source_id as id from pgnotion.data_sources')).rows;
    await eventually(() => stack.sandbox.control.pages(row.id).length === 4);
    expect(stack.sandbox.control.pages(await sides.source('items'))).toHaveLength(pages);
    await staging.stop();
    await inCopy('select pg_drop_replication_slot(slot) from pgnotion.checkpoint');
  }));

async function patch(path: string, body: object): Promise<void> {
  const answer = await fetch(`${stack.sandbox.url}/v1/${path}`, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${stack.sandbox.token}`,
      'notion-version': '2026-03-11',
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
}

async function get(path: string) {
  const answer = await fetch(`${stack.sandbox.url}/v1/${path}`, {
    headers: { authorization: `Bearer ${stack.sandbox.token}`, 'notion-version': '2026-03-11' },
  });
  return (await answer.json()) as {
    properties: Record<string, { description: string }>;
    description: { plain_text: string; annotations: { bold: boolean } }[];
    parent: { database_id: string };
  };
}

test('marks that a person deletes or writes around are written again, behind what the person wrote', async () => {
  const source = await sides.source('items');
  const { parent, properties } = await get(`data_sources/${source}`);
  expect(properties['Supabase ID']?.description).toMatch(/\[pgnotion [0-9a-f]{32} [0-9a-f]{32}\]$/);
  await stack.stop();
  await patch(`data_sources/${source}`, {
    properties: { 'Supabase ID': { rich_text: {}, description: 'Ask Ann' } },
  });
  await patch(`databases/${parent.database_id}`, {
    description: [{ type: 'text', text: { content: 'Our stock' }, annotations: { bold: true } }],
  });
  await stack.start();
  await sides.sql(`update items set note = 'after' where id = 1`);
  await agreed(stack);
  const after = await get(`data_sources/${source}`);
  expect(after.properties['Supabase ID']?.description).toMatch(
    /^Ask Ann \[pgnotion [0-9a-f]{32} [0-9a-f]{32}\]$/,
  );
  const { description } = await get(`databases/${parent.database_id}`);
  expect(description[0]).toMatchObject({ plain_text: 'Our stock', annotations: { bold: true } });
  expect(description.map((run) => run.plain_text).join('')).toMatch(/^Our stock\n\[pgnotion start \d+ of /);
});

test('an installation of a version without ids takes its own databases for its own', async () => {
  await stack.stop();
  await sides.sql(`delete from pgnotion.settings where name = 'installation'`);
  const source = await sides.source('items');
  const { parent } = await get(`data_sources/${source}`);
  await patch(`data_sources/${source}`, {
    properties: { 'Supabase ID': { rich_text: {}, description: 'old' } },
  });
  await patch(`databases/${parent.database_id}`, { description: [] });
  await stack.start();
  sides.edit(await sides.pageOf('items', '1'), { Note: typed('rich_text', 'typed after the upgrade') });
  await eventually(
    async () => (await sides.sql(`select from items where note = 'typed after the upgrade'`)).length,
  );
  await agreed(stack);
  expect((await get(`data_sources/${source}`)).properties['Supabase ID']?.description).toContain(
    '[pgnotion ',
  );
});

test('databases that another installation has marked are not touched without --take-over', async () => {
  await stack.stop();
  const [former] = await sides.sql<{ value: object }>(
    `select value from pgnotion.settings where name = 'installation'`,
  );
  // As if another database had been given these databases in Notion.
  await sides.sql(
    `update pgnotion.settings set value = jsonb_set(value, '{id}', to_jsonb(md5('another'))) where name = 'installation'`,
  );
  await expect(stack.start()).rejects.toMatchObject({
    code: 'installation_copied',
    message: expect.stringContaining('belongs to another installation'),
  });
  await stack.stop().catch(() => undefined);
  await using heir = copyOn({
    url: stack.database.url,
    sandbox: stack.sandbox,
    config: config(stack.database.name),
  });
  await heir.start({ takeOver: true });
  await sides.sql(`update items set note = 'taken over' where id = 1`);
  await agreed(stack);
  await heir.stop();
  // The original was not gone after all: now it is the stranger.
  await sides.sql(`update pgnotion.settings set value = $1 where name = 'installation'`, [
    JSON.stringify(former?.value),
  ]);
  await expect(stack.start()).rejects.toMatchObject({ code: 'installation_copied' });
  await stack.stop().catch(() => undefined);
});
