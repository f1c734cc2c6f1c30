import { type Command, Option } from 'commander';
import type { InitOptions } from './init.ts';
import type { IntrospectOptions } from './introspect.ts';
import { configFile, json, load } from './program.ts';
import { ask, print, stopSignal, tell } from './terminal.ts';

type Globals = { readonly config: string; readonly json?: boolean };

/** The commands that work before there is a configuration. */
export function addSetupCommands(program: Command): void {
  const globals = () => {
    const { config: file, json = false } = program.opts<Globals>();
    return { file, json };
  };
  program
    .command('init')
    .option('--database-url <url>', 'PostgreSQL; asked for on a terminal if left out')
    .option('--token <token>', "the connection's token in Notion")
    .option('--parent <page>', 'the page in Notion under which databases are created: its id or address')
    .option('--tables <names>', 'the tables, as schema.table, with commas between them; all if left out')
    .addOption(fromNotion())
    .option('--yes', 'ask nothing, and write')
    .description('write a configuration and .env; beside a configuration, tell what is new in the database')
    .action(async (options: InitOptions) => {
      const { runInit } = await import('./run-init.ts');
      await runInit(options, globals());
    });
  program
    .command('introspect')
    .option('--table <name...>', 'only these tables, as schema.table')
    .addOption(fromNotion())
    .description('print a configuration for the tables that the database has')
    .action(async (options: IntrospectOptions) => {
      const { runIntrospect } = await import('./introspect.ts');
      await runIntrospect(options, globals());
    });
}

const fromNotion = (): Option =>
  new Option(
    '--from-notion',
    'take over the names and types of the databases that are below the page already',
  );

const takeOverOption = (): Option =>
  new Option(
    '--take-over',
    'go on with the databases of an installation that is gone: restored, moved, upgraded',
  );

type ApplyOptions = {
  readonly yes?: boolean;
  readonly takeOver?: boolean;
  readonly allowDestructive?: boolean;
};

export function addApplyCommands(program: Command): void {
  program
    .command('plan')
    .option('--out <file>', 'keep it in this file, for `apply`')
    .description('tell what apply and the first sync would do, and what they cost; nothing is changed')
    .action(async ({ out = null }: { readonly out?: string | null }) => {
      const { planCommand } = await import('./plan.ts');
      const plan = await planCommand(await load(true), { json: json(), out, tell });
      await print(plan.text);
      if (!plan.inSync) process.exitCode = 2;
    });

  program
    .command('apply')
    .argument('[plan]', 'the file of a plan, which must still hold')
    .description('create what is missing in Notion, and print the ids of the databases')
    .option('--yes', 'move tables whose database is another one now: their pages are made anew')
    .option('--allow-destructive', 'remove what the plan lists as kept; otherwise nothing is ever removed')
    .addOption(takeOverOption())
    .action(async (plan: string | undefined, { yes = false, ...flags }: ApplyOptions) => {
      const { applyCommand } = await import('./commands.ts');
      const loaded = await load(true);
      if (plan !== undefined) await (await import('./plan.ts')).assertPlanHolds(loaded, plan, tell);
      const confirm = async (question: string): Promise<boolean> => yes || ask(question);
      await print(
        await applyCommand(loaded, json(), confirm, { ...flags, isPlanned: plan !== undefined, tell }),
      );
    });
}

type DoctorOptions = { readonly probe?: boolean; readonly out: string };

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .option(
      '--probe',
      'measure what Notion does in this workspace, on a scratch page, in at most 60 requests',
    )
    .option('--out <file>', 'with --probe: the file that gets what was found', 'evidence.json')
    .description(
      'check every precondition at both ends, each with what was seen and its fix; changes nothing',
    )
    .action(async ({ probe = false, out }: DoctorOptions) => {
      if (probe) return probeWorkspace(out);
      const { doctorCommand } = await import('./doctor.ts');
      const { text, code } = await doctorCommand(configFile(), json());
      process.exitCode = code;
      await print(text);
    });
}

async function probeWorkspace(out: string): Promise<void> {
  const { probeCommand } = await import('./probe.ts');
  // Its removal may have to wait for a whole window of the rate limit.
  const signal = stopSignal({
    patienceMs: 75_000,
    left: 'the next `pgnotion doctor` removes the scratch page',
  });
  await probeCommand(await load(true), { json: json(), out, signal, tell, print });
}

/** What is noticed of either schema. */
export function addDriftCommand(drift: Command): void {
  drift
    .command('list')
    .description('each with what it pauses, since when, and what settles it')
    .option('--table <name>', 'that of one table')
    .action(async ({ table = null }: { readonly table?: string | null }) => {
      const { driftCommand } = await import('./drift.ts');
      await print(await driftCommand(await load(true), table, json()));
    });
}
