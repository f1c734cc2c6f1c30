#!/usr/bin/env node
import { Option } from 'commander';
import { HEAP_GROWTH_PERCENT, limitHeapGrowth } from '../runtime/heap.ts';
import type { ResolveOptions } from './conflicts.ts';
import { addGuardedCommands, completeHelp, configFile, json, load, printDone, program } from './program.ts';
import type { RollbackArguments } from './rollback.ts';
import { addApplyCommands, addDoctorCommand, addDriftCommand, addSetupCommands } from './setup-commands.ts';
import { ask, end, endQuietlyWithReader, print, report, stopSignal } from './terminal.ts';
import { addVerifyCommand } from './verify-command.ts';

// What a command works with is loaded when it runs: help needs nothing of it, and a daemon nothing of the others.
// Loading makes garbage too, so the heap is told first; the environment is known later.
limitHeapGrowth(HEAP_GROWTH_PERCENT);

addSetupCommands(program);

addApplyCommands(program);

program
  .command('reset')
  .argument(
    '[table]',
    'all of the installation if left out: for another workspace, or for a copy of a database',
  )
  .argument('[key]', "one record's page that is hidden or moved for good; all of the table if left out")
  .option('--yes', 'do it without asking')
  .description(
    'forget which page is which row, and with all of it the slot and the publication; never a page or a row',
  )
  .action(
    async (
      table: string | undefined,
      key: string | undefined,
      { yes = false }: { readonly yes?: boolean },
    ) => {
      const { resetAllCommand, resetCommand } = await import('./reset.ts');
      const confirm = async (question: string): Promise<boolean> => yes || ask(question);
      const loaded = await load(true);
      const { message, data } =
        table === undefined
          ? await resetAllCommand(loaded, confirm)
          : await resetCommand(loaded, table, key ?? null, confirm);
      await print(json() ? JSON.stringify({ message, ...data }) : message);
    },
  );

type StartOptions = { readonly takeOver?: boolean; readonly readOnly?: boolean };

program
  .command('start')
  .description('sync until stopped')
  .option(
    '--take-over',
    'go on with the databases of an installation that is gone: restored, moved or upgraded',
  )
  .option('--read-only', 'have the dashboard and the API change nothing; the sync goes on as ever')
  .action(async ({ takeOver = false, readOnly = false }: StartOptions) => {
    const bar =
      process.stderr.isTTY && !json() ? (await import('./first-sync.ts')).createBar(process.stderr) : null;
    const loaded = await load(false, bar?.lines ?? null);
    const { runDaemon } = await import('../app/daemon.ts');
    const { onAbort } = await import('../runtime/signal.ts');
    const stop = stopSignal();
    // What is told while it stops, and an error at its end, stand on lines of their own.
    using _ = bar && onAbort(stop, bar.end);
    try {
      await runDaemon(
        { ...loaded, takeOver, readOnlyPort: readOnly, ...(bar && { showProgress: bar.show }) },
        stop,
      );
    } finally {
      bar?.end();
    }
  });

addDoctorCommand(program);

type StatusOptions = { readonly watch?: string | true; readonly slo?: boolean; readonly since?: string };

program
  .command('health')
  .description('whether the daemon beside this process is alive, for health checks')
  .action(async () => {
    const { healthCommand } = await import('./health.ts');
    await print(await healthCommand(configFile(), json()));
  });

program
  .command('status')
  .option('--watch [seconds]', 'again and again, every 1 to 3600 seconds (2 if left out), until q or Ctrl-C')
  .addOption(new Option('--slo', 'how the success criteria were met instead').conflicts('watch'))
  .option('--since <time>', 'with --slo: 2026-03-01T12:00:00Z, or 24h, 30d ago (7d if left out)')
  .description('the daemon, Notion, the slot; a line per table: what is linked, waits, failed')
  .action(async ({ watch, slo, since }: StatusOptions) => {
    const loaded = await load(true);
    if (slo === true || since !== undefined) {
      const { text, isMet } = await (await import('./slo.ts')).sloCommand(loaded, since, json());
      if (!isMet) process.exitCode = 2;
      return print(text);
    }
    if (watch === undefined) return print(await (await import('./status.ts')).statusCommand(loaded, json()));
    const { watchStatus } = await import('./status-watch.ts');
    const stop = stopSignal();
    const screen = json() ? null : await terminalScreen();
    await watchStatus(loaded, { seconds: watch, json: json(), screen, print }, stop);
  });

/** Null where the output goes elsewhere than to a terminal. */
async function terminalScreen() {
  if (!process.stdout.isTTY) return null;
  const { createScreen } = await import('./screen.ts');
  const input = process.stdin.isTTY ? process.stdin : null;
  return createScreen({ input, output: process.stdout }, () => process.emit('SIGINT', 'SIGINT'));
}

program
  .command('resync')
  .argument('[table]', 'one table; all if left out')
  .description('compare every row and page again, and write what differs')
  .action(async (table?: string) => {
    const { resyncCommand } = await import('./operator.ts');
    await printDone(await resyncCommand(await load(true), table ?? null));
  });

for (const [name, description] of [
  ['pause', 'stop delivering and polling a table, or all; its changes wait'],
  ['resume', 'go on with a paused table, or with all that were paused'],
] as const) {
  program
    .command(name)
    .argument('[table]', 'one table; all if left out')
    .description(description)
    .action(async (table?: string) => {
      const { pauseCommand } = await import('./operator.ts');
      await printDone(await pauseCommand(await load(true), name, table ?? null));
    });
}

const failures = program
  .command('failures')
  .description('records that could not be synced, with reason and remedy');
failures
  .command('list')
  .description('each with what its page says, what to do, and when it failed and is tried again')
  .action(async () => {
    const { failuresCommand } = await import('./failures.ts');
    await print(await failuresCommand(await load(true), json()));
  });
failures
  .command('retry')
  .description('try one again now')
  .argument('<table>')
  .argument('<key>')
  .action(async (table: string, key: string) => {
    const { retryCommand } = await import('./operator.ts');
    await printDone(await retryCommand(await load(true), table, key));
  });

const drift = program.command('drift').description('what is noticed of either schema');
addDriftCommand(drift);

const guarded = program
  .command('guarded')
  .description('changes that wait for a person, because they are so many');
const deletes = program.command('deletes').description('the former name of `guarded`');
addGuardedCommands(guarded, deletes);

const webhook = program.command('webhook').description("Notion's webhooks, which make edits arrive at once");
webhook
  .command('token')
  .description('the token of the last handshake, to be pasted into Notion')
  .action(async () => {
    const { webhookTokenCommand } = await import('./webhook.ts');
    await print(await webhookTokenCommand(await load(true), json()));
  });
webhook
  .command('reset')
  .description('forget the token, and take the next handshake')
  .action(async () => {
    const { webhookResetCommand } = await import('./webhook.ts');
    await printDone(await webhookResetCommand(await load(true)));
  });

const conflicts = program
  .command('conflicts')
  .description('what both sides changed and a person has to decide');
conflicts
  .command('list')
  .description('those that wait for a decision')
  .option('--all', 'also what is over, with its decision')
  .action(async (options: { readonly all?: boolean }) => {
    const { conflictsCommand } = await import('./conflicts.ts');
    await print(await conflictsCommand(await load(true), options.all === true, json()));
  });
conflicts
  .command('show')
  .description('one conflict, with the base and the values of both sides')
  .argument('<id>')
  .action(async (id: string) => {
    const { showConflictCommand } = await import('./conflicts.ts');
    await print(await showConflictCommand(await load(true), id, json()));
  });
conflicts
  .command('resolve')
  .description('decide a conflict')
  .argument('<id>')
  .addOption(new Option('--keep <side>', 'whose value stays').choices(['postgres', 'notion']))
  .option('--value <json>', "a value for both instead, as the row's column holds it")
  .option('--by <name>', 'who decides; the name that you are logged in with if left out')
  .action(async (id: string, options: ResolveOptions) => {
    const { resolveConflictCommand } = await import('./conflicts.ts');
    await printDone(await resolveConflictCommand(await load(true), id, options));
  });

program
  .command('explain')
  .argument('<table>')
  .argument('<key>')
  .description("a record's journey, newest first, and what it waits for")
  .action(async (table: string, key: string) => {
    const { explainCommand } = await import('./explain.ts');
    await print(await explainCommand(await load(true), table, key, json()));
  });

program
  .command('rollback')
  .description('take changes back in the rows; the pages follow')
  .option('--operation <id>', 'one operation, as `explain` and `recent_operations` number them')
  .option('--record <table-key...>', "one record's last change, or all changes after --to")
  .option('--to <time>', 'the time to which the record goes back')
  .option('--since <time>', 'all changes since then: 2026-03-01T12:00:00Z, or 15m, 2h, 3d ago')
  .option('--until <time>', 'no later ones')
  .option('--table <name>', 'those of one table')
  .option('--actor <who>', "one person's, by name or id")
  .option('--possible', 'with --actor: also what that person is only one of several who may have done it')
  .option('--run <id>', 'what another rollback did')
  .option('--dry-run', 'only tell what would change, and what it costs')
  .option('--force', 'also what somebody changed since, and deletions beyond the guard')
  .action(async (given: RollbackArguments) => {
    const { rollbackCommand } = await import('./rollback.ts');
    const whole = await rollbackCommand(await load(true), given, json(), print);
    if (!whole) process.exitCode = 2;
  });

addVerifyCommand(program);

program
  .command('sandbox')
  .description('a double of the Notion API, with a page to edit in')
  .option('--port <number>', 'a free one if left out', '0')
  .option('--host <address>', 'where it listens; 0.0.0.0 for all addresses of the machine', '127.0.0.1')
  .option('--journal <file>', 'keep the workspace in this file')
  .action(async (options: { readonly host: string; readonly port: string; readonly journal?: string }) => {
    const { runSandbox } = await import('../sandbox/command.ts');
    const { host, port, journal = null } = options;
    await runSandbox({ host, port, journal, json: json() }, print, stopSignal());
  });

program
  .command('demo')
  .description('everything embedded: PostgreSQL, the Notion sandbox, sample data, the daemon')
  .option('--fresh', 'start over')
  .action(async (options: { readonly fresh?: boolean }) => {
    const { runDemo } = await import('../sandbox/demo.ts');
    const { fresh = false } = options;
    await runDemo({ fresh, json: json(), print: printDone }, stopSignal());
  });

completeHelp(program);
endQuietlyWithReader();
try {
  await program.parseAsync();
  // A pool or a timer that was left behind must not keep a finished command alive.
  await end(process.exitCode ?? 0);
} catch (error) {
  report(error, json());
  await end(1);
}
