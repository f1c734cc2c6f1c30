import type { ReadStream, WriteStream } from 'node:tty';
import { wrapAnsi } from 'fast-wrap-ansi';

export type Size = { readonly columns: number; readonly rows: number };

/** The whole of a terminal, for what is drawn anew in place. */
export type Screen = {
  /** Draws what this makes of the terminal's size, at once and whenever that changes. */
  readonly show: (view: (size: Size) => string) => void;
  /** Gives the terminal back as it was before the first `show`; nothing is drawn any more. */
  readonly close: () => void;
};

type Terminal = {
  /** Null if the keys come from elsewhere than a terminal. */
  readonly input: Pick<ReadStream, 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'> | null;
  readonly output: Pick<WriteStream, 'write' | 'columns' | 'rows' | 'on' | 'off'>;
};

/** Another page of the terminal, so that what was shown before is not overwritten, and no cursor. */
const OPEN = '\x1b[?1049h\x1b[?25l';
const CLOSE = '\x1b[?25h\x1b[?1049l';

/** A terminal that does not know its size says 0. */
const UNKNOWN: Size = { columns: 80, rows: 24 };

const QUIT = ['q', 'Q', '\x03', '\x04'];

/** `quit` is called when somebody presses q, Ctrl-C or Ctrl-D, which is no signal while the keys are read. */
export function createScreen({ input, output }: Terminal, quit: () => void): Screen {
  let state: 'before' | 'open' | 'closed' = 'before';
  let shown: ((size: Size) => string) | null = null;
  const draw = (): void => {
    if (shown === null) return;
    // With a text in the last column, erasing the rest of its line would take its last letter.
    const size = { columns: (output.columns || UNKNOWN.columns) - 1, rows: output.rows || UNKNOWN.rows };
    const lines = shown(size).split('\n').slice(0, size.rows);
    output.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`);
  };
  const onKeys = (keys: Buffer): void => {
    if (QUIT.some((key) => keys.includes(key))) quit();
  };
  const close = (): void => {
    if (state === 'open') {
      output.write(CLOSE);
      output.off('resize', draw);
      input?.off('data', onKeys);
      input?.setRawMode(false);
      input?.pause();
      process.off('exit', close);
    }
    state = 'closed';
  };
  const open = (): void => {
    state = 'open';
    output.write(OPEN);
    output.on('resize', draw);
    input?.setRawMode(true);
    input?.on('data', onKeys);
    input?.resume();
    // However it ends.
    process.on('exit', close);
  };
  return {
    show: (view) => {
      if (state === 'closed') return;
      if (state === 'before') open();
      shown = view;
      draw();
    },
    close,
  };
}

/** The text in lines and rows for which there is room: broken between words, and what is too much is told. */
export function fitted(text: string, { columns, rows }: Size): string {
  const lines = text.split('\n').flatMap((line) => wrapped(line, columns));
  if (lines.length <= rows) return lines.join('\n');
  const more = `… ${lines.length - rows + 1} more lines, in a taller terminal`;
  return [...lines.slice(0, rows - 1), ...wrapped(more, columns).slice(0, 1)].join('\n');
}

/** Lines that follow stand below the text of the first, behind its blanks and its label. */
function wrapped(line: string, columns: number): readonly string[] {
  const [, blanks = '', label = ''] = /^( *)(\S+ {2,})?/.exec(line) ?? [];
  const wide = `${blanks}${label}`.length;
  const indent = wide < columns / 3 ? wide : 0;
  const [first = '', ...others] = wrapAnsi(line.slice(indent), columns - indent, { hard: true }).split('\n');
  return [`${line.slice(0, indent)}${first}`, ...others.map((other) => `${' '.repeat(indent)}${other}`)];
}
