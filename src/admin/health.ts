import { progressJson, type TableProgress, wholeOf } from '../model/first-sync.ts';
import type { Holder } from '../state/lease.ts';
import { type SlotWait, waitText } from '../state/slot-notes.ts';

/** What a daemon does at the moment, told by the parts that do it. */
export type Health = {
  readonly phase: Phase;
  readonly notion: NotionHealth;
  /** Why the last attempt to sync ended, until one succeeds: an error's code. */
  readonly failure: string | null;
  /** The transactions that keep the replication slot from being made, while they do. */
  readonly wait: SlotWait | null;
};

type Phase =
  | { readonly kind: 'starting' }
  | { readonly kind: 'standby'; readonly holder: Holder | null }
  | { readonly kind: 'syncing' }
  | { readonly kind: 'stopping' };

type NotionHealth = {
  readonly answeredAt: Date | null;
  /** Since when nothing but failures came; null while it answers. */
  readonly silentSince: Date | null;
  /** What Notion refuses everything for until a person acts. */
  readonly refused: Refusal | null;
};

type Refusal = { readonly code: string; readonly remedy: string };

export type HealthEvent =
  /** Both ends are opened, for the first time or again. */
  | { readonly kind: 'run' }
  | { readonly kind: 'standby'; readonly holder: Holder | null }
  | { readonly kind: 'turn' }
  | { readonly kind: 'syncing' }
  | { readonly kind: 'failed'; readonly code: string }
  | { readonly kind: 'waiting'; readonly wait: SlotWait | null }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'notion'; readonly at: Date; readonly outcome: 'answer' | 'silence' | Refusal };

export const NEWBORN: Health = {
  phase: { kind: 'starting' },
  notion: { answeredAt: null, silentSince: null, refused: null },
  failure: null,
  wait: null,
};

/** The health after an event. A daemon that stops does nothing else any more. */
export function afterEvent(health: Health, event: HealthEvent): Health {
  if (event.kind === 'notion') return { ...health, notion: afterAnswer(health.notion, event) };
  if (health.phase.kind === 'stopping') return health;
  switch (event.kind) {
    case 'run':
    case 'turn':
      return { ...health, phase: { kind: 'starting' }, wait: null };
    case 'waiting':
      return { ...health, wait: event.wait };
    case 'standby':
      return { ...health, phase: { kind: 'standby', holder: event.holder }, failure: null };
    case 'syncing':
      return { ...health, phase: { kind: 'syncing' }, failure: null };
    case 'failed':
      return { ...health, phase: { kind: 'starting' }, failure: event.code };
    case 'stopping':
      return { ...health, phase: { kind: 'stopping' } };
    default:
      return event satisfies never;
  }
}

function afterAnswer(
  notion: NotionHealth,
  { at, outcome }: HealthEvent & { readonly kind: 'notion' },
): NotionHealth {
  if (outcome === 'answer') return { answeredAt: at, silentSince: null, refused: null };
  if (outcome === 'silence') return { ...notion, silentSince: notion.silentSince ?? at };
  return { answeredAt: at, silentSince: null, refused: outcome };
}

/** What the database says of a daemon's work. */
export type Reading = {
  readonly slotActive: boolean;
  readonly paused: readonly { readonly table: string; readonly by: 'hand' | 'trouble' | 'refused' }[];
  /** Tables whose first sync, or a comparison of all rows, is under way. */
  readonly backfilling: readonly string[];
  /** The progress of these, until the last row is written; none if nothing is under way. */
  readonly firstSync?: readonly TableProgress[];
  /** Kinds of requests that Notion refuses to this connection; a table if it is one table's. */
  readonly refused?: readonly {
    readonly kind: string;
    readonly table: string | null;
    readonly code: string;
    readonly remedy: string;
  }[];
};

export type Readiness = {
  readonly ready: boolean;
  readonly state: 'starting' | 'standby' | 'catching-up' | 'syncing' | 'stopping';
  readonly reasons: readonly string[];
  readonly checks: object;
  readonly holder?: Holder;
};

/** Notion may be silent for so long before a daemon counts as unable to work. */
const SILENCE_MS = 60_000;

/**
 * Whether a daemon does its work, and why not. `reading` is null if PostgreSQL gives none. Holds names of tables and
 * codes, and no text of anybody's: anyone who reaches the port may read it (invariant 14).
 */
export function readinessOf(health: Health, reading: Reading | null, now: Date): Readiness {
  const { phase, notion } = health;
  const state = stateOf(phase, reading);
  const reasons = [...phaseReasons(health), ...(works(phase) ? faults(notion, reading, now) : [])];
  return {
    ready: reasons.length === 0,
    state,
    reasons,
    ...(phase.kind === 'standby' && phase.holder !== null ? { holder: phase.holder } : {}),
    checks: {
      postgres: { reachable: reading !== null },
      slot: { read: reading?.slotActive ?? null },
      notion: {
        answered_at: notion.answeredAt?.toISOString() ?? null,
        silent_since: notion.silentSince?.toISOString() ?? null,
        refused: notion.refused?.code ?? null,
      },
      paused: reading?.paused ?? null,
      first_sync: reading === null ? null : unwritten(reading),
      first_sync_progress: reading === null ? null : progressJson(wholeOf(reading.firstSync ?? [])),
    },
  };
}

const works = (phase: Phase): boolean => phase.kind === 'syncing' || phase.kind === 'starting';

function stateOf(phase: Phase, reading: Reading | null): Readiness['state'] {
  if (phase.kind !== 'syncing') return phase.kind;
  return reading !== null && unwritten(reading).length > 0 ? 'catching-up' : 'syncing';
}

/** Tables of which not every row has been written. */
const unwritten = ({ backfilling, firstSync = [] }: Reading): readonly string[] => {
  const writing = firstSync.filter(({ state }) => state !== 'done').map(({ table }) => table);
  return [...new Set([...backfilling, ...writing])].sort();
};

function phaseReasons({ phase, failure, wait }: Health): readonly string[] {
  switch (phase.kind) {
    case 'starting':
      if (wait !== null) return [waitText(wait)];
      return [failure === null ? 'it has not begun to sync' : `it cannot sync (${failure}): see the log`];
    case 'standby':
      return ['another daemon is at work; this one takes over when that one ends'];
    case 'stopping':
      return ['it stops'];
    case 'syncing':
      return [];
    default:
      return phase satisfies never;
  }
}

function faults({ refused, silentSince }: NotionHealth, reading: Reading | null, now: Date): string[] {
  const silent = silentSince !== null && now.getTime() - silentSince.getTime() > SILENCE_MS;
  return [
    ...(reading === null ? ['PostgreSQL does not answer'] : []),
    ...(reading?.slotActive === false ? ['nobody reads the replication slot'] : []),
    ...(reading?.refused ?? []).map(
      ({ kind, table, code, remedy }) =>
        `Notion refuses to ${kind} pages${table === null ? '' : ` of ${table}`} (${code}): ${remedy}`,
    ),
    ...(refused === null ? [] : [`Notion refuses every request (${refused.code}): ${refused.remedy}`]),
    ...(silent ? [`Notion has not answered since ${silentSince.toISOString()}`] : []),
  ];
}
