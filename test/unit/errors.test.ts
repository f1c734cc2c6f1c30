import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { entries, errorPage } from '../support/error-page.ts';
import { codesNamed, commandsIn, sourceErrors, sources, sqlSources } from '../support/source-errors.ts';

const ROOT = resolve(import.meta.dirname, '../..');

describe('docs/errors.md', () => {
  test('is what the source says', async () => {
    await expect(errorPage()).toMatchFileSnapshot('../../docs/errors.md');
  });

  test('has every code that the source names, each with a cause and a remedy', () => {
    const codes = entries.map(({ code }) => code);
    expect([...codesNamed].filter((code) => !codes.includes(code))).toEqual([]);
    expect(codes.length).toBeGreaterThan(120);
    const bare = entries.filter(({ messages, remedies }) => messages.length === 0 || remedies.length === 0);
    expect(bare.map(({ code }) => code)).toEqual([]);
  });
});

test('messages and remedies have one style: they begin with a small letter or a name, and have no full stop', () => {
  const begins = /^(?:[a-z(`…"•]|PostgreSQL|Notion|SQL|[A-Z]{3,}|UUID)/;
  const ends = /[^.]$/;
  const wrong = sourceErrors.flatMap(({ path, message, remedy }) =>
    [message ?? 'x', remedy].flatMap((text) =>
      text
        .split('; or: ')
        .filter((each) => !begins.test(each) || !ends.test(each))
        .map((each) => `${path}: ${each}`),
    ),
  );
  expect(wrong).toEqual([]);
});

/** What a command takes, as its help says. */
type Usage = { readonly arguments: readonly string[]; readonly options: ReadonlyMap<string, boolean> };

async function usageOf(command: readonly string[]): Promise<Usage> {
  const main = join(ROOT, 'src/cli/main.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...command, '--help']);
  const [, usage = ''] = /^Usage: pgnotion (.*)$/m.exec(stdout) ?? [];
  if (!usage.startsWith(`${command.join(' ')} `)) throw new Error(`there is no command ${command.join(' ')}`);
  const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)( <)?/gm)];
  return {
    arguments: [...usage.matchAll(/[<[](\w+)(?:\.\.\.)?[>\]]/g)]
      .map(([whole]) => whole)
      .filter((each) => each !== '[options]'),
    options: new Map(options.map(([, name = '', value]) => [name, value !== undefined])),
  };
}

/** Commands that have commands of their own. */
const GROUPS = ['failures', 'guarded', 'deletes', 'webhook', 'conflicts'];

/** The faults of one command, as a text says it is to be typed. */
function faultsOf(words: readonly string[], usage: Usage, complete: boolean): string[] {
  const faults: string[] = [];
  let given = 0;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (!word.startsWith('--')) given += 1;
    else if (['--config', '--json'].includes(word)) at += word === '--config' ? 1 : 0;
    else if (!usage.options.has(word)) faults.push(`has no option ${word}`);
    else if (usage.options.get(word)) at += 1;
  }
  const needed = usage.arguments.filter((each) => each.startsWith('<')).length;
  if (complete && given < needed) faults.push(`needs ${usage.arguments.join(' ')}`);
  if (complete && given > usage.arguments.length) faults.push('takes fewer arguments');
  return faults;
}

test('every command that a text of the source or a document names exists, with its options and arguments', async () => {
  const documents = [
    'README.md',
    ...readdirSync(join(ROOT, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  const texts = [
    ...sources,
    ...sqlSources,
    ...documents.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })),
  ];
  const named = texts.flatMap(({ path, text }) => commandsIn(text).map((command) => ({ path, command })));
  expect(named.length).toBeGreaterThan(100);
  const partsOf = (
    command: string,
  ): { readonly name: readonly string[]; readonly words: readonly string[] } => {
    const words = command.split(' ');
    const length = GROUPS.includes(words[0] ?? '') && words.length > 1 ? 2 : 1;
    return { name: words.slice(0, length), words: words.slice(length) };
  };
  const names = [...new Set(named.map(({ command }) => partsOf(command).name.join(' ')))].filter(
    (name) => !GROUPS.includes(name),
  );
  const usages = new Map<string, Usage>();
  for (const name of names) usages.set(name, await usageOf(name.split(' ')));
  const faults = named.flatMap(({ path, command }) => {
    const { name, words } = partsOf(command);
    const usage = usages.get(name.join(' '));
    // A document may speak of a command without saying all of it; a text of the source is there to be typed.
    const complete = !path.endsWith('.md') && path !== 'src/cli/main.ts';
    return usage === undefined
      ? []
      : faultsOf(words, usage, complete).map((fault) => `${path}: ${command}: ${fault}`);
  });
  expect([...new Set(faults)]).toEqual([]);
});
