import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { givenBy, standingOf } from '../app/probe/assumed.ts';
import { realClock } from '../app/probe/clock.ts';
import { probe } from '../app/probe/probe.ts';
import type { Environment } from '../config/environment.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { assumptionsOf } from '../model/probe/assumptions.ts';
import type { Evidence } from '../model/probe/evidence.ts';
import { answerLines, assumptionsLine } from '../model/probe/texts.ts';
import type { Loaded } from './commands.ts';
import { formatTable } from './table.ts';

type Options = {
  readonly json: boolean;
  /** The file that gets the evidence. */
  readonly out: string;
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
};

/** Probes the workspace, keeps what was found, and tells it. */
export async function probeCommand(
  { environment, log }: Pick<Loaded, 'environment' | 'log'>,
  { json, out, signal, tell }: Options,
): Promise<string> {
  const evidence = await probe({ environment, log, clock: realClock, signal, tell });
  const text = JSON.stringify(evidence, null, 2);
  await writeFile(resolve(out), `${text}\n`).catch((error: unknown) => {
    throw unwritable(out, error);
  });
  return json ? text : forPerson(evidence, environment, out);
}

function forPerson(evidence: Evidence, environment: Environment, out: string): string {
  const standing = standingOf(environment, evidence.connection);
  const { workspace, plan, requests, seconds } = evidence;
  const rows = answerLines(evidence.answers).map(([question, answer]) => [question, answer]);
  const where = workspace === null ? 'the workspace' : `the workspace ${workspace}`;
  return [
    formatTable(['question', 'answer'], rows),
    '',
    `${where}${plan === null ? '' : ` (${plan} plan)`}, API ${evidence.apiVersion}: ${requests} requests in ${seconds} s, written to ${out}`,
    `${assumptionsLine(assumptionsOf(evidence, standing, givenBy(environment)))}; a daemon at work takes it over at its next start`,
  ].join('\n');
}

const unwritable = (out: string, cause: unknown): PgnotionError =>
  new PgnotionError({
    code: 'evidence_unwritable',
    message: `the evidence is stored, but ${out} cannot be written: ${messageOf(cause)}`,
    remedy: 'name a file that can be written with `pgnotion doctor --probe --out FILE`',
    cause,
  });
