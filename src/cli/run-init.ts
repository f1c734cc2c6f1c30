import { resolve } from 'node:path';
import { readEnvFiles } from './env-files.ts';
import { type InitOptions, initCommand, unasked } from './init.ts';
import { importConfig } from './load.ts';
import { note, print } from './terminal.ts';

/** `init` as it is run: by questions on a terminal, by what is given elsewhere. What it wrote is checked at both ends. */
export async function runInit(
  options: InitOptions,
  { file, json }: { readonly file: string; readonly json: boolean },
): Promise<void> {
  const path = resolve(file);
  readEnvFiles(path);
  const yes = options.yes === true;
  const isAsked = !yes && process.stdin.isTTY === true && process.stdout.isTTY === true;
  // The prompts are loaded by who is asked alone.
  const questions = isAsked ? (await import('./init-wizard.ts')).wizard() : unasked(yes);
  const outcome = await initCommand(options, questions, {
    file: path,
    variables: process.env,
    load: () => importConfig(path),
    note,
  });
  const { text, data } = outcome;
  if (outcome.kind === 'compared') {
    await print(json ? JSON.stringify(data, null, 2) : text);
    if (outcome.differs) process.exitCode = 2;
    return;
  }
  if (!json) await print(`${text}\n`);
  const checked = outcome.isWhole ? await check(path, json) : null;
  if (json) await print(JSON.stringify({ ...data, ...checked?.data }, null, 2));
  else await print([...(checked === null ? [] : [checked.text, '']), outcome.next].join('\n'));
  // Warnings are told, and are no difference that was found.
  if (checked?.code === 1) process.exitCode = 1;
}

/** As `doctor` checks it. */
async function check(path: string, json: boolean) {
  const { doctorCommand } = await import('./doctor.ts');
  const { text, code } = await doctorCommand(path, json);
  return { text, code, data: json ? (JSON.parse(text) as Readonly<Record<string, unknown>>) : {} };
}
