import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { Command, Option } from 'commander';
import { LISTED_KINDS } from '../model/mass-change.ts';
import type { Loaded } from './commands.ts';
import type { GuardedOptions } from './guarded.ts';
import { print, reportUsage, wantsJson } from './terminal.ts';

/** The program runs from its source, or from what was built of it, which lies a folder deeper. */
const PACKAGE = new URL(
  import.meta.url.endsWith('.ts') ? '../../package.json' : '../../../package.json',
  import.meta.url,
);

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { readonly version: string };
  return version;
}

type Globals = { readonly config: string; readonly json?: boolean };

export const program = new Command('pgnotion')
  .description('Keeps PostgreSQL tables and Notion databases the same, both ways.')
  .option('--config <file>', 'the configuration', 'pgnotion.config.ts')
  .option('--json', 'print data as JSON, and errors as JSON on stderr')
  .version(ownVersion(), '--version', 'print the version')
  .showHelpAfterError(wantsJson() ? false : '(see `pgnotion --help`)')
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({ outputError: reportUsage });

export const configFile = (): string => program.opts<Globals>().config;

/** Reads the configuration; `quiet`: the log is of no interest. */
export const load = async (quiet: boolean, lines: Writable | null = null): Promise<Loaded> =>
  (await import('./load.ts')).load(configFile(), quiet, lines);

export const json = (): boolean => program.opts<Globals>().json === true;

/** What a command says that it did. */
export const printDone = (message: string): Promise<void> =>
  print(json() ? JSON.stringify({ message }) : message);

/** Examples of each command, as they are typed; docs/reference.md has the same commands. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  init: [
    'pgnotion init',
    'pgnotion init --yes --tables public.suppliers,public.orders',
    'pgnotion init --from-notion',
  ],
  introspect: ['pgnotion introspect', 'pgnotion introspect --table public.suppliers'],
  plan: ['pgnotion plan', 'pgnotion plan --out plan.json'],
  apply: [
    'pgnotion apply',
    'pgnotion apply plan.json',
    'pgnotion apply plan.json --allow-destructive',
    'pgnotion apply --yes --config staging.config.ts',
  ],
  reset: ['pgnotion reset --yes', 'pgnotion reset suppliers --yes', 'pgnotion reset suppliers 42 --yes'],
  start: ['pgnotion start', 'pgnotion start --take-over', 'pgnotion start --read-only'],
  doctor: ['pgnotion doctor', 'pgnotion doctor --json', 'pgnotion doctor --probe --out evidence.json'],
  health: ['pgnotion health', 'pgnotion health --json'],
  status: [
    'pgnotion status',
    'pgnotion status --watch 5',
    'pgnotion status --json',
    'pgnotion status --slo --since 30d',
  ],
  resync: ['pgnotion resync', 'pgnotion resync suppliers'],
  pause: ['pgnotion pause suppliers', 'pgnotion pause'],
  resume: ['pgnotion resume suppliers', 'pgnotion resume'],
  'failures list': ['pgnotion failures list', 'pgnotion failures list --json'],
  'failures retry': ['pgnotion failures retry suppliers 42'],
  'drift list': ['pgnotion drift list', 'pgnotion drift list --table suppliers --json'],
  'guarded list': ['pgnotion guarded list'],
  'guarded approve': [
    'pgnotion guarded approve suppliers',
    'pgnotion guarded approve suppliers --kind deletion',
  ],
  'guarded reject': [
    'pgnotion guarded reject suppliers',
    'pgnotion guarded reject suppliers 42',
    'pgnotion guarded reject suppliers --kind pairing',
  ],
  'guarded pair': [
    'pgnotion guarded pair suppliers 42 https://www.notion.so/Ada-0123456789abcdef0123456789abcdef',
  ],
  'deletes list': ['pgnotion deletes list'],
  'deletes approve': ['pgnotion deletes approve suppliers'],
  'deletes reject': ['pgnotion deletes reject suppliers'],
  'webhook token': ['pgnotion webhook token'],
  'webhook reset': ['pgnotion webhook reset'],
  'conflicts list': ['pgnotion conflicts list', 'pgnotion conflicts list --all'],
  'conflicts show': ['pgnotion conflicts show 17'],
  'conflicts resolve': [
    'pgnotion conflicts resolve 17 --keep notion',
    "pgnotion conflicts resolve 17 --value '12.50' --by Ada",
  ],
  explain: ['pgnotion explain suppliers 42', `pgnotion explain order_lines '["7","1"]'`],
  rollback: [
    'pgnotion rollback --since 15m --actor Ada --dry-run',
    'pgnotion rollback --record suppliers 42 --to 2026-03-01T12:00:00Z',
  ],
  verify: [
    'pgnotion verify',
    'pgnotion verify --table suppliers --where "status = \'active\'" --json',
    'pgnotion verify --sample 200 --html report.html',
    'pgnotion verify --heal postgres --dry-run',
  ],
  sandbox: [
    'pgnotion sandbox',
    'pgnotion sandbox --port 7421 --journal notion.jsonl',
    'pgnotion sandbox --host 0.0.0.0 --port 7421',
  ],
  demo: ['pgnotion demo', 'pgnotion demo --fresh'],
};

/** What arguments mean wherever they stand. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  table: 'the name of a table in the configuration',
  key: "the row's primary key as text; of several columns a JSON array of texts",
  plan: 'the file of a plan, which must still hold',
  id: 'the number of the conflict, as `conflicts list` shows it',
};

export const EXIT_CODES =
  'Exit codes: 0 good, 1 an error, 2 differences were found or left, or a success criterion was missed.';

/** Gives every command its examples and says what its arguments are and how it ends. */
export function completeHelp(command: Command, path: readonly string[] = []): void {
  for (const argument of command.registeredArguments)
    argument.description ||= ARGUMENTS[argument.name()] ?? '';
  const examples = EXAMPLES[path.join(' ')] ?? [];
  const told =
    examples.length === 0 ? '' : `\nExamples:\n${examples.map((each) => `  $ ${each}`).join('\n')}\n`;
  command.addHelpText('after', `${told}\n${EXIT_CODES}`);
  for (const inner of command.commands) completeHelp(inner, [...path, inner.name()]);
}

/** What a person does with the changes that wait; `deletes` is the group's former name. */
export function addGuardedCommands(guarded: Command, deletes: Command): void {
  for (const command of [guarded, deletes]) {
    command
      .command('list')
      .description('what each would do, and why it waits')
      .action(async () => {
        const { guardedCommand } = await import('./guarded.ts');
        await print(await guardedCommand(await load(true), json()));
      });
    for (const [name, description] of [
      ['approve', 'let them cross: all of a table, or those of one record'],
      ['reject', 'refuse them: pages and rows stay as they were; trashed or emptied pages are restored'],
    ] as const) {
      command
        .command(name)
        .argument('<table>')
        .argument('[key]')
        .addOption(new Option('--kind <kind>', 'only these').choices(LISTED_KINDS))
        .option('--field <property>', 'only clearings of this property')
        .description(description)
        .action(async (table: string, key: string | undefined, options: GuardedOptions) => {
          const { decideGuardedCommand } = await import('./guarded.ts');
          await printDone(
            await decideGuardedCommand(await load(true), name, { ...options, table, key: key ?? null }),
          );
        });
    }
  }

  guarded
    .command('pair')
    .argument('<table>')
    .argument('<key>')
    .argument('<page>', "the page's id or address")
    .description('join a page that matches several rows, or is one of several that match, with this row')
    .action(async (table: string, key: string, page: string) => {
      const { pairCommand } = await import('./guarded.ts');
      await printDone(await pairCommand(await load(true), { table, key, page }));
    });
}
