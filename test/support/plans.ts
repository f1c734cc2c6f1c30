import { type MadePlan, makePlan } from '../../src/app/plan.ts';
import type { Loaded } from '../../src/cli/commands.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import type { SyncPlan, TablePlan } from '../../src/model/sync-plan.ts';
import { silentLog } from '../../src/runtime/log.ts';
import type { CliStage } from './cli-stage.ts';

/** What a command of the stage works with, in this process. */
export const loadedOf = (
  cli: Pick<CliStage, 'variables' | 'config'>,
  variables: Readonly<Record<string, string>> = {},
  config = cli.config,
): Loaded => ({
  config,
  environment: readEnvironment({ ...cli.variables, ...variables }, config),
  log: silentLog(),
});

export const planOf = (cli: CliStage): Promise<MadePlan> => makePlan(loadedOf(cli), () => undefined);

export const tableOf = (plan: SyncPlan, name: string): TablePlan => {
  const found = plan.tables.find(({ table }) => table === name);
  if (found === undefined) throw new Error(`no plan of ${name}`);
  return found;
};

/** How many there are of each kind that there are any of. */
export const countsOf = (plan: SyncPlan, name: string): Record<string, number> =>
  Object.fromEntries(
    Object.entries(tableOf(plan, name).kinds).flatMap(([kind, { count }]) =>
      count > 0 ? [[kind, count]] : [],
    ),
  );

/** The same slot and plug-in as the stage's, with other tables. */
export const otherConfig = (cli: CliStage, input: ConfigInput): Loaded['config'] =>
  parseConfig({ slot: cli.config.slot, plugin: cli.config.plugin, syncLog: { level: 'off' }, ...input });
