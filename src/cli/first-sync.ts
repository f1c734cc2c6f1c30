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

const COLUMNS = 80;
const ERASE = '\r\u001b[K';

type Terminal = { readonly write: (text: string) => unknown; readonly columns?: number };

/**
 * The first sync as a bar in the last line of a terminal. Whatever else is written there goes through `lines`, which appear
 * above it.
 */
export function createBar(terminal: Terminal): {
  readonly show: (progress: Progress | null) => void;
  readonly lines: Writable;
} {
  let bar = '';
  const under = (act: () => void): void => {
    if (bar !== '') terminal.write(ERASE);
    act();
    if (bar !== '') terminal.write(bar);
  };
  return {
    show: (progress) =>
      under(() => {
        bar = progress === null ? '' : progressBar(progress, (terminal.columns ?? COLUMNS) - 1);
      }),
    lines: new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        under(() => void terminal.write(String(chunk)));
        done();
      },
    }),
  };
}
