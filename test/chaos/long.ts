import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Command } from '../support/chaos-commands.ts';
import { chaosOf, runChaos } from '../support/chaos-run.ts';

// CHAOS_RUNS runs of CHAOS_STEPS commands from seed CHAOS_SEED on, CHAOS_LANES at a time. CHAOS_PATH replays what fast-check
// shrank; CHAOS_SHRINK gives it so many seconds to do so. CHAOS_COMMANDS names a file with the commands of a single run.
const number = (name: string, other: number): number => Number(process.env[name] ?? other);
const RUNS = number('CHAOS_RUNS', 50);
const STEPS = number('CHAOS_STEPS', 60);
const LANES = Math.min(number('CHAOS_LANES', 2), RUNS);
const FIRST = number('CHAOS_SEED', Date.now() % 1_000_000);
const SHRINK_MS = number('CHAOS_SHRINK', 0) * 1_000;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Commands that were written by hand, or that a failed run left in its evidence. */
const GIVEN = process.env.CHAOS_COMMANDS;

test.runIf(GIVEN)(`the commands of ${GIVEN}`, { timeout: 300_000 }, async () => {
  const steps = JSON.parse(await readFile(GIVEN ?? '', 'utf8')) as readonly Command[];
  say(JSON.stringify(await runChaos('given', steps)));
});

test.skipIf(GIVEN)(
  `${RUNS} runs of at least ${STEPS} steps from seed ${FIRST} on`,
  {
    timeout: RUNS * 120_000 + SHRINK_MS * RUNS,
  },
  async () => {
    const seeds = Array.from({ length: RUNS }, (_, at) => FIRST + at);
    const failed: string[] = [];
    const lane = async (): Promise<void> => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const started = performance.now();
        const told = await chaosOf({
          seed,
          path: process.env.CHAOS_PATH,
          steps: STEPS,
          shrinkMs: SHRINK_MS,
        }).then(
          (counts) => JSON.stringify(counts),
          (error: unknown) => {
            failed.push(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
            return `FAILED ${failed.at(-1)}`;
          },
        );
        say(`seed ${seed}, ${((performance.now() - started) / 1_000).toFixed(1)} s: ${told}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    expect(failed).toEqual([]);
  },
);
