import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Change } from './types.ts';

type Journal = {
  readonly append: (changes: readonly Change[]) => void;
  readonly close: () => void;
};

/**
 * Replays the file, writes it anew without what has been overwritten since, and keeps it open. A line is with the
 * operating system before its request is answered, so killing this process loses nothing acknowledged.
 */
export function openJournal(
  file: string | null,
  load: (change: Change) => void,
  dump: () => readonly Change[],
): Journal {
  if (file === null) return { append: () => undefined, close: () => undefined };
  mkdirSync(dirname(file), { recursive: true });
  if (existsSync(file)) for (const change of readChanges(file)) load(change);
  const fresh = `${file}.new`;
  writeFileSync(
    fresh,
    dump()
      .map((change) => `${JSON.stringify([change])}\n`)
      .join(''),
  );
  renameSync(fresh, file);
  const handle = openSync(file, 'a');
  let open = true;
  return {
    append: (changes) => {
      if (open) appendFileSync(handle, `${JSON.stringify(changes)}\n`);
    },
    close: () => {
      if (open) closeSync(handle);
      open = false;
    },
  };
}

function readChanges(file: string): readonly Change[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  // A line without its newline was torn by a crash, and its request was never answered.
  return lines.slice(0, -1).flatMap((line) => (line === '' ? [] : (JSON.parse(line) as Change[])));
}
