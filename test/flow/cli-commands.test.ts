import { userInfo } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { remoteControl } from '../../src/sandbox/notion/remote.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { runCli, spawnCli } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

const ROWS = 4;
let stage: CliStage;

beforeAll(async () => {
  stage = await createCliStage({ config: shopConfig, schema: `${shopSchema};${shopRows(ROWS)}` });
});
afterAll(() => stage[Symbol.asyncDispose]());

/** Runs a command that must go well and say nothing on stderr; gives what it printed. */
async function printed(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await stage.run(args, variables);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

const items = () => stage.sandbox.control.listDatabases().filter((each) => each.title === 'Items');
const names = () => {
  const pages = stage.sandbox.control.titles(items()[0]?.dataSourceId ?? '');
  return pages.map(({ title }) => title).sort();
};

test('apply prints the ids of what it made, and changes nothing the second time', async () => {
  const first = await printed(['apply']);
  const [made] = items();
  expect(first).toBe(`# items: created\nNOTION_DATABASE_ITEMS_ID=${made?.databaseId}\n`);
  const before = stage.sandbox.control.version();
  expect(await printed(['apply'])).toBe(
    `# items: as it should be\nNOTION_DATABASE_ITEMS_ID=${made?.databaseId}\n`,
  );
  expect(stage.sandbox.control.version()).toBe(before);
  expect(JSON.parse(await printed(['apply', '--json']))).toMatchObject([
    {
      table: 'items',
      databaseId: made?.databaseId,
      dataSourceId: made?.dataSourceId,
      created: false,
      changed: [],
    },
  ]);
});

test('a fresh state finds the databases by the ids that apply printed', async () => {
  const [, id = ''] = /^NOTION_DATABASE_ITEMS_ID=(.+)$/m.exec(await printed(['apply'])) ?? [];
  await using other = await createCliStage({
    config: shopConfig,
    schema: shopSchema,
    variables: {
      NOTION_BASE_URL: stage.sandbox.url,
      NOTION_PARENT_PAGE_ID: '',
      // As a person copies it out of an address.
      NOTION_DATABASE_ITEMS_ID: id.replaceAll('-', ''),
    },
  });
  // The database has an installation, which is at work as far as anybody knows.
  expect((await other.run(['apply'])).stderr).toContain('(installation_copied)');
  const { code, stdout } = await other.run(['apply', '--take-over']);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `# items: as it should be\nNOTION_DATABASE_ITEMS_ID=${id}\n`,
  });
  const daemon = await other.start();
  expect(items()).toHaveLength(1);
  daemon.signal('SIGTERM');
  await daemon.exit;
  // From now on they are the other's; the tests that follow take them back.
  expect((await stage.run(['apply'])).stderr).toContain('(installation_copied)');
  await printed(['apply', '--take-over']);
});

test('status shows a line per table, before the first sync, during it and after it', async () => {
  expect(await printed(['status'])).toMatch(
    /^table .+\nitems +0 .+first sync; its database is read until it is known which pages there are\n$/m,
  );
  const daemon = await stage.start();
  await stage.settled();
  const { tables } = JSON.parse(await printed(['status', '--json'])) as { tables: Record<string, unknown>[] };
  const [line] = tables;
  expect(line).toMatchObject({
    table_name: 'items',
    records: ROWS,
    linked: ROWS,
    pending: 0,
    failed: 0,
    paused: false,
  });
  expect(await printed(['status'])).toMatch(/\nitems +4 +4 +0 +- +0 /);
  daemon.signal('SIGTERM');
  expect((await daemon.exit).code).toBe(0);
});

test('invariant 15: a property that a person deleted is told of by status while all else goes on, and apply makes it again', async () => {
  const [made] = items();
  stage.sandbox.control.deleteProperty(made?.dataSourceId ?? '', 'Price');
  {
    await using _ = await stage.start();
    await stage.settled();
    expect(await printed(['status'])).toMatch(/\nitems, Price: the property is gone.+pgnotion apply/);
  }
  const { tables } = JSON.parse(await printed(['status', '--json'])) as { tables: { drift: object[] }[] };
  const [line] = tables;
  expect(line?.drift).toMatchObject([{ property: 'Price', kind: 'property_missing' }]);
  expect(await printed(['apply'])).toContain('# items: added Price\n');
  expect(await printed(['status'])).not.toContain('is gone');
});

test('a paused table waits in both directions until it is resumed', async () => {
  await using _ = await stage.start();
  await stage.settled();
  expect(await printed(['pause', 'items'])).toBe('items is paused\n');
  expect(await printed(['status'])).toContain('paused: paused by hand');
  await stage.database.pool.query(`update items set name = 'while paused' where id = 1`);
  await eventually(async () => {
    const { tables } = JSON.parse(await printed(['status', '--json'])) as { tables: { pending: number }[] };
    const [line] = tables;
    return line?.pending === 1;
  });
  expect(names()).not.toContain('while paused');
  expect(await printed(['resume', 'items'])).toBe('items is resumed\n');
  await eventually(() => names().includes('while paused'));
  expect(await printed(['status'])).not.toContain('paused');
});

test('resync compares everything again, and writes nothing where nothing differs', async () => {
  await using _ = await stage.start();
  await stage.settled();
  const before = stage.sandbox.control.version();
  expect(await printed(['resync', 'items'])).toMatch(/^items is compared again/);
  await stage.settled();
  expect(stage.sandbox.control.version()).toBe(before);
  expect(await printed(['resync'])).toMatch(/^every table is compared again/);
  await stage.settled();
  expect(stage.sandbox.control.version()).toBe(before);
});

test('failures are listed with reason and remedy, and tried again when they are told to', async () => {
  expect(await printed(['failures', 'list'])).toBe('nothing failed\n');
  await using _ = await stage.start();
  const { control } = stage.sandbox;
  control.faults.add({
    match: { operation: 'pages.update' },
    times: null,
    action: {
      kind: 'status',
      status: 400,
      when: 'before',
      code: 'validation_error',
      // Notion's own check of a request: anything else may pass, and is tried again by itself.
      message: 'body failed validation: Not this time.',
    },
  });
  await stage.database.pool.query(`update items set name = 'refused for now' where id = 2`);
  const listed = await eventually(async () => {
    const text = await printed(['failures', 'list']);
    // Before that each property is tried alone.
    return text.includes('set aside') && !text.includes('one by one') && text;
  });
  expect(listed).toMatch(
    /^items 2 \(to-notion, set aside\)\n {2}.+Not this time\..+\n {2}what to do: .+\n {2}first \S+Z \(.+ ago\), last \S+Z \(.+ ago\), \d+ tr(?:y|ies), not tried again by itself\n$/,
  );
  expect(JSON.parse(await printed(['failures', 'list', '--json']))).toMatchObject([
    { table_name: 'items', key: '2', direction: 'to-notion', parked: true },
  ]);
  expect(names()).not.toContain('refused for now');
  control.faults.clear();
  expect(await printed(['failures', 'retry', 'items', '2'])).toBe('items 2 is tried again now\n');
  await eventually(() => names().includes('refused for now'));
  expect(await printed(['failures', 'list'])).toBe('nothing failed\n');
});

test('SYNC_ENABLED=false: start checks everything, says so and ends well', async () => {
  const { code, stderr } = await stage.run(['start'], { SYNC_ENABLED: 'false' });
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing is synced') });
});

test('sandbox prints variables that the other commands work with, and keeps its pages in a journal', async () => {
  const journal = `${stage.folder}/notion.jsonl`;
  const open = () => spawnCli(['sandbox', '--journal', journal], { cwd: stage.folder });
  const variablesOf = (text: string) =>
    Object.fromEntries([...text.matchAll(/^(NOTION_\w+)=(.+)$/gm)].map(([, name, value]) => [name, value]));
  {
    await using sandbox = open();
    await sandbox.says(/NOTION_PARENT_PAGE_ID=.+\n/);
    await using other = await createCliStage({
      config: shopConfig,
      schema: shopSchema,
      variables: variablesOf(sandbox.stdout()),
    });
    await other.apply();
    sandbox.signal('SIGINT');
    expect(await sandbox.exit).toMatchObject({ code: 0, stderr: '' });
  }
  await using again = open();
  await again.says(/NOTION_PARENT_PAGE_ID=.+\n/);
  const control = remoteControl(variablesOf(again.stdout()).NOTION_BASE_URL ?? '');
  expect(await control.listDatabases()).toMatchObject([{ title: 'Items' }]);
});

test('help names every command and global options may stand before or after the command', async () => {
  const { code, stdout } = await runCli(['--help']);
  expect(code).toBe(0);
  for (const name of [
    'apply',
    'start',
    'status',
    'resync',
    'pause',
    'resume',
    'failures',
    'sandbox',
    'demo',
  ]) {
    expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  }
  const before = await printed(['--config', 'pgnotion.config.ts', '--json', 'status']);
  const after = await printed(['status', '--json', '--config', 'pgnotion.config.ts']);
  expect(Object.keys(JSON.parse(after))).toEqual(Object.keys(JSON.parse(before)));
});

test('what a command changes is noted with the account that ran it, and what is refused is not', async () => {
  await printed(['pause', 'items']);
  await printed(['resume']);
  expect((await stage.run(['pause', 'nobody'])).code).toBe(1);
  const { rows } = await stage.database.pool.query<{ actor: string; action: string; input: object }>(
    'select actor, action, input, message from pgnotion.actions order by id desc limit 2',
  );
  const actor = userInfo().username;
  expect(rows).toEqual([
    { actor, action: 'resume', input: {}, message: '1 paused tables go on' },
    { actor, action: 'pause', input: { table: 'items' }, message: 'items is paused' },
  ]);
});

const PAGE = '00000000-0000-4000-8000-000000000001';
const deletion = (key: string) =>
  `insert into pgnotion.outbox (table_name, key, kind, parked_at, code) values ('items', '${key}', 'delete', now(), 'mass_deletion')`;

test('each command that calls a function of the schema leaves one line, and the function none beside it', async () => {
  const { pool } = stage.database;
  await pool.query(`
    ${deletion('71')}; ${deletion('72')};
    insert into pgnotion.outbox (table_name, key, kind, parked_at, code) values ('items', '70', 'write', now(), 'x');
    insert into pgnotion.conflict_entries (type, table_name, record_id, page_id, fields, strategy, status)
      values ('CONCURRENT_UPDATE', 'items', '73', '${PAGE}', '{Note}', 'manual', 'open');
    insert into pgnotion.match_pages (page_id, table_name, match_values, verdict, group_id)
      values ('${PAGE}', 'items', '{x}', 'held', '${PAGE}');
    insert into pgnotion.match_rows (table_name, key, group_id, verdict) values ('items', '74', '${PAGE}', 'held')`);
  const {
    rows: [conflict],
  } = await pool.query<{ id: string }>('select max(id)::text as id from pgnotion.conflict_entries');
  const commands = [
    ['retry', 'failures', 'retry', 'items', '70'],
    ['approve', 'guarded', 'approve', 'items', '71'],
    ['reject', 'guarded', 'reject', 'items', '72'],
    ['pair', 'guarded', 'pair', 'items', '74', PAGE],
    ['resolve', 'conflicts', 'resolve', conflict?.id ?? '', '--keep', 'notion'],
    ['resync', 'resync', 'items'],
    ['pause', 'pause'],
    ['resume', 'resume', 'items'],
  ] as const;
  const actor = userInfo().username;
  for (const [action, ...args] of commands) {
    await pool.query('truncate pgnotion.admin_actions');
    expect(await stage.run(args), args.join(' ')).toMatchObject({ code: 0 });
    const { rows } = await pool.query('select actor, action from pgnotion.actions');
    expect(rows, args.join(' ')).toEqual([{ actor, action }]);
  }
});
