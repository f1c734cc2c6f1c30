import { Writable } from 'node:stream';
import {
  type Progress,
  progressBar,
  progressText,
  type TableProgress,
  tableJson,
  tableText,
  wholeOf,
} from '../model/first-sync.ts';
import type { TableName } from '../model/ids.ts';

/** What `status` tells of the first sync while it lasts: a line for the whole, and one for each table. */
export function firstSyncLines(tables: readonly TableProgress[]): string[] {
  const progress = wholeOf(tables);
  return progress === null ? [] : [progressText(progress), ...tables.map((line) => `  ${tableText(line)}`)];
}

/** The same of one table for `--json`; null once its last row is written. */
export function firstSyncOf(tables: readonly TableProgress[], table: TableName): object | null {
  const line = tables.find((each) => each.table === table);
  return line === undefined || line.state === 'done' ? null : tableJson(line);
}

/** Of a terminal that does not know its size, and says 0. */
const COLUMNS = 80;
/** The terminal itself writes `^C` behind the bar, which must not make a second row of it. */
const ECHO = '^C'.length;

type Terminal = {
  readonly write: (text: string) => unknown;
  readonly columns?: number;
  readonly on?: (event: 'resize', react: () => void) => unknown;
};

/**
 * The first sync as a bar in the last line of a terminal. Whatever else is written there goes through `lines`, which appear
 * above it. After `end` there is no bar any more.
 */
export function createBar(terminal: Terminal): {
  readonly show: (progress: Progress | null) => void;
  readonly lines: Writable;
  readonly end: () => void;
} {
  let shown: Progress | null = null;
  let drawn = '';
  let isOver = false;
  const columns = (): number => terminal.columns || COLUMNS;
  const erase = (): void => {
    if (drawn === '') return;
    // A terminal that became narrower has broken it into several rows.
    const above = Math.ceil(drawn.length / columns()) - 1;
    terminal.write(`\r${above > 0 ? `\u001b[${above}A` : ''}\u001b[J`);
    drawn = '';
  };
  const draw = (): void => {
    drawn = shown === null ? '' : progressBar(shown, columns() - ECHO - 1);
    if (drawn !== '') terminal.write(drawn);
  };
  const show = (progress: Progress | null): void => {
    if (isOver) return;
    erase();
    shown = progress;
    draw();
  };
  terminal.on?.('resize', () => show(shown));
  return {
    show,
    lines: new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        erase();
        terminal.write(String(chunk));
        draw();
        done();
      },
    }),
    end: () => {
      if (isOver) return;
      show(null);
      isOver = true;
      // Of a Ctrl-C that was pressed without a bar, too, nothing stays in front of the next line.
      terminal.write('\r\u001b[K');
    },
  };
}
