import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const TABLES = 1_500;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgnotion-last-words-'));
  const lacking = Object.fromEntries(
    Array.from({ length: TABLES }, (_, at) => [
      `t${at}`,
      { source: `public.t${at}`, title: `t${at}`, fields: { Name: { column: 'name', type: 'title' } } },
    ]),
  );
  await writeFile(
    join(folder, 'pgnotion.config.ts'),
    `export default ${JSON.stringify({ tables: lacking })};`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(['', '--json'])(
  'an error that is longer than a pipe is told whole to a slow reader: %s',
  async (mode) => {
    // The reader begins after the program has said everything, and a pipe has room for 64 kB.
    const command = `"${process.execPath}" "${CLI}" status ${mode} 2>&1 > /dev/null | (sleep 2; cat); echo "ended with \${PIPESTATUS[0]}"`;
    const { stdout } = await promisify(execFile)('bash', ['-c', command], {
      cwd: folder,
      maxBuffer: 10_000_000,
    });
    expect(stdout.length).toBeGreaterThan(100_000);
    expect(stdout).toContain(`t${TABLES - 1}`);
    expect(stdout).toMatch(/ended with 1\n$/);
  },
);

test('a reader that leaves in the midst of an error is no error of its own', async () => {
  const command = `"${process.execPath}" "${CLI}" status 2>&1 > /dev/null | head -c 1 > /dev/null; echo "ended with \${PIPESTATUS[0]}"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', command], { cwd: folder });
  expect(stdout).toBe('ended with 1\n');
});
