import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { MUTATIONS, type Mutation, mutated } from '../support/mutation.ts';

// `npm run test:mutations [NAME]`: puts each fault into a copy of the product, runs the chaos test against it, and expects
// the checker to say so. MUTATION_SEED and MUTATION_RUNS choose other runs than those that are known to show it.

const ROOT = resolve(import.meta.dirname, '../..');
const COPIED = ['src', 'sql', 'test', 'examples', 'package.json', 'tsconfig.json'];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** A copy of the product with the fault in it; the folder is the caller's to remove. */
async function copyWith(mutation: Mutation): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pgnotion-mutation-'));
  for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const file = join(folder, 'src', mutation.file);
  await writeFile(file, mutated(mutation, await readFile(file, 'utf8')));
  return folder;
}

type Run = { readonly called: string; readonly variables: Readonly<Record<string, string>> };

async function runsOf({ runs }: Mutation, folder: string): Promise<Run[]> {
  if (!('seed' in runs)) {
    const file = join(folder, 'commands.json');
    await writeFile(file, JSON.stringify(runs));
    return [{ called: 'its commands', variables: { CHAOS_COMMANDS: file } }];
  }
  const first = Number(process.env.MUTATION_SEED ?? runs.seed);
  const count = Number(process.env.MUTATION_RUNS ?? runs.count);
  return Array.from({ length: count }, (_, at) => ({
    called: `seed ${first + at}`,
    variables: { CHAOS_SEED: String(first + at), CHAOS_RUNS: '1', CHAOS_LANES: '1' },
  }));
}

/** What the chaos test of that folder says of one run; null if it found nothing wrong. */
function runIn(folder: string, { variables }: Run): Promise<string | null> {
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--config', 'test/chaos/vitest.config.ts'], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => done(code === 0 ? null : output));
  });
}

/** Whether one of the runs shows the fault as it should show. */
async function isCaught(mutation: Mutation): Promise<boolean> {
  const folder = await copyWith(mutation);
  try {
    for (const run of await runsOf(mutation, folder)) {
      const output = await runIn(folder, run);
      const told = output?.split('\n').find((line) => mutation.says.test(line));
      if (told !== undefined) {
        say(`${mutation.name}: caught with ${run.called}: ${told.trim()}`);
        return true;
      }
      say(
        `${mutation.name}: ${run.called} ${output === null ? 'shows nothing' : `fails otherwise:\n${output}`}`,
      );
    }
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const wanted = process.argv.slice(2).join(' ');
const missed: string[] = [];
for (const mutation of MUTATIONS.filter(({ name }) => name.includes(wanted)))
  if (!(await isCaught(mutation))) missed.push(mutation.name);
if (missed.length > 0) say(`not caught: ${missed.join(', ')}`);
process.exitCode = missed.length > 0 ? 1 : 0;
