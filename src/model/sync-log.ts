import type { Json } from './change.ts';
import type { PageId } from './ids.ts';
import { cutText, runsOf, TEXT_LIMITS } from './texts.ts';

/** What the sync log in Notion tells: nothing, what went wrong, or every write. */
export type SyncLogLevel = 'off' | 'problems' | 'all';

export type SyncLogSettings = {
  readonly level: SyncLogLevel;
  /** Older entries go to the trash. */
  readonly days: number;
  /** More than so many entries are never kept. */
  readonly entries: number;
};

/** One page of the sync log. */
export type LogEntry = {
  readonly syncId: string;
  readonly at: Date;
  readonly table: string | null;
  readonly record: string | null;
  readonly page: PageId | null;
  readonly direction: 'to-notion' | 'to-postgres' | 'both';
  readonly status: 'success' | 'failed' | 'conflict';
  readonly error: string | null;
  readonly durationMs: number | null;
};

// The names of the plan's "Sync Log Database".
const DIRECTIONS = {
  'to-notion': 'Supabase→Notion',
  'to-postgres': 'Notion→Supabase',
  both: 'Bidirectional',
} as const;
const STATUSES = { success: 'Success', failed: 'Failed', conflict: 'Conflict' } as const;

const select = (names: readonly string[]): Json => ({ select: { options: names.map((name) => ({ name })) } });

/** The database as it is created, the title property first. */
export const SYNC_LOG = {
  title: 'Sync Log',
  properties: [
    { property: 'Sync ID', type: 'title', schemaJson: { title: {} } },
    { property: 'Table Name', type: 'select', schemaJson: { select: {} } },
    { property: 'Record ID', type: 'rich_text', schemaJson: { rich_text: {} } },
    { property: 'Notion Page ID', type: 'rich_text', schemaJson: { rich_text: {} } },
    { property: 'Direction', type: 'select', schemaJson: select(Object.values(DIRECTIONS)) },
    { property: 'Status', type: 'select', schemaJson: select(Object.values(STATUSES)) },
    { property: 'Error Message', type: 'rich_text', schemaJson: { rich_text: {} } },
    { property: 'Synced At', type: 'date', schemaJson: { date: {} } },
    { property: 'Sync Duration', type: 'number', schemaJson: { number: { format: 'number' } } },
  ],
} as const;

/** The properties of an entry's page, by name. Texts are cut to what one run of text may hold. */
export function entryProperties(entry: LogEntry): Readonly<Record<string, Json>> {
  return {
    'Sync ID': { title: runsOf(entry.syncId) },
    'Table Name': { select: entry.table === null ? null : { name: optionName(entry.table) } },
    'Record ID': { rich_text: runsOf(entry.record ?? '') },
    'Notion Page ID': { rich_text: runsOf(entry.page ?? '') },
    Direction: { select: { name: DIRECTIONS[entry.direction] } },
    Status: { select: { name: STATUSES[entry.status] } },
    'Error Message': { rich_text: runsOf(entry.error ?? '') },
    'Synced At': { date: { start: entry.at.toISOString() } },
    'Sync Duration': { number: entry.durationMs === null ? null : Math.round(entry.durationMs) },
  };
}

/** An option's name holds no comma. */
const optionName = (text: string): string => cutText(text.replaceAll(',', ' '), TEXT_LIMITS.optionName);
