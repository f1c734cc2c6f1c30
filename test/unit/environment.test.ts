import { describe, expect, test } from 'vitest';
import {
  databaseVariable,
  HELP,
  OPTIONS,
  readEnvironment,
  readVariables,
  unknownVariables,
} from '../../src/config/environment.ts';
import { parseConfig } from '../../src/config/mapping-file.ts';
import type { PgnotionError } from '../../src/model/errors.ts';

const table = (name: string) => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  fields: { Name: { column: 'name', type: 'title' as const } },
});
const config = parseConfig({ tables: { suppliers: table('suppliers'), 'rfq-responses': table('rfqs') } });

const PAGE = '0123456789abcdef0123456789abcdef';
const LEAST = { DATABASE_URL: 'postgres://user:secret@host/db', NOTION_API_KEY: 'ntn_secret' };
const read = (more: Readonly<Record<string, string | undefined>> = {}) =>
  readEnvironment({ ...LEAST, ...more }, config);

function refusal(variables: Readonly<Record<string, string | undefined>>): string {
  let error: PgnotionError | undefined;
  try {
    readEnvironment(variables, config);
  } catch (thrown) {
    error = thrown as PgnotionError;
  }
  expect(error).toMatchObject({ code: 'config_invalid' });
  return `${error?.message}\n${error?.remedy}`;
}

test('what is not set has its default', () => {
  expect(read()).toMatchObject({
    ...LEAST,
    NOTION_VERSION: '2026-03-11',
    NOTION_RATE_LIMIT: { requests: 180, windowMs: 60_000 },
    NOTION_TIMEOUT_SECONDS: 30,
    SYNC_ENABLED: true,
    SYNC_INTERVAL_SECONDS: 15,
    SYNC_QUERY_LAG_SECONDS: 60,
    SYNC_BATCH_SIZE: 100,
    SYNC_CREATE_GRACE_SECONDS: 60,
    SYNC_CONFLICT_STRATEGY: 'lww',
    ADMIN_HOST: '127.0.0.1',
    ADMIN_PORT: 7420,
    LOG_LEVEL: 'info',
    databaseIds: new Map(),
  });
  for (const name of ['REPLICATION_URL', 'NOTION_BASE_URL', 'NOTION_PARENT_PAGE_ID', 'ALERT_WEBHOOK_URL'])
    expect(read()).not.toHaveProperty(name);
});

test.each([
  ['DATABASE_URL', 'postgresql://localhost/db', 'postgresql://localhost/db'],
  ['REPLICATION_URL', 'postgres://direct/db', 'postgres://direct/db'],
  ['NOTION_API_KEY', ' ntn_1 \n', 'ntn_1'],
  ['NOTION_BASE_URL', 'http://127.0.0.1:7421', 'http://127.0.0.1:7421'],
  ['NOTION_VERSION', '2025-09-03', '2025-09-03'],
  ['NOTION_RATE_LIMIT', '600/60s', { requests: 600, windowMs: 60_000 }],
  ['NOTION_RATE_LIMIT', '3/0.5s', { requests: 3, windowMs: 500 }],
  ['NOTION_TIMEOUT_SECONDS', '2.5', 2.5],
  ['NOTION_PARENT_PAGE_ID', PAGE, PAGE],
  ['NOTION_PARENT_PAGE_ID', `https://www.notion.so/acme/My-page-${PAGE}?pvs=4`, PAGE],
  ['SYNC_ENABLED', 'false', false],
  ['SYNC_ENABLED', '0', false],
  ['SYNC_ENABLED', '1', true],
  ['SYNC_INTERVAL_SECONDS', '0.25', 0.25],
  ['SYNC_BATCH_SIZE', '1000', 1000],
  ['SYNC_CREATE_GRACE_SECONDS', '0.5', 0.5],
  ['SYNC_CONFLICT_STRATEGY', 'lww', 'lww'],
  ['SYNC_CONFLICT_STRATEGY', 'manual', 'manual'],
  ['ADMIN_HOST', '0.0.0.0', '0.0.0.0'],
  ['ADMIN_PORT', '0', 0],
  ['ADMIN_PORT', '65535', 65_535],
  ['ADMIN_PORT', 'off', null],
  ['ALERT_WEBHOOK_URL', 'https://hooks.example/1', 'https://hooks.example/1'],
  ['LOG_LEVEL', 'debug', 'debug'],
])('%s takes %j', (name, text, value) => {
  expect(read({ [name]: text })).toHaveProperty(name, value);
});

test('a variable that is set and empty counts as unset', () => {
  const empty = Object.fromEntries(OPTIONS.map(({ name }) => [name, '']));
  expect(read({ ...empty, ...LEAST, NOTION_DATABASE_SUPPLIERS_ID: '' })).toEqual(read());
  expect(refusal({ ...LEAST, DATABASE_URL: '' })).toContain('DATABASE_URL: is not set');
});

describe('invariant 14: a fault names its variable and what belongs there, and never shows what was set', () => {
  test.each([
    ['DATABASE_URL', 'mysql://user:hunter2@host/db'],
    ['DATABASE_URL', 'hunter2'],
    ['REPLICATION_URL', 'hunter2'],
    ['NOTION_API_KEY', '   '],
    ['NOTION_BASE_URL', 'hunter2'],
    ['NOTION_BASE_URL', 'hunter2.example:8080'],
    ['NOTION_BASE_URL', 'file:///hunter2'],
    ['NOTION_PARENT_PAGE_ID', 'hunter2'],
    ['NOTION_VERSION', 'hunter2'],
    ['NOTION_RATE_LIMIT', 'hunter2'],
    ['NOTION_RATE_LIMIT', '0/60s'],
    ['NOTION_RATE_LIMIT', '180/0s'],
    ['NOTION_RATE_LIMIT', '180'],
    ['NOTION_TIMEOUT_SECONDS', '0'],
    ['SYNC_ENABLED', 'hunter2'],
    ['SYNC_INTERVAL_SECONDS', 'hunter2'],
    ['SYNC_INTERVAL_SECONDS', '0'],
    ['SYNC_INTERVAL_SECONDS', '86401'],
    ['SYNC_BATCH_SIZE', '0'],
    ['SYNC_BATCH_SIZE', '1001'],
    ['SYNC_BATCH_SIZE', '1.5'],
    ['SYNC_BATCH_SIZE', 'hunter2'],
    ['SYNC_CREATE_GRACE_SECONDS', 'hunter2'],
    ['SYNC_CONFLICT_STRATEGY', 'hunter2'],
    ['ADMIN_PORT', 'hunter2'],
    ['ADMIN_PORT', '65536'],
    ['ADMIN_PORT', '-1'],
    ['ALERT_WEBHOOK_URL', 'hunter2'],
    ['ALERT_WEBHOOK_URL', 'ftp://hunter2.example'],
    ['LOG_LEVEL', 'hunter2'],
  ])('%s=%s', (name, text) => {
    const told = refusal({ ...LEAST, [name]: text });
    expect(told).toContain('has 1 fault:');
    expect(told).toContain(`  ${name}: `);
    expect(told).toContain(`mend: set the environment variable ${name}: ${HELP[name as keyof typeof HELP]}`);
    expect(told).not.toContain('hunter2');
    expect(told).not.toContain('secret');
  });

  test('all at once', () => {
    const told = refusal({ LOG_LEVEL: 'loud', SYNC_BATCH_SIZE: 'x' });
    expect(told).toContain('has 4 faults:');
    for (const name of ['DATABASE_URL', 'NOTION_API_KEY', 'LOG_LEVEL', 'SYNC_BATCH_SIZE'])
      expect(told).toContain(`  ${name}: `);
  });
});

test('each variable has its line of help', () => {
  expect(OPTIONS.map(({ name }) => name)).toEqual(Object.keys(HELP));
  for (const { help } of OPTIONS) expect(help).toMatch(/\S/);
});

test.each([
  ['suppliers', 'NOTION_DATABASE_SUPPLIERS_ID'],
  ['rfq-responses', 'NOTION_DATABASE_RFQ_RESPONSES_ID'],
  ['rfqResponses', 'NOTION_DATABASE_RFQRESPONSES_ID'],
  ['stück 2', 'NOTION_DATABASE_ST_CK_2_ID'],
])('the database of %s is named by %s', (name, variable) => {
  expect(databaseVariable(name)).toBe(variable);
});

test('database ids are kept by table; those of tables that are not synced are passed over', () => {
  const { databaseIds } = read({
    NOTION_DATABASE_SUPPLIERS_ID: 'one',
    NOTION_DATABASE_RFQ_RESPONSES_ID: 'two',
    NOTION_DATABASE_OTHERS_ID: 'three',
  });
  expect(Object.fromEntries(databaseIds)).toEqual({ suppliers: 'one', 'rfq-responses': 'two' });
});

test('two tables whose variable would be one are refused, with the way out', () => {
  const tables = { 'a.b': table('one'), a_b: table('two'), заказы: table('three') };
  expect(() => readEnvironment(LEAST, parseConfig({ tables }))).toThrow(
    'tables.a_b: has the environment variable NOTION_DATABASE_A_B_ID, as a.b does',
  );
  const { a_b: _, ...rest } = tables;
  expect(readEnvironment(LEAST, parseConfig({ tables: rest })).databaseIds).toEqual(new Map());
});

test.each([
  ['SYNC_INTERVAL_SECONDS', '0', 'must be a number from 0.1 to 86400'],
  ['SYNC_INTERVAL_SECONDS', 'soon', 'must be a number from 0.1 to 86400'],
  ['SYNC_BATCH_SIZE', '5000', 'must be a whole number from 1 to 1000'],
  ['SYNC_BATCH_SIZE', '1.5', 'must be a whole number from 1 to 1000'],
  ['NOTION_TIMEOUT_SECONDS', '601', 'must be a number from 0.1 to 600'],
  ['SYNC_CREATE_GRACE_SECONDS', '0', 'must be a number from 0.1 to 3600'],
  ['SYNC_QUERY_LAG_SECONDS', '-1', 'must be a number from 0 to 3600'],
  ['SYNC_ENABLED', 'yes', 'must be true or false'],
  ['SYNC_CONFLICT_STRATEGY', 'newest', 'must be one of lww, manual, field_precedence'],
  ['ADMIN_PORT', '99999', 'must be a port from 0 to 65535, or off'],
  ['NOTION_RATE_LIMIT', '180', 'such as 180/60s'],
  ['NOTION_PARENT_PAGE_ID', 'tasks', 'neither the id of a page (32 hexadecimal digits) nor its address'],
])('%s=%s is refused with what it may be', (name, text, says) => {
  expect(refusal({ ...LEAST, [name]: text })).toContain(`  ${name}: ${says.startsWith('must') ? says : ''}`);
  expect(refusal({ ...LEAST, [name]: text })).toContain(says);
});

test('a password that ends the URL is told with how to write it, and without the password', () => {
  const told = refusal({ ...LEAST, DATABASE_URL: 'postgres://user:hunter2' });
  expect(told).toMatch(/DATABASE_URL: has no host after the password.+\n {4}mend: .+# as %23, \/ as %2F/);
  expect(told).not.toContain('hunter2');
});

test('an address of a database is as good as its id', () => {
  const { databaseIds } = read({
    NOTION_DATABASE_SUPPLIERS_ID: `https://app.notion.com/p/acme/Suppliers-${PAGE}?v=fedcba9876543210fedcba9876543210`,
  });
  expect(Object.fromEntries(databaseIds)).toEqual({ suppliers: PAGE });
});

test('faults of values and of tables are told together', () => {
  const { tables } = parseConfig({ tables: { 'a.b': table('one'), a_b: table('two') } });
  const { environment, faults } = readVariables(
    { ...LEAST, SYNC_BATCH_SIZE: '0', SYNC_CONFLICT_STRATEGY: 'field_precedence' },
    tables,
  );
  expect(environment).toBeNull();
  expect(faults.map(({ path }) => path)).toEqual(['SYNC_BATCH_SIZE', 'tables.a_b', 'SYNC_CONFLICT_STRATEGY']);
});

test.each([
  ['SYNC_INTERVAL_SECOND', 'SYNC_INTERVAL_SECONDS'],
  ['SYNC_BACTH_SIZE', 'SYNC_BATCH_SIZE'],
  ['NOTION_APIKEY', 'NOTION_API_KEY'],
  ['NOTION_PARENT_PAGEID', 'NOTION_PARENT_PAGE_ID'],
  ['NOTION_DATABASE_SUPLIERS_ID', 'NOTION_DATABASE_SUPPLIERS_ID'],
  ['NOTION_TOKEN', null],
  ['SYNC_WHATEVER', null],
])('%s is not known: %s may be meant', (name, meant) => {
  const [fault, ...others] = unknownVariables(
    { NOTION_API_KEY: name === 'NOTION_APIKEY' ? '' : 'x', [name]: 'x' },
    config.tables,
  );
  expect(others).toEqual([]);
  expect(fault).toMatchObject({ path: name, message: expect.stringContaining('not a variable of pgnotion') });
  if (meant === null) expect(fault?.remedy).toMatch(/^remove it/);
  else expect(fault?.remedy).toContain(`set ${meant} instead`);
});

test('variables that are known, of other programs, or of tables that are gone are not told', () => {
  const names = [
    ...OPTIONS.map(({ name }) => name),
    'NOTION_DATABASE_GONE_ID',
    'NOTION_DATABASE_SYNC_LOG_ID',
    'PATH',
  ];
  expect(unknownVariables(Object.fromEntries(names.map((name) => [name, 'x'])), config.tables)).toEqual([]);
  expect(unknownVariables({ NOTION_TOKEN: 'x' }, [])[0]?.remedy).toContain('set NOTION_API_KEY instead');
});
