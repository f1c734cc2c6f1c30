import type { Answer, Evidence } from './evidence.ts';

/** How long what may take in Notion, in milliseconds. */
type Times = {
  /** How long a query may miss, or show old, what was done before it. */
  readonly queryLagMs: number;
  /** For how long a change of the schema may hide pages of a database that was known before. */
  readonly blackoutMs: number;
  /** How long a page whose creation nobody answered may still appear. */
  readonly createGraceMs: number;
  /** How far before the last poll the next one begins. */
  readonly overlapMs: number;
};

/** What the sync takes for granted of Notion. */
export type Assumptions = Times & {
  /**
   * Whether uploaded files can be handed back. Without evidence it is tried, and the answer tells; but where Notion is known to
   * refuse or to lose them, they are spared the try.
   */
  readonly handsBackFiles: boolean;
};

/** Without evidence: longer than anything that users of Notion have told of. */
export const CAUTIOUS: Times = {
  queryLagMs: 60_000,
  blackoutMs: 15_000,
  createGraceMs: 60_000,
  overlapMs: 180_000,
};

/** Twenty trials on a quiet page do not show what a busy hour brings, so no evidence leads below. */
export const FLOORS: Times = {
  queryLagMs: 30_000,
  blackoutMs: 15_000,
  createGraceMs: 60_000,
  overlapMs: 120_000,
};

const MOST_MS = 900_000;
/** A request may be carried out for as long as it may take, before queries begin to lag. */
const CARRIED_OUT_MS = 30_000;
/** Older evidence raises what is assumed and lowers nothing, and `doctor` asks for a new probe. */
export const EVIDENCE_DAYS = 30;
const DAY_MS = 86_400_000;

export type Standing = {
  readonly nowMs: number;
  readonly apiVersion: string;
  /** Null if it is not known yet. */
  readonly connection: string | null;
};

export type Validity = 'holds' | 'old' | 'of another API version' | 'of another connection';

export function validityOf(evidence: Evidence, { nowMs, apiVersion, connection }: Standing): Validity {
  if (connection !== null && evidence.connection !== connection) return 'of another connection';
  if (evidence.apiVersion !== apiVersion) return 'of another API version';
  // Of a clock that was wrong, or of a hand: how old it is cannot be told.
  if (Date.parse(evidence.at) > nowMs + DAY_MS) return 'old';
  return ageDays(evidence, nowMs) > EVIDENCE_DAYS ? 'old' : 'holds';
}

export const ageDays = ({ at }: Pick<Evidence, 'at'>, nowMs: number): number =>
  Math.max(0, (nowMs - Date.parse(at)) / DAY_MS);

/** Set in the environment: what an operator says counts, whatever was measured. */
export type Given = { readonly queryLagMs: number | null; readonly createGraceMs: number | null };

export function assumptionsOf(evidence: Evidence | null, standing: Standing, given: Given): Assumptions {
  const validity = evidence === null ? null : validityOf(evidence, standing);
  const isUsed = validity === 'holds' || validity === 'old';
  const measured = evidence !== null && isUsed ? measuredBy(evidence, FLOORS) : CAUTIOUS;
  const least = validity === 'old' ? CAUTIOUS : FLOORS;
  const files = isUsed ? evidence?.answers.hostedFiles : undefined;
  const bounded = (name: keyof Times): number => Math.min(MOST_MS, Math.max(least[name], measured[name]));
  return {
    queryLagMs: given.queryLagMs ?? bounded('queryLagMs'),
    blackoutMs: bounded('blackoutMs'),
    createGraceMs: given.createGraceMs ?? bounded('createGraceMs'),
    overlapMs: bounded('overlapMs'),
    // Old evidence may be out of date, and a try does no harm unless Notion takes the file and loses it.
    handsBackFiles: !(
      files?.kind === 'found' &&
      (files.value === 'dropped' || (files.value === 'refused' && validity === 'holds'))
    ),
  };
}

const PAGE_TIME_MS = { minute: 60_000, second: 1_000, millisecond: 0 } as const;

/** What no probe has found out stays as cautious as it was. */
function measuredBy({ answers }: Evidence, floors: Times): Times {
  const lagMs = mapped(answers.queryLag, ({ p99Ms, unseen }) => marginOf(p99Ms, unseen === 0));
  const schemaMs = mapped(answers.schemaLag, ({ ms, isOver }) => marginOf(ms, isOver));
  const timeMs = mapped(answers.pageTimes, (each) => PAGE_TIME_MS[each]) ?? PAGE_TIME_MS.minute;
  const lagged = lagMs === null ? CAUTIOUS : null;
  return {
    queryLagMs: lagged?.queryLagMs ?? lagMs ?? floors.queryLagMs,
    blackoutMs: schemaMs ?? CAUTIOUS.blackoutMs,
    createGraceMs: lagged?.createGraceMs ?? CARRIED_OUT_MS + (lagMs ?? 0),
    // Once for the times that Notion rounds down, once for clocks and polls that do not fit to the second.
    overlapMs: lagged?.overlapMs ?? timeMs + 60_000 + (lagMs ?? 0),
  };
}

const marginOf = (ms: number, isOver: boolean): number => ms * (isOver ? 1.5 : 3) + 5_000;

const mapped = <T>(answer: Answer<T>, map: (value: T) => number): number | null =>
  answer.kind === 'found' ? map(answer.value) : null;
