/** Every metric of `/metrics`, in base units. Labels hold names of tables and of kinds, never ids. */
export const METRICS = {
  pgnotion_replication_lag_seconds: {
    type: 'gauge',
    help: 'How far the reading of the log is behind, in seconds; NaN where nobody knows.',
  },
  pgnotion_replication_lag_bytes: {
    type: 'gauge',
    help: 'The log that PostgreSQL has written and the slot has not confirmed.',
  },
  pgnotion_wal_retained_bytes: { type: 'gauge', help: 'The log that the slot keeps on the disk.' },
  pgnotion_outbox_entries: { type: 'gauge', help: 'Records whose page may be out of date.' },
  pgnotion_outbox_oldest_age_seconds: {
    type: 'gauge',
    help: 'Since when the oldest of them waits; 0 if none does.',
  },
  pgnotion_latency_seconds: {
    type: 'histogram',
    help: 'From a change on one side to its arrival at the other, without first syncs.',
    labels: ['direction'],
    buckets: [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600],
  },
  pgnotion_latency_p95_seconds: {
    type: 'gauge',
    help: 'The latency that 95 of a hundred changes of the last hour did not exceed.',
    labels: ['table', 'direction'],
  },
  pgnotion_operations_total: {
    type: 'counter',
    help: 'Changes made to one side, by what became of them.',
    labels: ['table', 'direction', 'status'],
  },
  pgnotion_notion_requests_total: {
    type: 'counter',
    help: 'Requests to Notion by what they do and the status of the answer (none: no answer).',
    labels: ['operation', 'status'],
  },
  pgnotion_http_client_request_duration_seconds: {
    type: 'histogram',
    help: 'Requests to Notion, as http.client.request.duration of OpenTelemetry defines them.',
    labels: [
      'http_request_method',
      'server_address',
      'server_port',
      'http_response_status_code',
      'error_type',
    ],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  },
  pgnotion_throttle_wait_seconds_total: {
    type: 'counter',
    help: 'How long requests have waited for their place within the rate limit.',
  },
  pgnotion_notion_budget_used_ratio: {
    type: 'gauge',
    help: 'Requests of the present window of the rate limit, as a share of the limit.',
  },
  pgnotion_retries_total: {
    type: 'counter',
    help: 'Requests to Notion that failed in a way that may pass, and are made again.',
  },
  pgnotion_failures: { type: 'gauge', help: 'Records that are set aside, each with reason and remedy.' },
  pgnotion_conflicts: { type: 'gauge', help: 'Conflicts that wait for a person.' },
  pgnotion_conflicts_ratio: {
    type: 'gauge',
    help: 'Conflicts of the last hour as a share of its changes.',
  },
  pgnotion_guarded_changes: {
    type: 'gauge',
    help: 'Changes that wait for a person because they are so many, or because only a person knows.',
  },
  pgnotion_drift: { type: 'gauge', help: 'What is noticed of either schema, beside what suspends a table.' },
  pgnotion_verify_differences: {
    type: 'gauge',
    help: 'Differences that the last comparison of both sides found; NaN if there was none.',
  },
  pgnotion_last_success_timestamp_seconds: {
    type: 'gauge',
    help: 'When a change was carried out last, in seconds since 1970; NaN if none was.',
  },
} as const satisfies Readonly<Record<`pgnotion_${string}`, Metric>>;

type Metric = {
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  readonly labels?: readonly string[];
  readonly buckets?: readonly number[];
};

export type MetricName = keyof typeof METRICS;

/** What requests do, as the label tells it: what a daemon does all day by itself, and the rest together. */
export const OPERATIONS: Readonly<Record<string, string>> = {
  query: 'query',
  retrievePage: 'retrieve_page',
  retrieveProperty: 'retrieve_page',
  createPage: 'create_page',
  updatePage: 'update_page',
  setTrash: 'update_page',
  setArchived: 'update_page',
};
