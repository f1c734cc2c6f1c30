import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { KEYS, onTerminal, promptOf, type TerminalProcess } from '../support/terminal.ts';

// What a person sees of a command that draws on the terminal and of one that asks there, and the terminal that they leave.

const ROWS = 3;
const UNHARMED = { code: 0, left: [] };
const NARROW = { columns: 40, rows: 16 };

let stage: CliStage;

describe.skipIf(!inject('hasTerminals'))('on a terminal', () => {
  beforeAll(async () => {
    stage = await createCliStage({
      config: shopConfig,
      schema: `${shopSchema};${shopRows(ROWS)}`,
    });
    await stage.apply();
    const daemon = await stage.start();
    await stage.settled();
    daemon.signal('SIGTERM');
    await daemon.exit;
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  const run = (
    args: readonly string[],
    more: Omit<Parameters<typeof onTerminal>[1] & object, 'cwd'> = {},
  ): TerminalProcess =>
    onTerminal(args, { ...more, cwd: stage.folder, variables: { ...stage.variables, ...more.variables } });

  describe('status --watch', () => {
    const args = ['status', '--watch', '1'];
    /** No row is longer than the terminal, and none has scrolled away. */
    const fits = (terminal: TerminalProcess): boolean =>
      terminal.text() === terminal.rows().join('\n').trimEnd();

    test('lives, fits the terminal, and gives it back as it was', async () => {
      await using terminal = run(args);
      await terminal.shows(/^items +3 +3 /m);
      expect(terminal.rows()[0]).toMatch(/^\S+Z {2}q quits$/);
      expect(terminal.text()).toMatch(
        /^daemon {2}not running; [\s\S]+^table +records +linked +pending +oldest/m,
      );
      expect(fits(terminal)).toBe(true);
      await stage.run(['pause', 'items']);
      await terminal.shows('\n  paused: paused by hand');
      terminal.resize(NARROW);
      await terminal.shows(/^table +pending +failed +conflicts[\s\S]+^items [\s\S]+paused by hand/m);
      expect(fits(terminal)).toBe(true);
      terminal.resize({ columns: 40, rows: 6 });
      await terminal.shows(/… \d+ more lines, in a taller terminal$/);
      expect(fits(terminal)).toBe(true);
      expect(terminal.rows()[0]).toMatch(/^\S+Z {2}q quits$/);
      await stage.run(['resume', 'items']);
      terminal.press('q');
      expect(await terminal.exit).toEqual({ ...UNHARMED, text: promptOf(args) });
    });

    test('ends with Ctrl-C, and what is wrong at its beginning stands on the terminal', async () => {
      await using terminal = run(args);
      await terminal.shows(/^items /m);
      terminal.press(KEYS.interrupt);
      expect(await terminal.exit).toEqual({ ...UNHARMED, text: promptOf(args) });

      const { code, text, left } = await run(args, {
        variables: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x' },
      }).exit;
      expect({ code, left }).toEqual({ code: 1, left: [] });
      expect(text).toContain('(postgres_refused)');
    });
  });

  describe('reset', () => {
    const known = async () => {
      const { rows } = await stage.database.pool.query(
        `select (select count(*)::int from pgnotion.records) as records,
                (select count(*)::int from pg_publication) as publications,
                (select count(*)::int from pg_replication_slots where database = current_database()) as slots`,
      );
      return rows[0];
    };

    test.each([
      ['no', ['no', KEYS.enter]],
      ['an empty answer', [KEYS.enter]],
      ['Ctrl-C', [KEYS.interrupt]],
      ['the end of the input', [KEYS.end]],
    ])('%s changes nothing', async (_name, keys) => {
      await using terminal = run(['reset']);
      await terminal.shows(/3 records of one table[\s\S]+\nGo on\? \(yes\/no\)/);
      terminal.press(...keys);
      const { code, text, left } = await terminal.exit;
      expect({ code, left }).toEqual({ code: 1, left: [] });
      expect(text).toMatch(/\npgnotion: it was not confirmed, and is not done\n[\s\S]+\n\(not_confirmed\)$/);
      expect(await known()).toEqual({ records: 3, publications: 1, slots: 1 });
    });

    test('yes is carried out', async () => {
      await using terminal = run(['reset']);
      await terminal.shows('Go on? (yes/no)');
      terminal.press('yes', KEYS.enter);
      const { code, text, left } = await terminal.exit;
      expect({ code, left }).toEqual(UNHARMED);
      expect(text).toMatch(/the publication pgnotion: dropped\nNext:\n/);
      expect(await known()).toEqual({ records: 0, publications: 0, slots: 0 });
    });
  });
});
