import { durationText } from './duration-text.ts';
import type { TableName } from './ids.ts';

/** What is counted of the walk over one table, from its beginning until its last row is written. */
export type Count = {
  readonly table: TableName;
  /** False: all rows were compared before, and are now again. */
  readonly isFirst: boolean;
  /** All rows are in the outbox. */
  readonly walked: boolean;
  readonly finished: boolean;
  readonly paused: boolean;
  readonly total: number;
  /** Entries that are neither written nor set aside. */
  readonly waiting: number;
  readonly setAside: number;
  /** As they were kept when the progress was last told, by this process or one before it. */
  readonly before: { readonly done: number; readonly rowsPerSecond: number | null };
};

export type TableProgress = {
  readonly table: TableName;
  readonly isFirst: boolean;
  readonly state: 'reading' | 'writing' | 'paused' | 'stopped' | 'done';
  readonly total: number;
  readonly done: number;
  readonly setAside: number;
  /** Null: nothing has been measured, or nothing happens. */
  readonly rowsPerSecond: number | null;
  /** Null: nobody can say. */
  readonly secondsLeft: number | null;
};

/** How many rows of each table were done at a time (in milliseconds of any clock). */
export type Sample = { readonly at: number; readonly done: ReadonlyMap<TableName, number> };

/** What Notion takes from those whom nobody waits for: see the rate window. */
export type Allowance = { readonly requests: number; readonly windowMs: number };

/** Long enough that a window's burst and the rest that follows it weigh alike. */
export const MEASURED_MS = 300_000;
/** The share of the requests that a first sync may spend, as in the rate window. */
const PATIENT_SHARE = 0.8;

/** Rows that are done: while they are still being found, what was done before. */
const doneOf = ({ walked, finished, total, waiting, setAside, before }: Count): number =>
  finished || walked ? Math.max(0, total - waiting - setAside) : Math.min(before.done, total);

export const sampleOf = (counts: readonly Count[], at: number): Sample => ({
  at,
  done: new Map(counts.map((count) => [count.table, doneOf(count)])),
});

/** The samples that the rate is measured by, with one more. */
export const withSample = (samples: readonly Sample[], next: Sample): readonly Sample[] => [
  ...samples.filter(({ at }) => next.at - at <= MEASURED_MS),
  next,
];

/**
 * The progress of each table. What was done since the first sample took at least as long as Notion's limit gives time for
 * its `requests`: a window's share that left in one burst is no rate that could go on. Tables whose rows wait for those of
 * others, and so have no rate of their own, end with the whole at the latest.
 */
export function progressOf(
  counts: readonly Count[],
  samples: readonly Sample[],
  { requests, limit }: { readonly requests: number; readonly limit: Allowance },
): readonly TableProgress[] {
  const [first] = samples;
  const last = samples.at(-1);
  const elapsed = first === undefined || last === undefined ? 0 : last.at - first.at;
  const spent = (requests * limit.windowMs) / (limit.requests * PATIENT_SHARE);
  const seconds = Math.max(elapsed, spent) / 1_000;
  // Before a window is over, that nothing was done may only mean that the one before was spent.
  const measured = elapsed >= limit.windowMs || (elapsed > 0 && requests > 0);
  const rateOf = ({ table, before }: Pick<Count, 'table' | 'before'>): number | null => {
    // Its walk may have begun after the first sample.
    const from = samples.find(({ done }) => done.has(table))?.done.get(table);
    const to = last?.done.get(table);
    if (!measured || from === undefined || to === undefined) return before.rowsPerSecond;
    return Math.max(0, to - from) / seconds;
  };
  const lines = counts.map((count) => ({ count, rate: count.paused ? null : rateOf(count) }));
  const whole = wholeLeft(lines);
  return lines.map(({ count, rate }) => ({
    table: count.table,
    isFirst: count.isFirst,
    state: stateOf(count),
    total: count.total,
    done: doneOf(count),
    setAside: count.setAside,
    rowsPerSecond: isMoving(count) ? rate : null,
    secondsLeft: isMoving(count) && count.walked ? leftOf(count.waiting, rate, whole) : null,
  }));
}

const isMoving = ({ finished, paused }: Count): boolean => !finished && !paused;

const stateOf = ({ finished, paused, walked }: Count): TableProgress['state'] =>
  finished ? 'done' : paused ? 'paused' : walked ? 'writing' : 'reading';

/**
 * Seconds until the last row of all tables; null while there is no telling how many rows there are. What the tables that
 * have just ended took of the requests is the others' from now on.
 */
function wholeLeft(lines: readonly { readonly count: Count; readonly rate: number | null }[]): number | null {
  const moving = lines.filter(({ count }) => isMoving(count));
  if (moving.some(({ count }) => !count.walked)) return null;
  const rate = lines.reduce((sum, line) => sum + (line.rate ?? 0), 0);
  const waiting = moving.reduce((sum, { count }) => sum + count.waiting, 0);
  return rate > 0 ? waiting / rate : null;
}

function leftOf(waiting: number, rate: number | null, whole: number | null): number | null {
  if (waiting === 0) return 0;
  const own = rate === null || rate <= 0 ? null : waiting / rate;
  if (own === null || whole === null) return own ?? whole;
  return Math.min(own, whole);
}

/** All tables of one first sync together. */
export type Progress = Omit<TableProgress, 'table' | 'state'> & { readonly tables: readonly TableProgress[] };

/** Null if nothing is under way. A table that ended before the others is a part of the whole until they end too. */
export function wholeOf(tables: readonly TableProgress[]): Progress | null {
  if (tables.every(({ state }) => state === 'done')) return null;
  const sum = (of: (line: TableProgress) => number): number =>
    tables.reduce((total, line) => total + of(line), 0);
  const known = tables.filter(({ state }) => state === 'writing' || state === 'reading');
  const rates = known.flatMap(({ rowsPerSecond }) => rowsPerSecond ?? []);
  const left = known.map(({ secondsLeft }) => secondsLeft);
  const secondsLeft =
    left.length === 0 || left.includes(null) ? null : Math.max(...left.map((each) => each ?? 0));
  const waiting = known.reduce((rest, line) => rest + line.total - line.done - line.setAside, 0);
  return {
    isFirst: tables.some(({ isFirst }) => isFirst),
    total: sum(({ total }) => total),
    done: sum(({ done }) => done),
    setAside: sum(({ setAside }) => setAside),
    rowsPerSecond:
      secondsLeft !== null && secondsLeft > 0
        ? waiting / secondsLeft
        : rates.length === 0
          ? null
          : rates.reduce((total, rate) => total + rate, 0),
    secondsLeft,
    tables,
  };
}

export const nameOf = ({ isFirst }: Pick<Progress, 'isFirst'>): string =>
  isFirst ? 'first sync' : 'comparison of all rows';

const counted = (count: number): string => count.toLocaleString('en');

/** What a first sync came to, in all. */
export type Outcome = {
  readonly rows: number;
  readonly setAside: number;
  readonly pagesCreated: number;
  readonly pagesUpdated: number;
  readonly requests: number;
  readonly seconds: number;
};

export function outcomeText(
  name: string,
  { rows, setAside, pagesCreated, pagesUpdated, requests, seconds }: Outcome,
): string {
  const written = `${counted(rows - setAside)} of ${counted(rows)} rows are written to Notion`;
  const aside =
    setAside === 0
      ? ''
      : ` and ${counted(setAside)} set aside (see \`pgnotion failures list\` and \`pgnotion guarded list\`)`;
  const pages = `${counted(pagesCreated)} pages created, ${counted(pagesUpdated)} updated`;
  return `the ${name} is done: ${written}${aside}; ${pages}, ${counted(requests)} requests, ${durationText(seconds)}`;
}

/** `1,234 of 9,000 rows, 2.4 a second, about 54 min left`. */
export function amountText({
  done,
  total,
  setAside,
  rowsPerSecond,
  secondsLeft,
}: Pick<TableProgress, 'done' | 'total' | 'setAside' | 'rowsPerSecond' | 'secondsLeft'>): string {
  return [
    `${counted(done)} of ${counted(total)} rows`,
    ...(setAside === 0 ? [] : [`${counted(setAside)} set aside`]),
    ...(rowsPerSecond === null ? [] : [`${rowsPerSecond.toFixed(1)} a second`]),
    ...(secondsLeft === null || secondsLeft === 0
      ? []
      : [`about ${durationText(Math.ceil(secondsLeft))} left`]),
  ].join(', ');
}

const STATE_TEXT: Readonly<Record<TableProgress['state'], string | null>> = {
  reading: 'its rows are being read',
  writing: null,
  paused: 'paused',
  stopped: 'no daemon is at work on it',
  done: 'done',
};

/** What is told of one table: `customers: 1,000 of 3,000 rows, 2.4 a second, about 14 min left`. */
export function tableText(line: TableProgress): string {
  const state = STATE_TEXT[line.state];
  return `${line.table}: ${amountText(line)}${state === null ? '' : `, ${state}`}`;
}

export const progressText = (progress: Progress): string => `${nameOf(progress)}: ${amountText(progress)}`;

/** As JSON, in the names of the view `pgnotion.first_sync`. */
export const progressJson = (progress: Progress | null): object | null =>
  progress === null
    ? null
    : {
        kind: progress.isFirst ? 'first sync' : 'comparison',
        ...numbersJson(progress),
        tables: Object.fromEntries(progress.tables.map((line) => [line.table, tableJson(line)])),
      };

export const tableJson = (line: TableProgress): object => ({ state: line.state, ...numbersJson(line) });

const numbersJson = ({
  total,
  done,
  setAside,
  rowsPerSecond,
  secondsLeft,
}: Pick<TableProgress, 'done' | 'total' | 'setAside' | 'rowsPerSecond' | 'secondsLeft'>): object => ({
  total,
  done,
  set_aside: setAside,
  rows_per_second: rowsPerSecond,
  seconds_left: secondsLeft,
});

const BAR = { most: 30, least: 10 } as const;

/**
 * The same with a bar, in at most `columns` characters. The numbers come first: what has no room beside them is made shorter
 * or left out, the bar, the name, and at last the words.
 */
export function progressBar(progress: Progress, columns: number): string {
  const amount = amountText(progress);
  const share = progress.total === 0 ? 0 : progress.done / progress.total;
  for (const name of [`${nameOf(progress)} `, '']) {
    const room = Math.min(BAR.most, columns - `${name}[] ${amount}`.length);
    if (room < BAR.least) continue;
    const bar = '#'.repeat(Math.min(room, Math.floor(share * room)));
    return `${name}[${bar.padEnd(room, '.')}] ${amount}`;
  }
  return amount.length <= columns ? amount : shortAmount(progress).slice(0, Math.max(0, columns)).trimEnd();
}

/** `1,234/9,000, 2.4/s, 54 min left`. */
const shortAmount = ({ done, total, rowsPerSecond, secondsLeft }: Progress): string =>
  [
    `${counted(done)}/${counted(total)}`,
    ...(rowsPerSecond === null ? [] : [`${rowsPerSecond.toFixed(1)}/s`]),
    ...(secondsLeft === null || secondsLeft === 0 ? [] : [`${durationText(Math.ceil(secondsLeft))} left`]),
  ].join(', ');
