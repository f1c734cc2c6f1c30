import { type Command, Option } from 'commander';
import { json, load } from './program.ts';
import { print, tell } from './terminal.ts';
import type { VerifyArguments } from './verify.ts';

/** The command that compares both sides. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .option('--table <name...>', 'only these tables')
    .option('--where <condition>', 'only rows that meet this condition in SQL; of one table')
    .option('--sample <number>', 'only so many rows of each table, at random')
    .option('--html <file>', 'write the report as a page that needs nothing else')
    .addOption(
      new Option(
        '--heal <side>',
        'have the daemon carry over what this side holds, where they differ',
      ).choices(['postgres', 'notion']),
    )
    .option('--dry-run', 'with --heal: only tell what it would do')
    .description('compare both sides record by record, and tell what differs; changes neither without --heal')
    .action(async (given: VerifyArguments) => {
      const { verifyCommand } = await import('./verify.ts');
      const { text, same } = await verifyCommand(await load(true), { ...given, json: json(), tell });
      await print(text);
      if (!same) process.exitCode = 2;
    });
}
