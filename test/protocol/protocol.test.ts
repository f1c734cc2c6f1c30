import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';

const CHECK = fileURLToPath(new URL('../../docs/protocol/check.sh', import.meta.url));

// Twenty-two programs are compiled and run, on a machine that tests other things meanwhile.
const TIMEOUT_MS = 1_800_000;

test.skipIf(!inject('hasSpin'))(
  'invariant 3, 5 and 6: the model of the protocol has no error, and each naive variant of it is caught',
  { timeout: TIMEOUT_MS },
  async () => {
    const { stdout } = await promisify(execFile)(CHECK);
    expect(stdout).toMatch(/^22 models, 0 not as expected$/m);
  },
);
