import { describe, expect, onTestFinished, test } from 'vitest';
import type { PropertyType } from '../../src/model/codecs/codec.ts';
import { codecs } from '../../src/model/codecs/registry.ts';
import { qualifiedName, type TableName, tableName } from '../../src/model/ids.ts';
import type { FieldMapping, ResolvedField, ResolvedTable } from '../../src/model/mapping.ts';
import { applyTable, applyTables } from '../../src/notion/apply-schema.ts';
import { type Ask, createNotionClient, type NotionClient } from '../../src/notion/client.ts';
import { applyReportDatabase } from '../../src/notion/report-database.ts';
import { createThrottle } from '../../src/notion/throttle.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';

const ASK: Ask = { priority: 'bookkeeping' };

async function start(): Promise<{ sandbox: Sandbox; notion: NotionClient }> {
  const sandbox = await startSandbox({ limit: null });
  onTestFinished(() => sandbox.close());
  const log = silentLog();
  const throttle = createThrottle({ limit: { requests: 1_000, windowMs: 1_000 }, log });
  const notion = createNotionClient({ token: sandbox.token, baseUrl: sandbox.url, throttle, log });
  return { sandbox, notion };
}

function field(property: string, type: PropertyType, more: Partial<FieldMapping> = {}): ResolvedField {
  const source = { kind: 'column', column: property } as const;
  const shape = {
    type: 'text',
    category: 'text',
    array: false,
    nullable: true,
    labels: [],
    maxLength: null,
    precision: null,
    scale: null,
  } as const;
  return {
    property,
    type,
    source,
    direction: 'both',
    ...more,
    codec: codecs[type],
    shape,
    required: false,
    conflict: 'lww',
  };
}

const table = (name: string, rank: number, fields: readonly ResolvedField[]): ResolvedTable => ({
  name: tableName(name),
  source: qualifiedName('public', name),
  query: null,
  where: null,
  onRowFiltered: 'trash',
  dependsOn: [],
  key: ['id'],
  direction: 'both',
  title: `All ${name}`,
  fields: [field('Name', 'title'), ...fields],
  idProperty: 'Supabase ID',
  lastSyncedProperty: 'Last Synced',
  statusProperty: null,
  onNotionTrash: 'review',
  onDuplicatePage: 'report',
  match: [],
  firstLink: 'postgres',
  writableColumns: [],
  replaced: [],
  checks: {},
  constraints: {},
  foreignKeys: [],
  onPostgresDelete: 'trash',
  conflict: 'lww',
  settleSeconds: null,
  columnTypes: {},
  keyTypes: ['uuid'],
  rank,
});

const relation = (property: string, to: string) =>
  field(property, 'relation', { relatedTable: tableName(to) });
const states = (choices: readonly string[]) => field('State', 'select', { choices });

describe('apply', () => {
  test('makes databases that point to each other and to themselves, and does nothing the second time', async () => {
    const { sandbox, notion } = await start();
    const tables = [
      table('orders', 0, [relation('Supplier', 'suppliers'), states(['Open', 'Done'])]),
      table('suppliers', 1, [relation('Orders', 'orders'), relation('Owner', 'suppliers')]),
    ];
    const input = { parentPageId: sandbox.parentPageId, sources: new Map() };
    const made = await applyTables(notion, tables, input, ASK);
    expect(made.map(({ created, waiting, faults }) => ({ created, waiting, faults }))).toEqual([
      { created: true, waiting: [], faults: [] },
      { created: true, waiting: [], faults: [] },
    ]);
    expect(made[0]?.ids).toMatchObject({ Name: 'title' });
    expect(Object.keys(made[0]?.ids ?? {})).toEqual([
      'Name',
      'Supplier',
      'State',
      'Supabase ID',
      'Last Synced',
    ]);
    const sources = new Map(made.map((one) => [one.table, one.dataSourceId]));
    const ends = await Promise.all(made.map((one) => notion.retrieveDataSource(one.dataSourceId, ASK)));
    const target = (source: number, name: string) =>
      (ends[source]?.properties[name]?.relation as { data_source_id: string } | undefined)?.data_source_id;
    expect(target(0, 'Supplier')).toBe(made[1]?.dataSourceId);
    expect(target(1, 'Orders')).toBe(made[0]?.dataSourceId);
    expect(target(1, 'Owner')).toBe(made[1]?.dataSourceId);

    sandbox.control.clearRequests();
    const again = await applyTables(notion, tables, { parentPageId: null, sources }, ASK);
    expect(again.every(({ created, changed }) => !created && changed.length === 0)).toBe(true);
    expect(sandbox.control.requests().map(({ method }) => method)).toEqual(['GET', 'GET']);
  });

  test("adds options without losing a person's, and reports a changed type without touching it", async () => {
    const { sandbox, notion } = await start();
    const parentPageId = sandbox.parentPageId;
    const orders = table('orders', 0, [states(['Open'])]);
    const made = await applyTable(notion, orders, { parentPageId, sources: new Map() }, ASK);
    const sources = new Map([[orders.name, made.dataSourceId]]);
    const properties = {
      State: { select: { options: [{ name: 'Open' }, { name: 'Theirs', color: 'pink' }] } },
      Total: { rich_text: {} },
    };
    await notion.updateDataSource(made.dataSourceId, { properties }, ASK);
    const wider = table('orders', 0, [states(['Open', 'Done']), field('Total', 'number')]);
    const after = await applyTable(notion, wider, { parentPageId, sources }, ASK);
    expect(after.changed).toEqual(['State']);
    expect(after.faults.map(({ path }) => path)).toEqual(['Total']);
    const found = await notion.retrieveDataSource(made.dataSourceId, ASK);
    const { options } = (found.properties.State?.select ?? {}) as {
      options: { name: string; color: string }[];
    };
    expect(options.map(({ name }) => name)).toEqual(['Open', 'Theirs', 'Done']);
    expect(options[1]?.color).toBe('pink');
    expect(found.properties.Total?.type).toBe('rich_text');
  });

  test('a database that was saved under a 503 is taken, one that is in doubt is left to a person', async () => {
    const { sandbox, notion } = await start();
    const input = { parentPageId: sandbox.parentPageId, sources: new Map<TableName, never>() };
    const strike = (operation: string, additionalData: Record<string, string>): number =>
      sandbox.control.faults.add({
        match: { operation },
        times: 1,
        action: { kind: 'status', status: 503, when: 'after', additionalData },
      });
    strike('databases.create', { committed_resource_id: '$id' });
    strike('dataSources.update', {});
    const orders = table('orders', 0, [relation('Next', 'orders')]);
    const made = await applyTable(notion, orders, input, ASK);
    expect(made).toMatchObject({ created: true, faults: [], changed: ['Next'] });
    strike('databases.create', {});
    await expect(applyTable(notion, table('parts', 0, []), input, ASK)).rejects.toMatchObject({
      code: 'notion_database_doubtful',
    });
    const name = { property: 'Name', type: 'title', schemaJson: { title: {} } } as const;
    const report = { title: 'Sync Log', properties: [name] };
    const place = { id: null, parentPageId: sandbox.parentPageId, known: {} };
    strike('databases.create', {});
    await expect(applyReportDatabase(notion, report, place, ASK)).rejects.toMatchObject({
      code: 'notion_database_doubtful',
    });
    strike('databases.create', { committed_resource_id: '$id' });
    expect(await applyReportDatabase(notion, report, place, ASK)).toMatchObject({ created: true });
    const none = { parentPageId: null, sources: new Map() };
    await expect(applyTable(notion, table('x', 0, []), none, ASK)).rejects.toMatchObject({
      code: 'notion_parent_missing',
    });
  });
});

test('every call of the client, against the sandbox', async () => {
  const { sandbox, notion } = await start();
  const [made] = await applyTables(
    notion,
    [table('orders', 0, [relation('Next', 'orders')])],
    { parentPageId: sandbox.parentPageId, sources: new Map() },
    ASK,
  );
  if (!made) throw new Error('nothing was made');
  const { dataSourceId, ids, databaseId } = made;
  const title = (text: string) => ({ title: { title: [{ text: { content: text } }] } });
  const first = await notion.createPage({ dataSourceId, properties: title('first') }, ASK);
  expect(first).toMatchObject({ inTrash: false, isArchived: false, parentDataSource: dataSourceId });
  expect(Object.keys(first.properties)).toContain(ids.Next);
  const next = ids.Next ?? '';
  const properties = { ...title('second'), [next]: { relation: [{ id: first.id }] } };
  const second = await notion.createPage({ dataSourceId, properties }, ASK);
  const items = await notion.retrieveProperty(second.id, next, ASK);
  expect(items).toEqual([expect.objectContaining({ type: 'relation', relation: { id: first.id } })]);
  await notion.updatePage({ id: first.id, properties: title('renamed') }, ASK);
  expect((await notion.retrievePage(first.id, ASK)).properties.title).toMatchObject({
    title: [expect.objectContaining({ plain_text: 'renamed' })],
  });
  const page = await notion.query({ dataSourceId, pageSize: 1, filterProperties: ['title'] }, ASK);
  expect(page.pages).toHaveLength(1);
  expect(Object.keys(page.pages[0]?.properties ?? {})).toEqual(['title']);
  const rest = await notion.query({ dataSourceId, pageSize: 1, cursor: page.nextCursor ?? '' }, ASK);
  expect(rest).toMatchObject({ nextCursor: null, incomplete: false });
  expect((await notion.setTrash(first.id, true, ASK)).inTrash).toBe(true);
  expect((await notion.query({ dataSourceId }, ASK)).pages.map(({ id }) => id)).toEqual([second.id]);
  await notion.createComment(second.id, 'refused by a constraint', ASK);
  expect(sandbox.control.snapshot().comments).toHaveLength(1);
  expect(await notion.me(ASK)).toMatchObject({ id: sandbox.control.botId });
  expect((await notion.listUsers(ASK)).length).toBeGreaterThan(0);
  expect(await notion.retrieveDatabase(databaseId ?? '', ASK)).toMatchObject({
    title: 'All orders',
    dataSources: [{ id: dataSourceId }],
  });
  expect((await notion.retrieveDataSource(dataSourceId, ASK)).databaseId).toBe(databaseId);
});
