import {
  type Allowance,
  type Count,
  MEASURED_MS,
  nameOf,
  outcomeText,
  type Progress,
  progressOf,
  progressText,
  type Sample,
  sampleOf,
  type TableProgress,
  tableText,
  wholeOf,
  withSample,
} from '../model/first-sync.ts';
import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { inTableOrder } from '../model/table-order.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying } from '../runtime/retry.ts';
import { countWalks, endFirstSyncs, outcomeOf, patientRequests, saveProgress } from '../state/first-sync.ts';
import { keepRateLimit } from '../state/requests.ts';
import type { Store } from '../state/sql.ts';
import { liftTargets } from '../state/waiting.ts';

export type FirstSyncContext = {
  readonly store: Store;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  readonly limit: Allowance;
  readonly onDirty: () => void;
  readonly log: Log;
};

export type FirstSyncTiming = {
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  /** Waits so long, or until a walk begins or ends. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** Shows the progress where a person watches, and takes it away with null. */
export type ShowProgress = (progress: Progress | null) => void;

const LOOK_MS = 5_000;
/** Counting what is left of a large table takes a while: it is to take a small share of the time. */
const LOOKS_SHARE = 20;
const LOG_MS = 30_000;
/** The same while nothing is written: a table is paused, or Notion does not answer, which other lines tell. */
const STILL_MS = 300_000;
/** Until somebody rings. */
const IDLE_MS = 600_000;

/**
 * Measures the first sync until the last row is written, keeps that for all who ask, and tells of it: in the log from time to
 * time, or by `show` if there is somebody to show it to.
 */
export async function runFirstSync(
  context: FirstSyncContext,
  timing: FirstSyncTiming,
  signal: AbortSignal,
  show: ShowProgress | null = null,
): Promise<void> {
  const { store, log, onDirty } = context;
  const meter = createMeter(context, timing);
  const telling = createTelling(log, timing, show);
  await keepTrying(
    async (healthy) => {
      await store.transaction((sql) => keepRateLimit(sql, context.limit));
      // What a process that ended between two transactions left undone.
      if ((await store.transaction((sql) => liftTargets(sql, 'all'))).length > 0) onDirty();
      while (!signal.aborted) {
        const began = timing.now();
        const measured = await meter.measure();
        if (measured.progress !== null && !measured.ended) telling.tell(measured.progress);
        await endThose(context, measured);
        if (measured.ended) telling.ended();
        healthy();
        const busy = measured.progress !== null && !measured.ended;
        await timing.wait(busy ? Math.max(LOOK_MS, LOOKS_SHARE * (timing.now() - began)) : IDLE_MS, signal);
      }
    },
    { name: 'first sync', log, signal },
  );
  show?.(null);
}

type Measured = {
  readonly counts: readonly Count[];
  readonly lines: readonly TableProgress[];
  /** Null if nothing is under way. */
  readonly progress: Progress | null;
  /** With this, everything is written. */
  readonly ended: boolean;
};

const isWritten = ({ walked, waiting }: Count): boolean => walked && waiting === 0;

function createMeter({ store, tables, limit }: FirstSyncContext, { now }: FirstSyncTiming) {
  let samples: readonly Sample[] = [];
  return {
    measure: async (): Promise<Measured> => {
      const counts = await countWalks(
        store,
        inTableOrder(tables.values()).map(({ name }) => name),
      );
      if (counts.length === 0) {
        samples = [];
        return { counts, lines: [], progress: null, ended: false };
      }
      samples = withSample(samples, sampleOf(counts, now()));
      const since = now() - (samples[0]?.at ?? now());
      const requests = since === 0 ? 0 : await patientRequests(store, Math.min(since, MEASURED_MS));
      const lines = progressOf(counts, samples, { requests, limit });
      await store.transaction((sql) => saveProgress(sql, lines));
      return { counts, lines, progress: wholeOf(lines), ended: counts.every(isWritten) };
    },
  };
}

/** Tables whose last row is written end, and with the last of them the whole. */
async function endThose(
  { store, log }: FirstSyncContext,
  { counts, progress, ended }: Measured,
): Promise<void> {
  const written = counts.filter((count) => !count.finished && isWritten(count)).map(({ table }) => table);
  if (written.length === 0 || progress === null) return;
  await store.transaction((sql) => endFirstSyncs(sql, written));
  if (!ended) return;
  const outcome = await outcomeOf(
    store,
    counts.map(({ table }) => table),
  );
  log.info(outcome, outcomeText(nameOf(progress), outcome));
}

function createTelling(log: Log, { now }: FirstSyncTiming, show: ShowProgress | null) {
  let told = Number.NEGATIVE_INFINITY;
  let last = Number.NaN;
  return {
    tell: (progress: Progress): void => {
      show?.(progress);
      if (show !== null || now() - told < (progress.done === last ? STILL_MS : LOG_MS)) return;
      told = now();
      last = progress.done;
      const { total, done, setAside, rowsPerSecond, secondsLeft } = progress;
      const numbers = { total, done, setAside, rowsPerSecond, secondsLeft };
      log.info({ ...numbers, tables: progress.tables.map(tableText) }, progressText(progress));
    },
    ended: (): void => {
      told = Number.NEGATIVE_INFINITY;
      show?.(null);
    },
  };
}
