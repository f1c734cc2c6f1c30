import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { KEYS, onTerminal, type TerminalProcess } from '../support/terminal.ts';

// What a person sees of `start`, and the terminal that it leaves.

const ROWS = 30;
const UNHARMED = { code: 0, left: [] };
const NARROW = { columns: 40, rows: 16 };

let stage: CliStage;

describe.skipIf(!inject('hasTerminals'))('start on a terminal', () => {
  beforeAll(async () => {
    stage = await createCliStage({
      config: shopConfig,
      schema: `${shopSchema};${shopRows(ROWS)}`,
    });
    await stage.apply();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  const run = (
    args: readonly string[],
    more: Omit<Parameters<typeof onTerminal>[1] & object, 'cwd'> = {},
  ): TerminalProcess =>
    onTerminal(args, { ...more, cwd: stage.folder, variables: { ...stage.variables, ...more.variables } });

  /** Lets so many requests of this kind through, and keeps the others waiting until it is disposed of. */
  function holding(match: { readonly method: string; readonly path: string }, skip: number) {
    const { promise: until, resolve } = Promise.withResolvers<void>();
    const { faults } = stage.sandbox.control;
    const id = faults.add({ match, skip, times: null, action: { kind: 'delay', ms: 600_000, until } });
    const strikes = (): boolean => faults.list().some((rule) => rule.id === id && rule.struck > 0);
    const release = (): void => {
      faults.clear(id);
      resolve();
    };
    return { strikes, release, [Symbol.dispose]: release };
  }
  const CREATES = { method: 'POST', path: '/pages$' };

  test('shows the first sync in the last line, below the log, and Ctrl-C takes it away', async () => {
    using some = holding(CREATES, 9);
    await using terminal = run(['start']);
    const bar = /first sync \[[#.]{10,}\] \d+ of 30 rows, \d\.\d a second, about \d+ (s|min) left$/;
    await terminal.shows(bar);
    // Lines that come meanwhile stand above it.
    await stage.database.pool.query(
      'select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database()',
    );
    await terminal.shows(/ INFO: capture failed, trying again\n[\s\S]+\nfirst sync \[.+$/);
    expect(terminal.text().match(/first sync \[/g)).toHaveLength(1);
    some.release();
    terminal.press(KEYS.interrupt);
    const { code, text, left } = await terminal.exit;
    expect({ code, left }).toEqual(UNHARMED);
    expect(text).toMatch(/\n\S+ INFO: stopped; everything in flight is recorded$/);
    expect(text).not.toContain('first sync [');
    expect(text).not.toContain('^C');
  });

  test('keeps the numbers on a narrow terminal, one that becomes narrower too, and ends with a line', async () => {
    using some = holding(CREATES, 0);
    await using terminal = run(['start'], { variables: { NO_COLOR: '1' } });
    await terminal.shows(/first sync \[[#.]+\] \d+ of 30 rows(, .+ left)?$/);
    terminal.resize(NARROW);
    await terminal.shows(/\n(\d+\/30, \d\.\d\/s, \d+ (s|min) left|\[[#.]+\] \d+ of 30 rows)$/);
    expect(terminal.text()).not.toContain('first sync [');
    some.release();
    await terminal.shows(/ INFO: the first sync is done: 30 of 30 rows are written to Notion/);
    terminal.press(KEYS.interrupt);
    const { code, text, left } = await terminal.exit;
    expect({ code, left }).toEqual(UNHARMED);
    expect(text).not.toMatch(/of 30 rows$|\/30/m);
    expect(text).toMatch(/\n\S+ INFO: stopped; everything in flight is recorded$/);
    // Nothing is coloured where that is not wanted.
    expect(terminal.output()).not.toContain('\x1b[3');
  });

  test('a second Ctrl-C ends it at once', async () => {
    using updates = holding({ method: 'PATCH', path: '/pages/' }, 0);
    await using terminal = run(['start']);
    await terminal.shows('syncing');
    await stage.database.pool.query('update items set stock = stock + 1 where id = 1');
    await eventually(updates.strikes);
    terminal.press(KEYS.interrupt);
    // The first one is on its way.
    await eventually(() => terminal.output().includes('^C'));
    terminal.press(KEYS.interrupt);
    const { code, text, left } = await terminal.exit;
    expect({ code, left }).toEqual({ code: 1, left: [] });
    expect(text).toMatch(/\npgnotion: ended at once; what was in flight is found at the next start$/);
  });
});
