import { subscribe } from 'node:diagnostics_channel';
import type { Exchange } from '../../src/sandbox/notion/server.ts';
import { createChecker, readNotionDocument, rememberGood } from './notion-document.ts';

/** Names the file into which a process that a test starts writes what deviates in it. */
export const DEVIATIONS_FILE = 'PGNOTION_TEST_DEVIATIONS';

/** Checks all that the sandboxes of this process accept and answer from now on, and reports what deviates. */
export function watchExchanges(report: (deviation: string) => void): void {
  const check = rememberGood(createChecker(readNotionDocument()));
  subscribe('pgnotion:sandbox:exchange', (message) => {
    for (const deviation of check(message as Exchange)) report(deviation);
  });
}

/** The variables for a process that runs a sandbox, so that it reports to this one; none where the check is left out. */
export function watchedProcess(hasSandbox = true): Readonly<Record<string, string>> {
  const file = process.env[DEVIATIONS_FILE];
  if (!file || !hasSandbox) return {};
  const child = new URL('./watch-child.ts', import.meta.url).href;
  return { [DEVIATIONS_FILE]: file, NODE_OPTIONS: `--import ${child}` };
}
