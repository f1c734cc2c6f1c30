import {
  applyToNotion,
  type Installation,
  knownSources,
  openInstallation,
  openNotion,
} from '../app/connections.ts';
import { ownInstallation } from '../app/installation-identity.ts';
import { checkTables } from '../app/readiness.ts';
import { carryOut } from '../app/removals.ts';
import { moveTables, priceOf, type Repointed, repointedTables } from '../app/repoint.ts';
import { applyReportDatabases } from '../app/report-databases.ts';
import { keepWorkspace, meetWorkspace } from '../app/same-workspace.ts';
import { databaseVariable, type Environment } from '../config/environment.ts';
import type { Config } from '../config/mapping-file.ts';
import { PgnotionError } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { editableKey, keyWarning } from '../model/plan-warnings.ts';
import { isRemovable, type TellRemoval } from '../model/removals.ts';
import type { NotionClient } from '../notion/client.ts';
import type { Resolving } from '../postgres/resolve-each.ts';
import { refusedError } from '../reconcile/publication.ts';
import type { Log } from '../runtime/log.ts';
import { driftEntries } from '../state/drift.ts';
import { createStore, type Sql } from '../state/sql.ts';
import { reportLine, tableLine } from './apply-lines.ts';
import { type ContactReport, contactLines, reportContacts } from './first-contact.ts';
import { confirmRemovals, keepLeftOver, removalEntries, removedLines } from './removals.ts';

export type Loaded = { readonly config: Config; readonly environment: Environment; readonly log: Log };

/** Opens the installation for one command, and closes it whatever happens. */
export async function within<T>(
  loaded: Loaded,
  work: (installation: Installation) => Promise<T>,
  resolving: Resolving = 'each',
): Promise<T> {
  const installation = await openInstallation(loaded.config, loaded.environment, loaded.log, { resolving });
  try {
    return await work(installation);
  } finally {
    await installation.close();
  }
}

export const withState = <T>(loaded: Loaded, work: (sql: Sql) => Promise<T>): Promise<T> =>
  within(loaded, ({ pool }) => work(createStore(pool, 0)), 'none');

/** Asks a person, and throws unless the answer is yes; false where there is no terminal to ask on. */
export type Confirm = (question: string) => Promise<boolean>;

/**
 * Creates and completes the databases in Notion. Returns lines for an `.env` file, or JSON. Moving a table to another
 * database has its pages made anew, which has to be confirmed.
 */
export const applyCommand = async (
  loaded: Loaded,
  asJson: boolean,
  confirm: Confirm,
  { takeOver = false, allowDestructive = false, isPlanned = false, tell }: ApplyFlags,
): Promise<string> => {
  // With it comes all that doctor looks at, which other commands do not need.
  const { assertCanApply } = await import('../app/apply-checks.ts');
  const removals = await assertCanApply(loaded, takeOver);
  if (allowDestructive && !isPlanned) await confirmRemovals(removals, confirm);
  const meant = { takeOver, removals, allowDestructive, tell };
  return within(loaded, (installation) => applyAll(installation, asJson, confirm, meant), 'all');
};

type ApplyFlags = {
  readonly takeOver?: boolean;
  /** Removes what the configuration has no place for any more. */
  readonly allowDestructive?: boolean;
  /** A person has seen the plan that says so. */
  readonly isPlanned?: boolean;
  /** Tells whoever waits what it waits for. */
  readonly tell: (text: string) => void;
};

type Meant = Required<Pick<ApplyFlags, 'takeOver' | 'allowDestructive' | 'tell'>> & {
  readonly removals: readonly TellRemoval[];
};

async function applyAll(
  installation: Installation,
  asJson: boolean,
  confirm: Confirm,
  { takeOver, removals, allowDestructive, tell }: Meant,
): Promise<string> {
  await ownInstallation(installation, takeOver);
  const { notion, throttle } = openNotion(installation);
  try {
    const sql = createStore(installation.pool, 0);
    const self = await meetWorkspace(sql, notion);
    await moveIfMeant(installation, notion, confirm, takeOver);
    if (allowDestructive) await carryOut(installation, notion, removals);
    const applied = await applyToNotion(installation, notion, { takeOver, tell });
    await keepWorkspace(sql, self);
    const faulty = applied.filter(({ faults }) => faults.length > 0);
    if (faulty.length > 0) throw (await import('../app/apply-checks.ts')).notionFaults(faulty);
    const reports = await applyReportDatabases(installation, notion, tell);
    const contacts = await reportContacts(installation, notion);
    const left = allowDestructive ? removals.filter((each) => !isRemovable(each)) : removals;
    await keepLeftOver(sql, installation.config, left);
    const drift = await driftEntries(sql);
    const refused = [...(await checkTables(installation, 'to-suspend')).values()].flat();
    if (refused.length > 0) throw refusedError(refused);
    const told = applied
      .map(({ schema: _, identified: __, made: ___, ...rest }) => rest)
      .map(withContact(contacts));
    const keys = editableKeys(installation.tables.values());
    if (asJson)
      return JSON.stringify(
        [
          ...told.map((one) => ({ ...one, ...keys.get(one.table) })),
          ...reports,
          ...removalEntries(removals, allowDestructive),
        ],
        null,
        2,
      );
    const lines = [...applied.map(tableLine), ...reports.map(reportLine)];
    for (const [table, { editableKey: own }] of keys) lines.push(`# ${table}: ${keyWarning(own)}`);
    lines.push(...removedLines(removals, allowDestructive));
    const { driftLines } = await import('./drift.ts');
    lines.push(...driftLines(drift).map((line) => `# ${line}`));
    return [...contactLines(contacts), ...lines].join('\n');
  } finally {
    await throttle.stop();
  }
}

/** Tables whose key people can change in Notion, with the properties that hold it. */
function editableKeys(
  tables: Iterable<ResolvedTable>,
): ReadonlyMap<TableName, { readonly editableKey: readonly string[] }> {
  const found = [...tables].map((table) => [table.name, { editableKey: editableKey(table) }] as const);
  return new Map(found.filter(([, { editableKey: properties }]) => properties.length > 0));
}

const withContact =
  (contacts: readonly ContactReport[]) =>
  <T extends { readonly table: TableName }>(applied: T): T & Partial<ContactReport> => ({
    ...applied,
    ...contacts.find(({ table }) => table === applied.table),
  });

async function moveIfMeant(
  installation: Installation,
  notion: NotionClient,
  confirm: Confirm,
  takeOver: boolean,
): Promise<void> {
  const moved = await repointedTables(installation, await knownSources(installation, notion));
  if (moved.length === 0) return;
  const price = priceOf(installation, moved);
  if (!(await confirm(price))) throw moveUnconfirmed(price, moved);
  await moveTables(installation, notion, moved, takeOver);
}

const moveUnconfirmed = (price: string, moved: readonly Repointed[]): PgnotionError =>
  new PgnotionError({
    code: 'notion_move_unconfirmed',
    message: `tables would be moved to other databases, and nothing was done:\n${price}`,
    remedy: `stop the daemon and run \`pgnotion apply --yes\` if that is meant; if not, take ${moved.map(({ table }) => databaseVariable(table)).join(', ')} out of the environment`,
  });
