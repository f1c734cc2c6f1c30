import { resolve } from 'node:path';
import { type InitOptions, initCommand, unasked } from './init.ts';
import { importConfig, readEnvFiles } from './load.ts';
import { note, print } from './terminal.ts';

type Globals = {
  readonly file: string;
  readonly json: boolean;
  /** The commands that there are. */
  readonly commands: readonly string[];
};

/** `init` as it is run: by questions on a terminal, by what is given elsewhere. */
export async function runInit(options: InitOptions, { file, json, commands }: Globals): Promise<void> {
  const path = resolve(file);
  readEnvFiles(path);
  const yes = options.yes === true;
  const isAsked = !yes && process.stdin.isTTY === true && process.stdout.isTTY === true;
  // The prompts are loaded by who is asked alone.
  const questions = isAsked ? (await import('./init-wizard.ts')).wizard() : unasked(yes);
  const { text, data, differs } = await initCommand(options, questions, {
    file: path,
    variables: process.env,
    load: () => importConfig(path),
    note,
    first: ['doctor', 'plan'].filter((name) => commands.includes(name)),
  });
  await print(json ? JSON.stringify(data, null, 2) : text);
  if (differs) process.exitCode = 2;
}
