import { z } from 'zod';

// What the API answers, as JSON: the OpenAPI document is made from it, and a test holds real answers to it.

const time = z.iso.datetime();
const maybe = <T extends z.ZodType>(of: T) => of.nullable();
const count = z.int().min(0);
const number = z.number();
const anything = z.json();
const image = z.record(z.string(), anything).describe('values by property');
const keyText = z.string().describe('the primary key as text; of several columns a JSON array of texts');
const direction = z.enum(['to-notion', 'to-postgres']);

export const refusal = z
  .object({ code: z.string(), message: z.string(), remedy: z.string() })
  .describe('why it is not done, and what to do');

export const done = z
  .object({ message: z.string() })
  .describe('what was done, or what the daemon now carries out');

const tableLine = z.object({
  table_name: z.string(),
  records: count,
  linked: count,
  pending: count,
  oldest_pending_seconds: maybe(number),
  failed: count,
  paused: z.boolean(),
  paused_reason: maybe(z.string()),
  backfilled: z.boolean(),
  last_success: maybe(time),
  latency_p50_seconds: maybe(number),
  latency_p95_seconds: maybe(number),
  success_rate: maybe(number),
  conflicts: count,
  conflict_rate: maybe(number),
  filtered: count,
  first_contact: z.boolean(),
  guarded: count,
});
export const tables = z.array(tableLine);

const daemon = z.object({
  state: z.enum(['stopped', 'silent', 'starting', 'syncing']),
  host: maybe(z.string()),
  process: maybe(z.int()),
  since: maybe(time),
  last_seen: maybe(time),
  silent_seconds: maybe(number),
  standbys: z.array(z.string()),
});
const notion = z.object({
  state: z.enum(['refused', 'silent', 'limited', 'reachable', 'unknown']),
  since: maybe(time),
  last_answer: maybe(time),
  code: maybe(z.string()),
  reason: maybe(z.string()),
  remedy: maybe(z.string()),
});
const slot = z.object({
  slot: z.string(),
  exists: z.boolean(),
  active: z.boolean(),
  wal_status: maybe(z.string()),
  lag_bytes: maybe(number),
  lag_seconds: maybe(number),
  retained_bytes: maybe(number),
});

export const overview = z.object({
  at: time,
  daemon,
  notion,
  slot: maybe(slot),
  tables,
  notes: z.array(z.string()),
  refused: z.array(
    z.object({ kind: z.string(), table: maybe(z.string()), code: z.string(), remedy: z.string() }),
  ),
  budget: z.object({ requests: count, limit: count, window_ms: count }),
  waiting: z.object({ failures: count, conflicts: count, guarded: count, drift: count }),
  alerts: z.array(z.object({ cause: z.string(), text: z.string(), since: time })),
  first_sync: maybe(z.record(z.string(), anything)),
  verification: maybe(
    z.object({
      run: z.string(),
      finishedAt: time,
      result: z.enum(['same', 'differences']),
      differences: count,
    }),
  ),
});

const failure = z.object({
  direction,
  table_name: z.string(),
  key: maybe(keyText),
  page_id: maybe(z.uuid()),
  code: maybe(z.string()),
  reason: maybe(z.string()),
  remedy: maybe(z.string()),
  attempts: count,
  parked: z.boolean(),
  since: time,
  first_at: time,
  last_at: maybe(time),
  next_at: maybe(time),
  shown: maybe(z.string()),
  sentence: z.string(),
});
const conflict = z.object({
  id: z.string(),
  type: z.string(),
  table_name: z.string(),
  record_id: keyText,
  page_id: maybe(z.uuid()),
  fields: z.array(z.string()),
  base: z.record(z.string(), anything),
  local_record: image,
  remote_record: image,
  strategy: z.string(),
  status: z.enum(['open', 'decided', 'resolved', 'outdated']),
  resolution: maybe(z.string()),
  value: maybe(z.string()),
  note: maybe(z.string()),
  detected_at: time,
  decided_at: maybe(time),
  resolved_at: maybe(time),
  resolved_by: maybe(z.string()),
  row_changed_at: maybe(time),
  edited_from: maybe(time),
  edited_to: maybe(time),
  title: z.string(),
});
const guarded = z.object({
  kind: z.string(),
  side: direction,
  table_name: z.string(),
  key: maybe(keyText),
  page_id: maybe(z.uuid()),
  field: maybe(z.string()),
  reason: maybe(z.string()),
  cause: maybe(z.string()),
  since: maybe(time),
  changes: count,
  sentence: z.string(),
});
const drift = z.object({
  table_name: z.string(),
  property: z.string(),
  kind: z.string(),
  detail: z.string(),
  remedy: z.string(),
  since: time,
  side: z.enum(['postgres', 'notion']),
  pauses: z.enum(['nothing', 'field', 'table']),
  remedy_kind: z.enum(['config', 'sql', 'click', 'command', 'nothing']),
});
export const inbox = z.object({
  failures: z.array(failure),
  conflicts: z.array(conflict),
  guarded: z.array(guarded),
  drift: z.array(drift),
  more: z.array(z.enum(['failures', 'conflicts', 'guarded'])).describe('of these there are more'),
});

export const record = z.object({
  table_name: z.string(),
  key: keyText,
  page_id: maybe(z.uuid()),
  state: z.string(),
  base_row: image,
  base_page: image,
  page_edited_at: maybe(time),
  synced_at: maybe(time),
  pending_to_notion: z.boolean(),
  pending_to_postgres: z.boolean(),
  row: maybe(image),
  journey: z.array(z.object({ at: maybe(time), what: z.string(), detail: maybe(z.string()) })),
});

const next = maybe(z.string()).describe('`before` of the page that follows; null at the end');

export const operations = z.object({
  lines: z.array(
    z.object({
      id: z.string(),
      started_at: time,
      finished_at: maybe(time),
      duration_ms: maybe(number),
      direction,
      table_name: z.string(),
      key: maybe(keyText),
      page_id: maybe(z.uuid()),
      kind: z.string(),
      fields: z.array(z.string()),
      before: image,
      after: image,
      changed_at: maybe(time),
      actor: maybe(z.string()),
      candidates: z.array(z.string()),
      attempt: count,
      status: z.enum(['started', 'done', 'failed', 'unknown']),
      error: maybe(z.string()),
      batch: maybe(z.string()),
      undoable: z.boolean(),
    }),
  ),
  next,
});

export const runs = z.object({
  lines: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      table_name: maybe(z.string()),
      started_at: time,
      finished_at: maybe(time),
      total: maybe(number),
      selection: maybe(z.string()),
      actor: maybe(z.string()),
      result: maybe(z.string()),
      counts: maybe(z.record(z.string(), anything)),
    }),
  ),
  next,
});

export const actionLog = z.array(
  z.object({
    id: z.string(),
    at: time,
    actor: z.string(),
    action: z.string(),
    input: z.record(z.string(), anything),
    message: z.string(),
  }),
);

export const charts = z.array(
  z.object({
    at: time,
    to_notion: count,
    to_postgres: count,
    failed: count,
    latency_p50_seconds: maybe(number),
    latency_p95_seconds: maybe(number),
    requests: count,
    limited: count,
  }),
);

export const settings = z.object({
  slot: z.string(),
  publication: z.string(),
  plugin: z.string(),
  tables: z.array(
    z.object({
      name: z.string(),
      source: z.string(),
      key: z.array(z.string()),
      direction: z.string(),
      fields: z.array(
        z.object({
          property: z.string(),
          from: z.string(),
          type: z.string(),
          direction: z.string(),
          conflict: z.string(),
        }),
      ),
      rules: z.record(z.string(), z.string()),
    }),
  ),
  guards: z.record(z.string(), anything),
  environment: z.array(
    z.object({ name: z.string(), value: maybe(z.string()), isSet: z.boolean(), help: z.string() }),
  ),
  session: z
    .object({ actor: z.string(), read_only: z.boolean(), csrf: z.string() })
    .describe('`csrf` goes into the header x-csrf-token of whatever changes something'),
});
