import type { DashboardParts, SettingsView } from '../../src/admin/dashboard-parts.ts';
import type { Inbox, Overview, Queries, RecordView } from '../../src/admin/queries.ts';
import { type PageId, pageId, type RowKey, type TableName, tableName } from '../../src/model/ids.ts';
import { sloOf } from '../../src/model/slo.ts';
import type { OperationLine } from '../../src/state/activity.ts';
import type { ConflictLine } from '../../src/state/conflicts.ts';
import type { StatusLine } from '../../src/state/status.ts';

// A dashboard without a database behind it: what pages make of what is read.

/** What a text of a row or a page would do if it were not escaped. */
export const HOSTILE = `<script>alert("x")</script>'"&amp;`;

export const NOW = new Date('2026-03-01T12:00:00.000Z');
const ago = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1_000);

const PAGE: PageId = pageId('0f0e0d0c-0b0a-4908-8706-050403020100');
const suppliers: TableName = tableName('suppliers');
const key = '4e1c7b52-7d6d-4a8e-9a58-1de0a6b6ff01' as RowKey;

const status = (name: string, more: Partial<StatusLine> = {}): StatusLine => ({
  table_name: tableName(name),
  records: 1_204,
  linked: 1_204,
  pending: 0,
  oldest_pending_seconds: null,
  failed: 0,
  paused: false,
  paused_reason: null,
  backfilled: true,
  last_success: ago(42),
  latency_p50_seconds: 0.9,
  latency_p95_seconds: 2.4,
  success_rate: 0.9999,
  conflicts: 0,
  conflict_rate: 0,
  filtered: 0,
  first_contact: false,
  guarded: 0,
  ...more,
});

const conflict: ConflictLine = {
  id: '17',
  type: 'CONCURRENT_UPDATE',
  table_name: suppliers,
  record_id: key,
  page_id: PAGE,
  fields: ['Name'],
  base: { row: { Name: 'Acme' }, page: { Name: 'Acme' } },
  local_record: { Name: 'Acme GmbH' },
  remote_record: { Name: HOSTILE },
  strategy: 'manual',
  status: 'open',
  resolution: null,
  value: null,
  note: null,
  detected_at: ago(600),
  decided_at: null,
  resolved_at: null,
  resolved_by: null,
  row_changed_at: ago(610),
  edited_from: ago(620),
  edited_to: ago(605),
};

export const operation = (id: string, more: Partial<OperationLine> = {}): OperationLine => ({
  id,
  started_at: ago(30),
  finished_at: ago(29),
  duration_ms: 812,
  direction: 'to-postgres',
  table_name: suppliers,
  key,
  page_id: PAGE,
  kind: 'update',
  fields: ['Name'],
  before: { Name: 'Acme' },
  after: { Name: HOSTILE },
  changed_at: ago(31),
  actor: 'Ada Lovelace',
  candidates: [],
  attempt: 1,
  status: 'done',
  error: null,
  batch: null,
  undoable: true,
  ...more,
});

const overview: Overview = {
  at: NOW,
  daemon: {
    state: 'syncing',
    host: 'web-1',
    process: 4711,
    since: ago(86_400),
    last_seen: ago(1),
    silent_seconds: 0.4,
    standbys: [],
  },
  notion: {
    state: 'reachable',
    since: null,
    last_answer: ago(2),
    code: null,
    reason: null,
    remedy: null,
  },
  slot: {
    slot: 'pgnotion',
    exists: true,
    active: true,
    wal_status: 'reserved',
    lag_bytes: 2_048,
    lag_seconds: 0.2,
    retained_bytes: 16_777_216,
  },
  tables: [
    status('suppliers', { conflicts: 1, failed: 1, conflict_rate: 0.0021 }),
    status('products', { pending: 14, oldest_pending_seconds: 3.2, guarded: 40, filtered: 12 }),
    status('orders', { paused: true, paused_reason: 'paused by hand', success_rate: null }),
  ],
  notes: [],
  refused: [],
  budget: { requests: 66, limit: 180, window_ms: 60_000 },
  waiting: { failures: 1, conflicts: 1, guarded: 40, drift: 1 },
  alerts: [{ cause: 'backlog-old', text: 'A change of notes has waited for 12 minutes', since: ago(720) }],
  first_sync: null,
  verification: { run: '3', finishedAt: ago(3_000), result: 'same', differences: 0 },
};

const inbox: Inbox = {
  failures: [
    {
      direction: 'to-postgres',
      table_name: suppliers,
      key,
      page_id: PAGE,
      code: 'edit_refused',
      reason: `the check "name_check" refuses ${HOSTILE}`,
      remedy: 'edit the page, or run `pgnotion failures retry suppliers KEY`',
      attempts: 3,
      parked: true,
      since: ago(3_600),
      first_at: ago(3_700),
      last_at: ago(3_600),
      next_at: null,
      shown: null,
      sentence: 'unused',
    },
  ],
  conflicts: [{ ...conflict, title: 'unused' }],
  guarded: Array.from({ length: 40 }, (_, at) => ({
    kind: 'deletion' as const,
    side: 'to-notion' as const,
    table_name: tableName('products'),
    key: String(at + 1) as RowKey,
    page_id: PAGE,
    field: null,
    reason: '40 of 1204 records of this table would be deleted at once',
    cause: null,
    since: ago(300),
    changes: 1,
    sentence: 'unused',
  })),
  drift: [
    {
      table_name: 'orders',
      property: 'Status',
      kind: 'option_renamed',
      side: 'notion',
      pauses: 'field',
      remedy_kind: 'config',
      detail: 'the option "Lost" is not among the choices of the configuration',
      remedy: 'add it to `choices`, or remove it in Notion',
      since: ago(7_200),
    },
  ],
  more: [],
};

const record: RecordView = {
  table_name: suppliers,
  key,
  page_id: PAGE,
  state: 'linked',
  base_row: { Name: 'Acme', Email: null },
  base_page: { Name: 'Acme', Email: null, Unmapped: 'never to be shown' },
  page_edited_at: ago(900),
  synced_at: ago(800),
  pending_to_notion: true,
  pending_to_postgres: false,
  row: { Name: HOSTILE, Email: null },
  journey: [
    { at: ago(4), what: 'waits for Notion', detail: 'the row changed, committed at 12:00; next at 12:01' },
    { at: ago(800), what: 'done to-notion update', detail: 'operation 7: Name; 312 ms' },
  ],
};

const settings: SettingsView = {
  slot: 'pgnotion',
  publication: 'pgnotion',
  plugin: 'pgoutput',
  guards: { deletion: { number: 25, share: 0.1, windowMinutes: 60 } },
  tables: ['suppliers', 'products', 'orders'].map((name) => ({
    name,
    source: `public.${name}`,
    key: ['id'],
    direction: 'both',
    fields: [
      { property: 'Name', from: 'name', type: 'title', direction: 'both', conflict: 'manual' },
      { property: 'Email', from: 'email', type: 'email', direction: 'both', conflict: 'lww' },
    ],
    rules: { onNotionTrash: 'review' },
  })),
  environment: [
    { name: 'NOTION_API_KEY', value: null, isSet: true, help: 'the token of the connection' },
    { name: 'SYNC_INTERVAL_SECONDS', value: '15', isSet: true, help: 'between two polls' },
    { name: 'ALERT_WEBHOOK_URL', value: null, isSet: false, help: 'where alerts are posted' },
  ],
};

const points = Array.from({ length: 60 }, (_, at) => ({
  at: ago((59 - at) * 60),
  to_notion: Math.round(20 + 15 * Math.sin(at / 6)),
  to_postgres: Math.round(8 + 6 * Math.cos(at / 5)),
  failed: 0,
  latency_p50_seconds: at % 9 === 0 ? null : 0.8 + Math.sin(at / 4) / 5,
  latency_p95_seconds: at % 9 === 0 ? null : 2.1 + Math.sin(at / 3),
  requests: Math.round(70 + 40 * Math.sin(at / 6)),
  limited: at === 30 ? 4 : 0,
}));

const operations = [
  operation('9'),
  operation('8', {
    direction: 'to-notion',
    actor: null,
    status: 'failed',
    error: `refused: ${HOSTILE}`,
    undoable: false,
  }),
  operation('7', { kind: 'create', before: {}, batch: 'backfill', actor: null, direction: 'to-notion' }),
];

/** Queries that answer with the sample, or with other answers in its place. */
export const sampleQueries = (more: Partial<Queries> = {}): Queries => ({
  overview: async () => overview,
  inbox: async () => inbox,
  record: async (table, given) => (table === record.table_name && given === key ? record : null),
  conflicts: async () => [conflict],
  find: async () => [],
  progress: async () => ({
    isFirst: true,
    total: 2_000,
    done: 500,
    setAside: 1,
    rowsPerSecond: 2.4,
    secondsLeft: 625,
    tables: [
      {
        table: tableName('products'),
        isFirst: true,
        state: 'writing',
        total: 2_000,
        done: 500,
        setAside: 1,
        rowsPerSecond: 2.4,
        secondsLeft: 625,
      },
    ],
  }),
  operations: async () => ({ lines: operations, next: '7' }),
  runs: async () => ({
    lines: [
      {
        id: '3',
        kind: 'verify',
        table_name: null,
        started_at: ago(3_030),
        finished_at: ago(3_000),
        total: 3_612,
        selection: null,
        actor: 'daemon',
        result: 'differences',
        counts: { differences: 2 },
      },
      {
        id: '2',
        kind: 'rollback',
        table_name: null,
        started_at: ago(9_030),
        finished_at: ago(9_000),
        total: 4,
        selection: 'operation 5',
        actor: 'ada',
        result: null,
        counts: null,
      },
    ],
    next: null,
  }),
  charts: async () => points,
  slo: async (days) =>
    sloOf(
      {
        done: 1_999,
        failed: 1,
        prompt: 1_999,
        latencies: new Map([[0, 1_999]]),
        conflicts: 2,
        comparisons: 0,
        differences: 0,
      },
      ago(Number(days) * 86_400),
      NOW,
    ),
  actions: async () => [
    {
      id: '4',
      at: ago(20),
      actor: 'admin (Ada)',
      action: 'retry',
      input: { table: 'suppliers', key },
      message: `1 change of suppliers ${HOSTILE} is tried again`,
      operation: null,
    },
    {
      id: '3',
      at: ago(80),
      actor: 'admin (Ada)',
      action: 'resolve',
      input: { id: '1', keep: 'notion' },
      message: 'Notion is kept',
      operation: '17',
    },
  ],
  evidence: async () => null,
  ...more,
});

export const sampleOverview = overview;
export const sampleInbox = inbox;
export const sampleRecord = record;

/** The parts of a dashboard over these queries. */
export const sampleParts = (queries: Queries | null = sampleQueries()): DashboardParts => ({
  queries: () => queries,
  settings,
  readiness: async () => ({ ready: true, state: 'syncing', reasons: [], checks: {} }),
});
