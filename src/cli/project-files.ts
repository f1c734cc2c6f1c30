import { existsSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { missingLines } from '../config/env-file.ts';

/** The text of a file; empty if there is none. */
const textOf = async (file: string): Promise<string> => (existsSync(file) ? readFile(file, 'utf8') : '');

/**
 * Gives a `.env` file the variables that it lacks, and leaves the others as they are. Only its owner may read it afterwards.
 * Returns whether anything was added, and which variables have another value there.
 */
export async function addToEnvFile(
  file: string,
  wanted: Readonly<Record<string, string>>,
): Promise<{ readonly added: boolean; readonly kept: readonly string[] }> {
  const text = await textOf(file);
  const present = parseEnv(text);
  const kept = Object.keys(wanted).filter((name) => present[name] && present[name] !== wanted[name]);
  const lines = missingLines(text, wanted);
  if (lines === '') return { added: false, kept };
  // Before the secrets are in it, if it is there already.
  if (existsSync(file)) await chmod(file, 0o600);
  await writeFile(file, lines, { flag: 'a', mode: 0o600 });
  return { added: true, kept };
}

const IGNORES_ENV = /^\/?(?:\*\*\/)?(?:\.env\*?|\*\.env)\s*$/m;

/** Makes sure that a git repository does not take a `.env` file in. Returns whether it had to. */
export async function ignoreEnvFile(folder: string): Promise<boolean> {
  const root = repositoryOf(folder);
  if (root === null) return false;
  const here = join(folder, '.gitignore');
  const text = await textOf(here);
  if (IGNORES_ENV.test(text) || IGNORES_ENV.test(await textOf(join(root, '.gitignore')))) return false;
  await writeFile(here, `${text === '' || text.endsWith('\n') ? '' : '\n'}.env\n`, { flag: 'a' });
  return true;
}

function repositoryOf(folder: string): string | null {
  if (existsSync(join(folder, '.git'))) return folder;
  const above = dirname(folder);
  return above === folder ? null : repositoryOf(above);
}
