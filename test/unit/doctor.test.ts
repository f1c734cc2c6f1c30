import { describe, expect, test } from 'vitest';
import { type Check, exitCodeOf } from '../../src/model/doctor/check.ts';
import type { DoctorFacts, Look, NotionFacts, PostgresFacts } from '../../src/model/doctor/facts.ts';
import { judge } from '../../src/model/doctor/judge.ts';
import type { SlotVerdict } from '../../src/model/slot-verdict.ts';

const seen = <T>(value: T): Look<T> => ({ kind: 'seen', value });
const refused = <T>(code: string, message: string): Look<T> => ({
  kind: 'failed',
  code,
  message,
  remedy: `mend ${message}`,
});
const skippedLook = <T>(why: string): Look<T> => ({ kind: 'skipped', why });

const server = {
  version: '18.4',
  role: 'sync',
  walLevel: 'logical',
  slots: { used: 1, most: 10 },
  senders: { used: 0, most: 10 },
  faults: [],
};
const session = { tls: null, isLocal: true, skewMs: 40, keepSize: '10GB', leftOver: [] };
const state = {
  version: 3,
  newest: 3,
  isAllowed: true,
  role: 'sync',
  database: 'app',
  installation: { id: 'abc', whyCopied: null },
};
const table = {
  table: 'items',
  source: 'public.items',
  key: ['id'],
  identity: 'default',
  writes: true,
  faults: [],
};
const slot = {
  name: 'pgnotion',
  verdict: { kind: 'keep' } as SlotVerdict,
  isRead: false,
  walStatus: 'reserved',
};
const publication = { name: 'pgnotion', exists: true, pending: [], faults: [] };
const source = {
  dataSource: 'd1',
  title: 'Items',
  properties: 4,
  lacking: [],
  owner: 'ours' as const,
  faults: [],
};

const postgres: PostgresFacts = {
  target: 'sync@db:5432/app',
  connection: seen(server),
  replication: seen({ target: 'sync@db:5432/app', isSeparate: false }),
  session: seen(session),
  slot: seen(slot),
  state: seen(state),
  publication: seen(publication),
  tables: [{ table: 'items', look: seen(table) }],
};
const notion: NotionFacts = {
  address: 'https://api.notion.com',
  token: seen({ kind: 'bot', name: 'Sync', workspace: 'Acme' }),
  skewMs: seen(-300),
  capabilities: [
    { capability: 'update content', isNeeded: true, look: seen('allowed') },
    { capability: 'comments', isNeeded: false, look: seen('allowed') },
  ],
  parent: seen({ id: 'page' }),
  tables: [{ table: 'items', look: seen(source) }],
};

type More = {
  readonly postgres?: Partial<PostgresFacts>;
  readonly notion?: Partial<NotionFacts>;
} & Partial<Omit<DoctorFacts, 'postgres' | 'notion'>>;

const checksOf = (more: More = {}): readonly Check[] =>
  judge({
    node: { version: '24.1.0', fault: null },
    configuration: { file: 'pgnotion.config.ts', tables: 1, faults: [] },
    unknownVariables: [],
    ...more,
    postgres: { ...postgres, ...more.postgres },
    notion: { ...notion, ...more.notion },
  });

/** What is not ok, by its id. */
const wrong = (more: More): Record<string, Check> =>
  Object.fromEntries(
    checksOf(more)
      .filter(({ status }) => status !== 'ok')
      .map((check) => [check.id, check]),
  );

test('where all is well, every check is ok, has what was seen, and needs nothing', () => {
  const checks = checksOf();
  expect(
    checks.filter(({ status, seen: text, fix }) => status !== 'ok' || text === '' || fix !== null),
  ).toEqual([]);
  expect(new Set(checks.map(({ id }) => id)).size).toBe(checks.length);
  expect(exitCodeOf(checks)).toBe(0);
});

test('a failed check ends with 1, warnings alone with 2, and what was skipped with 0', () => {
  const check = (status: Check['status']): Check => ({ id: status, status, seen: '', fix: null });
  expect(exitCodeOf([check('ok'), check('skipped')])).toBe(0);
  expect(exitCodeOf([check('ok'), check('warning')])).toBe(2);
  expect(exitCodeOf([check('warning'), check('failed')])).toBe(1);
});

const fault = (path: string, message = 'is wrong', remedy = 'ALTER it') => ({ path, message, remedy });

test.each<[string, More, string, Check['status'], RegExp, RegExp | null]>([
  [
    'an old Node',
    { node: { version: '20.1.0', fault: { message: 'needs Node 24', remedy: 'install it' } } },
    'node.version',
    'failed',
    /Node 24/,
    /install/,
  ],
  [
    'a fault of the configuration',
    { configuration: { file: 'x', tables: 0, faults: [fault('slot')] } },
    'configuration',
    'failed',
    /slot: is wrong/,
    /ALTER/,
  ],
  [
    'an unknown variable',
    { unknownVariables: [fault('SYNC_X')] },
    'environment.variables',
    'warning',
    /SYNC_X is wrong/,
    /ALTER/,
  ],
  ...(
    [
      'server_version',
      'standby',
      'wal_level',
      'role',
      'max_replication_slots',
      'max_wal_senders',
      'plugin',
    ] as const
  ).map((path, at): [string, More, string, Check['status'], RegExp, RegExp | null] => [
    path,
    { postgres: { connection: seen({ ...server, faults: [fault(path)] }) } },
    ['version', 'primary', 'wal_level', 'replication_role', 'replication_slots', 'wal_senders', 'plugin'].map(
      (id) => `postgres.${id}`,
    )[at] ?? '',
    'failed',
    /is wrong/,
    /ALTER it/,
  ]),
  [
    'no TLS to another machine',
    { postgres: { session: seen({ ...session, isLocal: false }) } },
    'postgres.tls',
    'warning',
    /sync@db.+not encrypted/,
    /sslmode=verify-full/,
  ],
  [
    'a clock that is ahead',
    { postgres: { session: seen({ ...session, skewMs: 61_000 }) } },
    'postgres.clock',
    'warning',
    /61\.0 s ahead/,
    /NTP/,
  ],
  [
    'an unbounded log',
    { postgres: { session: seen({ ...session, keepSize: '-1' }) } },
    'postgres.max_slot_wal_keep_size',
    'warning',
    /until the disk is full/,
    /ALTER SYSTEM SET max_slot_wal_keep_size/,
  ],
  [
    'a slot that nobody reads',
    { postgres: { session: seen({ ...session, leftOver: [{ name: 'old', retained: '3 GB' }] }) } },
    'postgres.slots_left_over',
    'warning',
    /old \(it keeps 3 GB/,
    /pg_drop_replication_slot\('old'\)/,
  ],
  [
    'a slot to be renewed',
    { postgres: { slot: seen({ ...slot, verdict: { kind: 'renew', reason: 'the slot was lost' } }) } },
    'postgres.slot',
    'warning',
    /the slot was lost/,
    /pgnotion start/,
  ],
  [
    "somebody else's slot",
    { postgres: { slot: seen({ ...slot, verdict: { kind: 'foreign', what: 'a physical slot' } }) } },
    'postgres.slot',
    'failed',
    /pgnotion is a physical slot/,
    /`slot` in the configuration/,
  ],
  [
    'a newer schema',
    { postgres: { state: seen({ ...state, version: 9 }) } },
    'postgres.state_schema',
    'failed',
    /version 9.+knows 3/,
    /version that made it/,
  ],
  [
    'no right to make the schema',
    { postgres: { state: seen({ ...state, version: null, isAllowed: false, installation: null }) } },
    'postgres.state_schema',
    'failed',
    /sync may not make/,
    /GRANT CREATE ON DATABASE app TO sync/,
  ],
  [
    'a copy',
    { postgres: { state: seen({ ...state, installation: { id: 'abc', whyCopied: 'another server' } }) } },
    'postgres.installation',
    'failed',
    /a copy: another server/,
    /--take-over.+reset --yes/,
  ],
  [
    'a publication that may not be changed',
    {
      postgres: {
        publication: seen({ ...publication, pending: ['public.items'], faults: [fault('pgnotion')] }),
      },
    },
    'postgres.publication',
    'failed',
    /is wrong/,
    /ALTER/,
  ],
  [
    'a table with a fault',
    { postgres: { tables: [{ table: 'items', look: seen({ ...table, faults: [fault('public.items')] }) }] } },
    'postgres.table.items',
    'failed',
    /public\.items: is wrong/,
    /ALTER/,
  ],
  [
    'a table that is not there',
    { postgres: { tables: [{ table: 'items', look: refused('catalog_mismatch', 'no such table') }] } },
    'postgres.table.items',
    'failed',
    /no such table/,
    /mend/,
  ],
  [
    "a person's token",
    { notion: { token: seen({ kind: 'person', name: 'Ada', workspace: null }) } },
    'notion.token',
    'warning',
    /not that of a connection: Ada/,
    /internal connection/,
  ],
  [
    'no TLS to Notion',
    { notion: { address: 'http://notion.example' } },
    'notion.tls',
    'warning',
    /not encrypted/,
    /https:\/\//,
  ],
  [
    'a clock that is behind',
    { notion: { skewMs: seen(-9_000) } },
    'notion.clock',
    'warning',
    /Notion is 9\.0 s behind/,
    /NTP/,
  ],
  [
    'a needed capability',
    {
      notion: {
        capabilities: [{ capability: 'update content', isNeeded: true, look: refused('x', 'refused') }],
      },
    },
    'notion.capability.update_content',
    'failed',
    /refused/,
    /mend/,
  ],
  [
    'a capability that is missed',
    {
      notion: { capabilities: [{ capability: 'comments', isNeeded: false, look: refused('x', 'refused') }] },
    },
    'notion.capability.comments',
    'warning',
    /refused/,
    /mend/,
  ],
  [
    'a table without a database',
    { notion: { tables: [{ table: 'items', look: seen(null) }] } },
    'notion.table.items',
    'warning',
    /no database yet/,
    /pgnotion apply/,
  ],
  [
    'missing properties',
    { notion: { tables: [{ table: 'items', look: seen({ ...source, lacking: ['Due'] }) }] } },
    'notion.table.items',
    'warning',
    /lacks Due/,
    /pgnotion apply/,
  ],
  [
    "somebody else's database",
    { notion: { tables: [{ table: 'items', look: seen({ ...source, owner: 'another' as const }) }] } },
    'notion.table.items',
    'failed',
    /another installation/,
    /--take-over/,
  ],
  [
    'a property of another type',
    { notion: { tables: [{ table: 'items', look: seen({ ...source, faults: [fault('Due')] }) }] } },
    'notion.table.items',
    'failed',
    /Due: is wrong/,
    /ALTER/,
  ],
])('%s', (_title, more, id, status, says, fix) => {
  const found = wrong(more);
  expect(Object.keys(found)).toEqual([id]);
  expect(found[id]).toMatchObject({ status, seen: expect.stringMatching(says) });
  if (fix !== null) expect(found[id]?.fix).toMatch(fix);
});

describe('poolers', () => {
  test('one that refuses the settings of a session', () => {
    const found = wrong({
      postgres: { connection: refused('postgres_pooler', 'unsupported startup parameter') },
    });
    expect(found['postgres.pooler']).toMatchObject({
      status: 'failed',
      seen: expect.stringContaining('unsupported'),
    });
    expect(found['postgres.wal_level']).toMatchObject({ status: 'skipped', fix: null });
  });

  test('one that replication does not pass', () => {
    const found = wrong({
      postgres: {
        target: 'sync@aws-0.pooler.example.com:6543/app',
        replication: refused('postgres_login', 'no'),
      },
    });
    expect(found['postgres.pooler']?.fix).toContain('REPLICATION_URL');
    expect(found['postgres.replication_connection']?.status).toBe('failed');
  });
});

describe('the parent page', () => {
  const unset: More['notion'] = { parent: skippedLook('NOTION_PARENT_PAGE_ID is not set') };

  test('is needed where a table has no database', () => {
    expect(wrong({ notion: unset })).toMatchObject({
      'notion.parent_page': { status: 'skipped', fix: null },
    });
    expect(
      wrong({ notion: { ...unset, tables: [{ table: 'items', look: seen(null) }] } })['notion.parent_page'],
    ).toMatchObject({ status: 'failed', fix: expect.stringContaining('NOTION_PARENT_PAGE_ID') });
  });
});
