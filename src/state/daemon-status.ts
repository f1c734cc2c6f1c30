import type { Sql } from './sql.ts';

/** The view `daemon`: who is at work, or was last. */
export type DaemonStatus = {
  readonly state: 'stopped' | 'silent' | 'starting' | 'syncing';
  readonly host: string | null;
  readonly process: number | null;
  readonly since: Date | null;
  readonly last_seen: Date | null;
  readonly silent_seconds: number | null;
  /** Those that wait for their turn: `4711 on web-2`. */
  readonly standbys: readonly string[];
};

/** The view `notion`: how it answered the daemon of late. */
export type NotionStatus = {
  readonly state: 'refused' | 'silent' | 'limited' | 'reachable' | 'unknown';
  readonly since: Date | null;
  readonly last_answer: Date | null;
  readonly code: string | null;
  readonly reason: string | null;
  readonly remedy: string | null;
};

/** A line of the view `slot`. */
export type SlotStatus = {
  readonly slot: string;
  readonly exists: boolean;
  readonly active: boolean;
  readonly wal_status: string | null;
  readonly lag_bytes: number | null;
  readonly lag_seconds: number | null;
  readonly retained_bytes: number | null;
};

/** How the daemon is, and its two ends; `slot` null: none was ever read. */
export type SystemStatus = {
  readonly daemon: DaemonStatus;
  readonly notion: NotionStatus;
  readonly slot: SlotStatus | null;
};

const NOBODY: DaemonStatus = {
  state: 'stopped',
  host: null,
  process: null,
  since: null,
  last_seen: null,
  silent_seconds: null,
  standbys: [],
};

const UNASKED: NotionStatus = {
  state: 'unknown',
  since: null,
  last_answer: null,
  code: null,
  reason: null,
  remedy: null,
};

export async function readSystem(sql: Sql, slot: string): Promise<SystemStatus> {
  const [daemon = NOBODY] = await sql.query<DaemonStatus>(
    `select state, host, process, since, last_seen, silent_seconds::float8, standbys from pgnotion.daemon`,
  );
  const [notion = UNASKED] = await sql.query<NotionStatus>(
    'select state, since, last_answer, code, reason, remedy from pgnotion.notion',
  );
  const [own = null] = await sql.query<SlotStatus>(
    `select slot, exists, active, wal_status, lag_bytes::float8, lag_seconds::float8, retained_bytes::float8
       from pgnotion.slot where slot = $1`,
    [slot],
  );
  return { daemon, notion, slot: own };
}
