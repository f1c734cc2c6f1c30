import { describe, expect, test } from 'vitest';
import { createBar, firstSyncLines, firstSyncOf } from '../../src/cli/first-sync.ts';
import {
  amountText,
  type Count,
  outcomeText,
  progressBar,
  progressOf,
  progressText,
  type Sample,
  sampleOf,
  type TableProgress,
  wholeOf,
  withSample,
} from '../../src/model/first-sync.ts';
import { type TableName, tableName } from '../../src/model/ids.ts';

const regions = tableName('regions');
const orders = tableName('orders');
const LIMIT = { requests: 180, windowMs: 60_000 };

const counted = (table: TableName, more: Partial<Count> = {}): Count => ({
  table,
  isFirst: true,
  walked: true,
  finished: false,
  paused: false,
  total: 1_000,
  waiting: 1_000,
  setAside: 0,
  before: { done: 0, rowsPerSecond: null },
  ...more,
});

const at = (seconds: number, done: Readonly<Record<string, number>>): Sample => ({
  at: seconds * 1_000,
  done: new Map(Object.entries(done).map(([name, count]) => [tableName(name), count])),
});

const measured = (
  counts: readonly Count[],
  samples: readonly Sample[],
  requests: number,
): readonly TableProgress[] => progressOf(counts, samples, { requests, limit: LIMIT });

describe('rate and time left', () => {
  test('a burst at the beginning of a window is spread over what the limit allows', () => {
    // 144 of 180 requests left at once, and no more may leave for a minute.
    const [line] = measured(
      [counted(regions, { waiting: 856 })],
      [at(0, { regions: 0 }), at(5, { regions: 144 })],
      144,
    );
    expect(line).toMatchObject({ done: 144, rowsPerSecond: 2.4 });
    expect(line?.secondsLeft).toBeCloseTo(856 / 2.4);
  });

  test('over several windows it is what was done', () => {
    const [line] = measured(
      [counted(regions, { waiting: 500 })],
      [at(0, { regions: 140 }), at(150, { regions: 500 })],
      300,
    );
    expect(line).toMatchObject({ rowsPerSecond: 2.4 });
  });

  test('a table whose walk began after the first sample has a rate of its own', () => {
    const counts = [
      counted(regions, { total: 20, waiting: 2 }),
      counted(orders, { total: 20_000, waiting: 18_000 }),
    ];
    const samples = [
      at(0, { regions: 0 }),
      at(5, { regions: 18, orders: 0 }),
      at(100, { regions: 18, orders: 2_000 }),
    ];
    const lines = progressOf(counts, samples, {
      requests: 2_018,
      limit: { requests: 100_000, windowMs: 1_000 },
    });
    expect(lines[1]).toMatchObject({ done: 2_000, rowsPerSecond: 20 });
    expect(wholeOf(lines)?.secondsLeft).toBeCloseTo(18_002 / (20 + 18 / 100));
  });

  test('rows that need no request are as fast as they are', () => {
    const [line] = measured(
      [counted(regions, { waiting: 100 })],
      [at(0, { regions: 0 }), at(60, { regions: 900 })],
      0,
    );
    expect(line).toMatchObject({ rowsPerSecond: 15 });
  });

  test('rows that need two requests take twice as long', () => {
    const [line] = measured(
      [counted(regions, { waiting: 928 })],
      [at(0, { regions: 0 }), at(5, { regions: 72 })],
      144,
    );
    expect(line?.rowsPerSecond).toBeCloseTo(1.2);
  });

  test('after a restart the rate from before holds until there is another', () => {
    const count = counted(regions, { waiting: 600, before: { done: 380, rowsPerSecond: 2 } });
    const [first] = measured([count], [at(0, { regions: 400 })], 0);
    expect(first).toMatchObject({ done: 400, rowsPerSecond: 2, secondsLeft: 300 });
    // The window may have been spent by the process before.
    const [still] = measured([count], [at(0, { regions: 400 }), at(30, { regions: 400 })], 0);
    expect(still).toMatchObject({ rowsPerSecond: 2 });
    const [stuck] = measured([count], [at(0, { regions: 400 }), at(120, { regions: 400 })], 0);
    expect(stuck).toMatchObject({ rowsPerSecond: 0, secondsLeft: null });
  });

  test('only the last minutes count', () => {
    const samples = [at(0, { regions: 0 }), at(200, { regions: 10 }), at(400, { regions: 500 })];
    const kept = samples.reduce<readonly Sample[]>((all, next) => withSample(all, next), []);
    expect(kept.map((sample) => sample.at)).toEqual([200_000, 400_000]);
  });

  test('a table whose rows wait for those of another ends with the whole', () => {
    const lines = measured(
      [counted(regions, { waiting: 600 }), counted(orders, { total: 2_000, waiting: 2_000 })],
      [at(0, { regions: 0, orders: 0 }), at(200, { regions: 400, orders: 0 })],
      400,
    );
    expect(lines).toMatchObject([
      { rowsPerSecond: 2, secondsLeft: 300 },
      { rowsPerSecond: 0, secondsLeft: 1_300 },
    ]);
    expect(wholeOf(lines)).toMatchObject({ total: 3_000, done: 400, rowsPerSecond: 2, secondsLeft: 1_300 });
  });

  test('nobody can say how long it takes while rows are being found, and what is paused takes no part', () => {
    const reading = measured(
      [counted(regions, { waiting: 600 }), counted(orders, { walked: false, waiting: 10 })],
      [at(0, { regions: 0 }), at(200, { regions: 400 })],
      400,
    );
    expect(reading.map(({ state, secondsLeft }) => [state, secondsLeft])).toEqual([
      ['writing', 300],
      ['reading', null],
    ]);
    expect(wholeOf(reading)?.secondsLeft).toBeNull();
    const paused = measured(
      [counted(regions, { waiting: 600 }), counted(orders, { paused: true })],
      [at(0, { regions: 0 }), at(200, { regions: 400 })],
      400,
    );
    expect(paused[1]).toMatchObject({ state: 'paused', rowsPerSecond: null, secondsLeft: null });
    expect(wholeOf(paused)).toMatchObject({ secondsLeft: 300, total: 2_000 });
  });
});

describe('what is done', () => {
  test('is what is neither waiting nor set aside', () => {
    const { done } = sampleOf([counted(regions, { waiting: 100, setAside: 7 })], 0);
    expect(done.get(regions)).toBe(893);
  });

  test('is never less than nothing, and stays while the rows are found again', () => {
    const counts = [
      counted(regions, { waiting: 1_005 }),
      counted(orders, { walked: false, waiting: 5, before: { done: 420, rowsPerSecond: 1 } }),
    ];
    expect([...sampleOf(counts, 0).done.values()]).toEqual([0, 420]);
  });

  test('is all of a table that ended before the others', () => {
    const counts = [
      counted(regions, { finished: true, waiting: 0, setAside: 2 }),
      counted(orders, { waiting: 500 }),
    ];
    const lines = measured(counts, [sampleOf(counts, 0)], 0);
    expect(lines[0]).toMatchObject({ state: 'done', done: 998, setAside: 2 });
    expect(wholeOf(lines)).toMatchObject({ total: 2_000, done: 1_498, setAside: 2 });
    expect(wholeOf(lines.slice(0, 1))).toBeNull();
  });
});

const line = (table: TableName, more: Partial<TableProgress> = {}): TableProgress => ({
  table,
  isFirst: true,
  state: 'writing',
  total: 9_000,
  done: 1_234,
  setAside: 0,
  rowsPerSecond: 2.4,
  secondsLeft: 3_236,
  ...more,
});

describe('what is told', () => {
  test('the whole, and each table', () => {
    const lines = [
      line(regions, { state: 'done', total: 10, done: 10, rowsPerSecond: null, secondsLeft: 0 }),
      line(orders),
    ];
    expect(firstSyncLines(lines)).toEqual([
      'first sync: 1,244 of 9,010 rows, 2.4 a second, about 54 min left',
      '  regions: 10 of 10 rows, done',
      '  orders: 1,234 of 9,000 rows, 2.4 a second, about 54 min left',
    ]);
    expect(firstSyncOf(lines, regions)).toBeNull();
    expect(firstSyncOf(lines, orders)).toEqual({
      state: 'writing',
      total: 9_000,
      done: 1_234,
      set_aside: 0,
      rows_per_second: 2.4,
      seconds_left: 3_236,
    });
    expect(firstSyncLines([])).toEqual([]);
  });

  test('a later comparison is called so, and what was set aside is told', () => {
    const whole = wholeOf([
      line(orders, { isFirst: false, setAside: 3, rowsPerSecond: null, secondsLeft: null }),
    ]);
    expect(whole === null ? '' : progressText(whole)).toBe(
      'comparison of all rows: 1,234 of 9,000 rows, 3 set aside',
    );
    expect(amountText(line(orders, { secondsLeft: 7_300 }))).toContain('about 2 h 2 min left');
  });

  test('the end tells rows, pages, requests and time', () => {
    const outcome = {
      rows: 9_000,
      setAside: 0,
      pagesCreated: 8_990,
      pagesUpdated: 10,
      requests: 9_300,
      seconds: 3_900,
    };
    expect(outcomeText('first sync', outcome)).toBe(
      'the first sync is done: 9,000 of 9,000 rows are written to Notion; 8,990 pages created, 10 updated, 9,300 requests, 65 min',
    );
    expect(outcomeText('first sync', { ...outcome, setAside: 2 })).toContain(
      '8,998 of 9,000 rows are written to Notion and 2 set aside (see `pgnotion failures list` and `pgnotion guarded list`);',
    );
  });

  test('a bar stays below the lines of the log, within the terminal, and goes away', () => {
    const written: string[] = [];
    let resized = (): void => undefined;
    const terminal = {
      write: (text: string) => written.push(text),
      columns: 60,
      on: (_event: 'resize', react: () => void) => {
        resized = react;
      },
    };
    const bar = createBar(terminal);
    bar.lines.write('a line\n');
    expect(written.splice(0)).toEqual(['a line\n']);
    bar.show(wholeOf([line(orders, { done: 4_500 })]));
    const drawn = written.splice(0).join('');
    expect(drawn).toBe('4,500 of 9,000 rows, 1.4 a second, about 54 min left');
    bar.lines.write('another\n');
    expect(written.splice(0)).toEqual(['\r\u001b[J', 'another\n', drawn]);
    // The terminal has broken it into two rows.
    terminal.columns = 40;
    resized();
    expect(written.splice(0)[0]).toBe('\r\u001b[1A\u001b[J');
    bar.show(null);
    expect(written.splice(0)).toEqual(['\r\u001b[J']);
    bar.lines.write('last\n');
    expect(written.splice(0)).toEqual(['last\n']);
    bar.end();
    bar.show(wholeOf([line(orders, { done: 4_500 })]));
    expect(written).toEqual(['\r\u001b[K']);
  });

  test('the numbers have their room before the bar and the name', () => {
    const whole = wholeOf([line(orders, { done: 4_500, rowsPerSecond: 2.4, secondsLeft: 1_875 })]);
    if (whole === null) throw new Error('nothing is under way');
    const numbers = '4,500 of 9,000 rows, 2.4 a second, about 31 min left';
    expect(progressBar(whole, 200)).toBe(`first sync [###############...............] ${numbers}`);
    expect(progressBar(whole, 77)).toBe(`first sync [#####......] ${numbers}`);
    expect(progressBar(whole, 70)).toBe(`[#######........] ${numbers}`);
    expect(progressBar(whole, 60)).toBe(numbers);
    expect(progressBar(whole, 37)).toBe('4,500/9,000, 2.4/s, 31 min left');
    for (let columns = 0; columns < 100; columns += 1)
      expect(progressBar(whole, columns).length).toBeLessThanOrEqual(columns);
  });
});
