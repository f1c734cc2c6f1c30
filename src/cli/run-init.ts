import { resolve } from 'node:path';
import { readEnvFiles } from './env-files.ts';
import { cancelled, type InitOptions, initCommand, type Questions, unasked } from './init.ts';
import { importConfig } from './load.ts';
import { note, print, report } from './terminal.ts';

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
  const place = { file: path, variables: process.env, load: () => importConfig(path), note };
  const outcome = isAsked
    ? await cancellable(questions, json, (asked) => initCommand(options, asked, place))
    : await initCommand(options, questions, place);
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

/** Between two questions Ctrl-C is a signal, and means what it means in one, until something is written. */
async function cancellable<T>(
  questions: Questions,
  json: boolean,
  work: (questions: Questions) => Promise<T>,
): Promise<T> {
  const cancel = (): void => {
    report(cancelled(), json);
    process.exit(1);
  };
  process.on('SIGINT', cancel);
  try {
    return await work({
      ...questions,
      mayWrite: async (files) => {
        const may = await questions.mayWrite(files);
        if (may) process.off('SIGINT', cancel);
        return may;
      },
    });
  } finally {
    process.off('SIGINT', cancel);
  }
}

/** As `doctor` checks it. */
async function check(path: string, json: boolean) {
  const { doctorCommand } = await import('./doctor.ts');
  const { text, code } = await doctorCommand(path, json);
  return { text, code, data: json ? (JSON.parse(text) as Readonly<Record<string, unknown>>) : {} };
}
