import process from 'node:process';

/** The places at which a test may end the process: what is stored there, and what is not yet. */
export const FAILPOINTS = [
  // Changes have been read from the log, and nothing of them is stored.
  'capture.before-store',
  // They are stored with the checkpoint, and the slot has not been acknowledged.
  'capture.after-store',
  // The acknowledgement waits to be sent.
  'capture.after-acknowledge',
  // The operation is stored, and its request has not left.
  'deliver.before-create',
  'deliver.before-update',
  'deliver.before-delete',
  'deliver.before-restore',
  'deliver.before-filter',
  // Notion has answered, and nothing of it is stored.
  'deliver.after-create',
  'deliver.after-update',
  'deliver.after-delete',
  'deliver.after-restore',
  'deliver.after-filter',
  // All of a delivery is stored, and its outcome is about to be.
  'deliver.recording',
  // Row, base and operation are written, and their transaction is open.
  'apply.before-commit',
  // They are committed, and what follows for the edit is not stored.
  'apply.after-commit',
  // The slot is dropped, and the state still knows it.
  'reset.slot-dropped',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

type Armed = Map<Failpoint, number>;
type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads `PGNOTION_FAILPOINTS`, such as `deliver.after-create:exit,apply.before-commit:exit@2` (at the second time). Null
 * unless NODE_ENV is `test`: in production the variable does nothing. Throws RangeError for a name that does not exist.
 */
export function readFailpoints({ NODE_ENV, PGNOTION_FAILPOINTS }: Variables): Armed | null {
  if (NODE_ENV !== 'test' || !PGNOTION_FAILPOINTS) return null;
  return new Map(
    PGNOTION_FAILPOINTS.split(',').map((text) => {
      const [, name = '', turn = '1'] = /^([a-z.-]+):exit(?:@(\d+))?$/.exec(text.trim()) ?? [];
      const known = FAILPOINTS.find((each) => each === name);
      if (known === undefined) throw new RangeError(`PGNOTION_FAILPOINTS has ${JSON.stringify(text)}`);
      return [known, Number(turn)];
    }),
  );
}

const armed = readFailpoints(process.env);

/** Ends the process here, as a crash would, if a test asked for it. */
export function failpoint(name: Failpoint): void {
  if (armed === null) return;
  const left = armed.get(name);
  if (left === undefined) return;
  armed.set(name, left - 1);
  if (left === 1) process.kill(process.pid, 'SIGKILL');
}
