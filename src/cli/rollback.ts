import { unknownTable } from '../app/operator.ts';
import { rollBackWith } from '../app/undo-operation.ts';
import { PgnotionError } from '../model/errors.ts';
import { type RowKey, type TableName, tableName } from '../model/ids.ts';
import { requestsFor } from '../model/rollback.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import type { RollbackResult } from '../reconcile/rollback.ts';
import type { UndoEntry } from '../reconcile/undo-entries.ts';
import { currentRole } from '../state/operator.ts';
import { createStore } from '../state/sql.ts';
import type { UndoSelection } from '../state/undo.ts';
import { type Loaded, within } from './commands.ts';
import { timeOf } from './time.ts';

/** As they stand on the command line. */
export type RollbackArguments = {
  readonly operation?: string;
  readonly record?: readonly string[];
  readonly to?: string;
  readonly since?: string;
  readonly until?: string;
  readonly table?: string;
  readonly actor?: string;
  readonly possible?: boolean;
  readonly run?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
};

/**
 * Takes changes back, or tells what that would do. Prints as it goes, since the changes may be many: a line for each
 * value, JSON objects a line each if asked for, and a summary last. Returns whether everything was taken back.
 */
export function rollbackCommand(
  loaded: Loaded,
  given: RollbackArguments,
  asJson: boolean,
  print: (text: string) => Promise<void>,
): Promise<boolean> {
  const selection = selectionOf(given, new Date());
  const named = selection.by === 'record' || selection.by === 'time' ? selection.table : null;
  if (named !== null && !loaded.config.tables.some((each) => each.name === named))
    throw unknownTable(named, loaded.config);
  return within(loaded, async (installation) => {
    const role = await currentRole(createStore(installation.pool, 0));
    const result = await rollBackWith(installation, {
      selection,
      force: given.force === true,
      dryRun: given.dryRun === true,
      actor: `${role} (pgnotion rollback)`,
      onLine: (entry) => print(asJson ? JSON.stringify(entry) : lineText(entry)),
    });
    const { requests, windowMs } = loaded.environment.NOTION_RATE_LIMIT;
    const cost = requestsFor(result, loaded.environment.SYNC_BATCH_SIZE);
    const seconds = Math.ceil((cost / requests) * (windowMs / 1_000));
    if (asJson) await print(JSON.stringify({ summary: { ...result, requests: cost, seconds } }));
    else await print(summaryText(result, given.dryRun === true, { cost, seconds }));
    return result.left + result.refused + result.guarded === 0;
  });
}

/** Exactly one of the four ways to say what is meant. Throws `rollback_unclear`, `time_invalid`. */
export function selectionOf(given: RollbackArguments, now: Date): UndoSelection {
  const { operation, record, since, run } = given;
  const ways = [operation, record, since, run].filter((way) => way !== undefined);
  const [table, key, ...more] = record ?? [];
  const stray =
    since === undefined && [given.until, given.table, given.actor].some((one) => one !== undefined);
  const vague = given.possible === true && given.actor === undefined;
  if (ways.length !== 1 || stray || vague || (given.to !== undefined && record === undefined))
    throw unclear();
  for (const id of [operation, run]) if (id !== undefined && !/^\d{1,18}$/.test(id)) throw unclear();
  if (operation !== undefined) return { by: 'operation', id: operation };
  if (run !== undefined) return { by: 'run', run };
  if (since !== undefined) {
    return {
      by: 'time',
      since: timeOf(since, now),
      until: given.until === undefined ? null : timeOf(given.until, now),
      table: given.table === undefined ? null : tableName(given.table),
      actor: given.actor ?? null,
      possible: given.possible === true,
    };
  }
  if (table === undefined || key === undefined || more.length > 0) throw unclear();
  const to = given.to === undefined ? null : timeOf(given.to, now);
  return { by: 'record', table: table as TableName, key: key as RowKey, to };
}

const unclear = (): PgnotionError =>
  new PgnotionError({
    code: 'rollback_unclear',
    message: 'it is not clear which changes are to be taken back',
    remedy:
      'name one of --operation ID, --record TABLE KEY [--to TIME], --since TIME [--until TIME] [--table T] [--actor WHO [--possible]], --run ID',
  });

function lineText({ table, key, what, property, now, becomes, reason }: UndoEntry): string {
  const name = `${table} ${key}${property === null ? '' : `, ${property}`}`;
  switch (what) {
    case 'update':
      return `${name}: ${shown(now)} becomes ${shown(becomes)}`;
    case 'insert':
      return `${name}: the row comes back`;
    case 'delete':
      return `${name}: the row goes`;
    case 'left':
      return `${name}: ${now === null ? '' : `${shown(now)} `}stays: ${reason}`;
    case 'refused':
      return `${name}: PostgreSQL refuses it: ${reason}`;
    default:
      return what satisfies never;
  }
}

const shown = (value: string | null): string =>
  value === null ? 'NULL' : JSON.stringify(cutText(value, TEXT_LIMITS.shownValue));

function summaryText(
  result: RollbackResult,
  dryRun: boolean,
  { cost, seconds }: { readonly cost: number; readonly seconds: number },
): string {
  const { values, updated, inserted, deleted, left, refused, guarded, waiting, possible, run } = result;
  const lines = [
    `${dryRun ? 'would change' : 'changed'} ${values} values of ${updated} records; ${inserted} rows ${dryRun ? 'would come' : 'came'} back, ${deleted} ${dryRun ? 'would go' : 'went'}`,
  ];
  if (left > 0) lines.push(`${left} stay, because somebody changed them since: --force takes them back too`);
  if (refused > 0) lines.push(`${refused} records are refused by PostgreSQL`);
  if (guarded > 0)
    lines.push(`${guarded} rows are too many to delete by themselves (guard.deletion): --force deletes them`);
  if (possible > 0)
    lines.push(
      `${possible} more changes may have been made by that person, among others: --possible takes them back too`,
    );
  if (waiting > 0)
    lines.push(`${waiting} changes of these tables wait for Notion: run it again once they are delivered`);
  lines.push(`Notion follows with about ${cost} requests, ${seconds} s at the configured rate`);
  if (run !== null) lines.push(`this is run ${run}: \`pgnotion rollback --run ${run}\` takes it back`);
  return lines.join('\n');
}
