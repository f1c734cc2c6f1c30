import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import {
  type ConfigInput,
  parseConfig,
  type SchemaInput,
  type TableInput,
} from '../../src/config/mapping-file.ts';
import type { PgnotionError } from '../../src/model/errors.ts';
import type { Direction } from '../../src/model/mapping.ts';

const NAME = { Name: { column: 'name', type: 'title' } } as const;
const suppliers = (more: object = {}): TableInput =>
  ({ source: 'public.suppliers', key: 'id', title: 'Suppliers', fields: NAME, ...more }) as TableInput;

const config = (tables: object, more: object = {}): ConfigInput => ({ tables, ...more }) as ConfigInput;
const withFields = (fields: object, more: object = {}): ConfigInput =>
  config({ suppliers: suppliers({ fields: { ...NAME, ...fields }, ...more }) });

/** The faults as the operator reads them: path -> message and mend. */
function faultsOf(input: unknown): Record<string, string> {
  let error: PgnotionError | undefined;
  try {
    parseConfig(input);
  } catch (thrown) {
    error = thrown as PgnotionError;
  }
  expect(error).toMatchObject({ code: 'config_invalid', retryable: false });
  const [head = '', ...lines] = (error?.message ?? '').split('\n');
  const found: [string, string][] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const [path = '', message = ''] = (lines[at] ?? '').trim().split(/: (.*)/s);
    expect(lines[at + 1]).toMatch(/^ {4}mend: \S/);
    found.push([path, `${message} | ${(lines[at + 1] ?? '').replace('    mend: ', '')}`]);
  }
  expect(head).toBe(`the configuration has ${found.length} ${found.length === 1 ? 'fault' : 'faults'}:`);
  return Object.fromEntries(found);
}

describe('the guards', () => {
  const guardsOf = (more: object) => parseConfig(config({ suppliers: suppliers() }, more)).guards;
  const usual = { number: 20, share: 0.05, windowMinutes: 10 };

  test('are alike for every kind unless one has bounds of its own', () => {
    expect(guardsOf({})).toEqual({ deletion: usual, clearing: usual, creation: usual });
    expect(guardsOf({ guard: { number: 5, clearing: { share: 0.5, number: 2 } } })).toEqual({
      deletion: { ...usual, number: 5 },
      clearing: { ...usual, number: 2, share: 0.5 },
      creation: { ...usual, number: 5 },
    });
  });

  test('take deleteGuard for guard.deletion, which goes first', () => {
    expect(guardsOf({ guard: { number: 5 }, deleteGuard: { number: 7 } })).toMatchObject({
      deletion: { number: 7 },
      clearing: { number: 5 },
    });
    expect(
      guardsOf({ deleteGuard: { number: 7, share: 0.3 }, guard: { deletion: { number: 9 } } }).deletion,
    ).toEqual({ ...usual, number: 9, share: 0.3 });
  });

  test('refuse bounds that are none', () => {
    expect(
      faultsOf(config({ suppliers: suppliers() }, { guard: { clearing: { share: 2, hours: 1 } } })),
    ).toMatchObject({ 'guard.clearing.share': expect.any(String), 'guard.clearing': expect.any(String) });
  });
});

test('what is left out has its default', () => {
  const parsed = parseConfig(config({ suppliers: suppliers() }));
  expect(parsed).toMatchObject({
    slot: 'pgnotion',
    publication: 'pgnotion',
    settleSeconds: 5,
    wholePollPages: 200,
    sweepHours: 24,
    syncLog: { level: 'problems', days: 30, entries: 2_000 },
    rememberDays: 30,
  });
  expect(parsed.tables).toEqual([
    {
      name: 'suppliers',
      source: 'public.suppliers',
      query: null,
      where: null,
      dependsOn: [],
      key: ['id'],
      direction: 'both',
      title: 'Suppliers',
      idProperty: 'Supabase ID',
      lastSyncedProperty: 'Last Synced',
      statusProperty: null,
      onNotionTrash: 'review',
      onPostgresDelete: 'trash',
      onRowFiltered: 'trash',
      onDuplicatePage: 'report',
      match: [],
      firstLink: 'postgres',
      conflict: null,
      settleSeconds: null,
      fields: [
        {
          property: 'Name',
          type: 'title',
          source: { kind: 'column', column: 'name' },
          direction: 'both',
          directionImplied: true,
        },
        { property: 'Supabase ID', type: 'rich_text', source: { kind: 'key' }, direction: 'to-notion' },
      ],
    },
  ]);
});

test('what is said stands', () => {
  const said = {
    query: 'select * from public.suppliers where live',
    dependsOn: [{ table: 'public.users', on: { id: 'user_id' } }],
    key: ['region', 'id'],
    direction: 'to-notion',
    idProperty: 'Key',
    lastSyncedProperty: null,
    onNotionTrash: 'restore',
    onPostgresDelete: 'ignore',
  };
  const more = {
    slot: 'mine_2',
    publication: 'Mine',
    sync: { settleSeconds: 0, wholePollPages: 0, sweepHours: 1 },
  };
  const parsed = parseConfig(config({ suppliers: suppliers(said) }, more));
  expect(parsed).toMatchObject({
    slot: 'mine_2',
    publication: 'Mine',
    settleSeconds: 0,
    wholePollPages: 0,
    sweepHours: 1,
  });
  expect(parsed.tables[0]).toMatchObject(said);
});

const COLUMN = { column: 'x' };
test.each<[string, object, Direction, Direction]>([
  ['a column follows its table', { ...COLUMN, type: 'number' }, 'both', 'both'],
  ['a column follows its table', { ...COLUMN, type: 'number' }, 'to-notion', 'to-notion'],
  ['a column follows its table', { ...COLUMN, type: 'number' }, 'to-postgres', 'to-postgres'],
  [
    'a field’s own direction stands',
    { ...COLUMN, type: 'number', direction: 'to-notion' },
    'both',
    'to-notion',
  ],
  ['an expression is never written back', { expression: '1', type: 'number' }, 'both', 'to-notion'],
  ['what Notion computes comes from there', { ...COLUMN, type: 'formula' }, 'both', 'to-postgres'],
  [
    'what Notion computes comes from there',
    { ...COLUMN, type: 'last_edited_time' },
    'to-notion',
    'to-postgres',
  ],
])('%s: %j in a table that goes %s', (_title, field, table, direction) => {
  const [parsed] = parseConfig(withFields({ X: field }, { direction: table })).tables;
  expect(parsed?.fields.find((one) => one.property === 'X')?.direction).toBe(direction);
});

test('options that are not given are not there, so that two spellings of a mapping are the same mapping', () => {
  const field = { column: 'x', type: 'number', lossy: undefined, values: undefined };
  const [parsed] = parseConfig(withFields({ X: field })).tables;
  expect(Object.keys(parsed?.fields[1] ?? {}).sort()).toEqual([
    'direction',
    'directionImplied',
    'property',
    'source',
    'type',
  ]);
});

describe('each fault is told with its path and its mend', () => {
  test.each<[string, unknown, string, RegExp]>([
    ['no object', null, '(the whole file)', /object/],
    ['missing tables', {}, 'tables', /is missing \| add tables: \{ name: \{ source/],
    [
      'a missing key',
      config({ suppliers: suppliers({ key: undefined }) }),
      'tables.suppliers.key',
      /is missing \| add key: the primary key's column/,
    ],
    [
      'a missing source',
      config({ suppliers: suppliers({ source: undefined }) }),
      'tables.suppliers.source',
      /is missing \| add source/,
    ],
    [
      'missing fields',
      config({ suppliers: suppliers({ fields: undefined }) }),
      'tables.suppliers.fields',
      /is missing \| add fields/,
    ],
    [
      'a missing type',
      withFields({ X: { column: 'x' } }),
      'tables.suppliers.fields.X.type',
      /is missing \| use one of .*"select"/,
    ],
    [
      'a key of another kind',
      config({ suppliers: suppliers({ key: 5 }) }),
      'tables.suppliers.key',
      /not allowed \| add key: the primary key's column/,
    ],
    [
      'a number that is too large',
      config({ suppliers: suppliers({ settleSeconds: 9_999 }) }),
      'tables.suppliers.settleSeconds',
      /must be at most 3600/,
    ],
    [
      'a format that Notion lacks',
      withFields({ X: { column: 'x', type: 'number', format: 'dollars' } }),
      'tables.suppliers.fields.X.format',
      /is "dollars", which is not a number format of Notion \| did you mean "dollar"\? use one of number, .*zloty/,
    ],
    ['no tables', { tables: {} }, 'tables', /is empty \| name at least one/],
    [
      'an unknown key',
      config({ suppliers: suppliers() }, { slots: 'x' }),
      '(the whole file)',
      /slots \| .*spelling/,
    ],
    [
      'an unknown key of a table',
      config({ suppliers: suppliers({ kee: 1 }) }),
      'tables.suppliers',
      /know kee/,
    ],
    [
      'an unknown key of sync',
      config({ suppliers: suppliers() }, { sync: { every: 1 } }),
      'sync',
      /know every/,
    ],
    [
      'a slot that PostgreSQL refuses',
      config({ suppliers: suppliers() }, { slot: 'My-Slot' }),
      'slot',
      /lower-case/,
    ],
    [
      'a source without a schema',
      config({ suppliers: suppliers({ source: 'suppliers' }) }),
      'tables.suppliers.source',
      /schema\.table/,
    ],
    ['no title', config({ suppliers: suppliers({ title: undefined }) }), 'tables.suppliers.title', /string/],
    ['an empty key', config({ suppliers: suppliers({ key: [] }) }), 'tables.suppliers.key', /./],
    [
      'an unknown policy',
      config({ suppliers: suppliers({ onNotionTrash: 'drop' }) }),
      'tables.suppliers.onNotionTrash',
      /"delete", "restore", "ignore"/,
    ],
    [
      'an unknown type',
      withFields({ X: { column: 'x', type: 'text' } }),
      'tables.suppliers.fields.X.type',
      /use one of .*"rich_text"/,
    ],
    [
      'an unknown direction',
      withFields({ X: { column: 'x', type: 'url', direction: 'in' } }),
      'tables.suppliers.fields.X.direction',
      /"to-notion"/,
    ],
    [
      'neither column nor expression',
      withFields({ X: { type: 'url' } }),
      'tables.suppliers.fields.X',
      /either a column or an expression/,
    ],
    [
      'both column and expression',
      withFields({ X: { type: 'url', column: 'x', expression: 'x' } }),
      'tables.suppliers.fields.X',
      /either/,
    ],
    [
      'an expression both ways',
      withFields({ X: { type: 'url', expression: 'x', direction: 'both' } }),
      'tables.suppliers.fields.X.direction',
      /cannot be written back/,
    ],
    [
      'a transform that is no function',
      withFields({ X: { type: 'url', column: 'x', transform: 'x' } }),
      'tables.suppliers.fields.X.transform',
      /must be a function/,
    ],
    [
      'a transform without its reverse',
      withFields({ X: { type: 'url', column: 'x', transform: String } }),
      'tables.suppliers.fields.X.transform',
      /cannot be undone.* \| add a reverseTransform/,
    ],
    [
      'no title field',
      config({ suppliers: suppliers({ fields: {} }) }),
      'tables.suppliers.fields',
      /0 fields of type title \| .*exactly one/,
    ],
    [
      'two title fields',
      withFields({ X: { column: 'x', type: 'title' } }),
      'tables.suppliers.fields',
      /2 fields of type title/,
    ],
    [
      'an unknown related table',
      withFields({ X: { column: 'x', type: 'relation', relatedTable: 'users' } }),
      'tables.suppliers.fields.X.relatedTable',
      /names users.* \| use one of suppliers/,
    ],
    [
      'something computed to be written',
      withFields({ X: { column: 'x', type: 'formula', direction: 'both' } }),
      'tables.suppliers.fields.X.direction',
      /Notion computes formula/,
    ],
    [
      'an expression under something computed',
      withFields({ X: { expression: 'x', type: 'formula' } }),
      'tables.suppliers.fields.X.direction',
      /with a column/,
    ],
    [
      'a field in the place of the id',
      withFields({ Key: { column: 'x', type: 'url' } }, { idProperty: 'Key' }),
      'tables.suppliers.idProperty',
      /is Key/,
    ],
    [
      'a field in the place of the default id',
      withFields({ 'Supabase ID': { column: 'id', type: 'rich_text' } }),
      'tables.suppliers.idProperty',
      /is Supabase ID/,
    ],
    [
      'a field in the place of the time',
      withFields({ 'Last Synced': { column: 'x', type: 'date' } }),
      'tables.suppliers.lastSyncedProperty',
      /is Last Synced/,
    ],
    [
      'one name for id and time',
      withFields({}, { lastSyncedProperty: 'Supabase ID' }),
      'tables.suppliers.lastSyncedProperty',
      /another property/,
    ],
    [
      'two properties that write one column',
      withFields({ X: { column: 'name', type: 'url' } }),
      'tables.suppliers.fields.X',
      /writes the column name, as Name does/,
    ],
    [
      'a query that is never read',
      withFields({}, { query: 'select 1', direction: 'to-postgres' }),
      'tables.suppliers.query',
      /never read/,
    ],
  ])('%s', (_title, input, path, told) => {
    const faults = faultsOf(input);
    expect(Object.keys(faults)).toEqual([path]);
    expect(faults[path]).toMatch(told);
  });

  test('a table that is mapped twice is told at both places', () => {
    expect(Object.keys(faultsOf(config({ a: suppliers(), b: suppliers() })))).toEqual([
      'tables.a.source',
      'tables.b.source',
    ]);
  });
});

test('faults of spelling are told all at once', () => {
  const faults = faultsOf({
    slot: 'A',
    tables: {
      one: { source: 'x', key: 'id', title: '', fields: { A: { column: 'a', type: 'txt' }, B: {} } },
      two: suppliers({ what: 1 }),
    },
    sync: { settleSeconds: -1 },
  });
  expect(Object.keys(faults).sort()).toEqual([
    'slot',
    'sync.settleSeconds',
    'tables.one.fields.A.type',
    'tables.one.fields.B.type',
    'tables.one.source',
    'tables.one.title',
    'tables.two',
  ]);
});

test('faults of spelling hide none of sense, and a table with faults is there for the relations of others', () => {
  const relation = { column: 'x', type: 'relation', relatedTable: 'two' };
  const faults = faultsOf(
    config({
      one: suppliers({
        fields: { ...NAME, R: relation, X: { column: 'y', type: 'url', transform: String } },
      }),
      two: { ...suppliers(), source: 5 },
    }),
  );
  expect(Object.keys(faults).sort()).toEqual(['tables.one.fields.X.transform', 'tables.two.source']);
});

test('faults of sense are told all at once', () => {
  const relation = { column: 'x', type: 'relation', relatedTable: 'nobody' };
  const faults = faultsOf(
    config({ one: suppliers({ fields: { R: relation } }), two: suppliers({ fields: {} }) }),
  );
  expect(Object.keys(faults).sort()).toEqual([
    'tables.one.fields',
    'tables.one.fields.R.relatedTable',
    'tables.one.source',
    'tables.two.fields',
    'tables.two.source',
  ]);
});

test.each([
  ['a field that only goes to Notion', { column: 'x', direction: 'to-notion' }, {}],
  ['an expression', { expression: 'upper(x)' }, {}],
  ['a field of a table that only goes to Notion', { column: 'x' }, { direction: 'to-notion' }],
  ['a field that has its reverse', { column: 'x', reverseTransform: String }, {}],
])('%s may have a transform', (_title, field, table) => {
  const [parsed] = parseConfig(withFields({ X: { type: 'url', transform: String, ...field } }, table)).tables;
  expect(parsed?.fields[1]?.transform).toBe(String);
});

test('a column may be shown by several properties if one of them writes it', () => {
  const shown = { column: 'name', type: 'rich_text', direction: 'to-notion' };
  expect(parseConfig(withFields({ Shown: shown, Again: shown })).tables[0]?.fields).toHaveLength(4);
});

describe('conflict', () => {
  const both = { column: 'rating', type: 'number' };

  test('a table names a strategy, a field a rule', () => {
    const parsed = parseConfig(
      withFields({ Rating: { ...both, conflict: 'postgres' } }, { conflict: 'field_precedence' }),
    );
    expect(parsed.tables[0]?.conflict).toBe('field_precedence');
    expect(parsed.tables[0]?.fields.map(({ conflict }) => conflict)).toEqual([
      undefined,
      'postgres',
      undefined,
    ]);
  });

  test('precedence needs a field that names a side', () => {
    const faults = faultsOf(
      withFields({ Rating: { ...both, conflict: 'manual' } }, { conflict: 'field_precedence' }),
    );
    expect(Object.keys(faults)).toEqual(['tables.suppliers.conflict']);
    expect(faults['tables.suppliers.conflict']).toContain('no field says which side it goes by');
  });

  test.each(['to-notion', 'to-postgres'])('a field that is %s can have no conflict', (direction) => {
    const faults = faultsOf(withFields({ Rating: { ...both, direction, conflict: 'manual' } }));
    expect(faults).toEqual({
      'tables.suppliers.fields.Rating.conflict': expect.stringContaining('is never used'),
    });
  });

  test('what nobody knows is refused with what there is', () => {
    const faults = faultsOf(
      withFields({ Rating: { ...both, conflict: 'field_precedence' } }, { conflict: 'notion' }),
    );
    expect(faults['tables.suppliers.conflict']).toContain('"lww", "manual", "field_precedence"');
    expect(faults['tables.suppliers.fields.Rating.conflict']).toContain(
      '"lww", "manual", "postgres", "notion"',
    );
  });
});

test('the documented type of the configuration is what the schema takes', () => {
  // Held by the type checker.
  const asSchema = (input: ConfigInput): SchemaInput => input;
  const asDocumented = (input: SchemaInput): ConfigInput => input;
  expect(asSchema(asDocumented({ tables: {} }))).toEqual({ tables: {} });
});

test('each option has a description, which an editor shows', async () => {
  const lines = (await readFile('src/config/config-input.ts', 'utf8')).split('\n');
  const options = lines.flatMap((line, at) => (/^ {2}\w+\??: /.test(line) ? [at] : []));
  expect(options.length).toBeGreaterThan(50);
  expect(options.filter((at) => !lines[at - 1]?.trim().endsWith('*/')).map((at) => lines[at])).toEqual([]);
});
