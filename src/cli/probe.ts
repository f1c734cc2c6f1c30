import { open, rm, stat, writeFile } from 'node:fs/promises';
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
  readonly print: (text: string) => Promise<void>;
};

/** Probes the workspace, keeps what was found, and prints it, also where the scratch page or the file makes trouble then. */
export async function probeCommand(
  { environment, log }: Pick<Loaded, 'environment' | 'log'>,
  { json, out, signal, tell, print }: Options,
): Promise<void> {
  const path = resolve(out);
  // A probe takes minutes and requests: whether its file can be written is known before.
  await assertWritable(path).catch((error: unknown) => {
    throw unwritable(out, error, 'nothing was probed');
  });
  let unwritten: PgnotionError | null = null;
  const onEvidence = async (evidence: Evidence): Promise<void> => {
    const text = JSON.stringify(evidence, null, 2);
    await writeFile(path, `${text}\n`).catch((error: unknown) => {
      unwritten = unwritable(out, error, 'what was found is stored in the schema pgnotion');
    });
    await print(json ? text : forPerson(evidence, environment, unwritten === null ? out : null));
  };
  await probe({ environment, log, clock: realClock, signal, tell, onEvidence });
  if (unwritten !== null) throw unwritten;
}

/** Opens it as it is to be opened then. What was not there is not there afterwards. */
async function assertWritable(path: string): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  await (await open(path, 'a')).close();
  if (!isThere) await rm(path, { force: true });
}

function forPerson(evidence: Evidence, environment: Environment, out: string | null): string {
  const standing = standingOf(environment, evidence.connection);
  const { workspace, plan, requests, seconds } = evidence;
  const rows = answerLines(evidence.answers).map(([question, answer]) => [question, answer]);
  const where = workspace === null ? 'the workspace' : `the workspace ${workspace}`;
  return [
    formatTable(['question', 'answer'], rows),
    '',
    `${where}${plan === null ? '' : ` (${plan} plan)`}, API ${evidence.apiVersion}: ${requests} requests in ${seconds} s${out === null ? '' : `, written to ${out}`}`,
    `${assumptionsLine(assumptionsOf(evidence, standing, givenBy(environment)))}; a daemon at work goes by it within seconds`,
  ].join('\n');
}

const unwritable = (out: string, cause: unknown, state: string): PgnotionError =>
  new PgnotionError({
    code: 'evidence_unwritable',
    message: `${out} cannot be written, and ${state}: ${messageOf(cause)}`,
    remedy: 'name a file that can be written with `pgnotion doctor --probe --out FILE`',
    cause,
  });
