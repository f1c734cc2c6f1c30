import type { Config } from '../config/mapping-file.ts';
import { driftOf } from '../model/drift.ts';
import { PgnotionError } from '../model/errors.ts';
import { isRemovable, plannedRemoval, type TellRemoval } from '../model/removals.ts';
import { keepDrifts } from '../state/drift.ts';
import type { Sql } from '../state/sql.ts';

const LEFT_OVER = 'left_over';
const REMEDY =
  'nothing has to be done; to remove it, look at `pgnotion plan --out FILE`, stop the daemon and run `pgnotion apply FILE --allow-destructive`';

const lineOf = (told: TellRemoval): string => {
  const { table, what, lost } = plannedRemoval(told);
  return `${table === null ? '' : `${table}: `}${what}; lost with it: ${lost}`;
};

/** Asks before anything is removed that no plan was made of. Throws `removal_unconfirmed`. */
export async function confirmRemovals(
  removals: readonly TellRemoval[],
  confirm: (question: string) => Promise<boolean>,
): Promise<void> {
  const lines = removals.filter(isRemovable).map(lineOf);
  if (lines.length === 0) return;
  const question = `this would be removed:\n${lines.join('\n')}`;
  if (await confirm(question)) return;
  throw new PgnotionError({
    code: 'removal_unconfirmed',
    message: `${question}\nand nothing was done`,
    remedy:
      'run `pgnotion apply --allow-destructive --yes` if that is meant, or `pgnotion plan --out FILE` and `pgnotion apply FILE --allow-destructive`; without --allow-destructive all of it stays',
  });
}

/** Keeps as drift what stays though the configuration has no place for it. */
export async function keepLeftOver(
  sql: Sql,
  { tables }: Pick<Config, 'tables'>,
  left: readonly TellRemoval[],
): Promise<void> {
  const planned = left.map((told) => ({ told, ...plannedRemoval(told) }));
  const names = new Set(['', ...tables.map(({ name }) => name), ...planned.map(({ table }) => table ?? '')]);
  for (const about of names) {
    const drifts = planned
      .filter(({ table }) => (table ?? '') === about)
      .map(({ told: { removal }, what }) =>
        driftOf(LEFT_OVER, {
          field: propertyOf(removal),
          detail: what,
          remedy: REMEDY,
          side: removal.kind === 'slot' ? 'postgres' : 'notion',
        }),
      );
    await keepDrifts(sql, about, [LEFT_OVER], drifts);
  }
}

function propertyOf(removal: TellRemoval['removal']): string {
  switch (removal.kind) {
    case 'property':
    case 'type':
      return removal.property.name;
    case 'option':
      return `${removal.property.name}, ${removal.option.name}`;
    case 'table':
      return '';
    case 'slot':
      return removal.slot;
    default:
      return removal satisfies never;
  }
}

/** Comment lines of what was removed; what stays stands among the drift. */
export const removedLines = (removals: readonly TellRemoval[], isDone: boolean): string[] =>
  isDone ? removals.filter(isRemovable).map((told) => `# removed: ${lineOf(told)}`) : [];

/** The same as JSON, with what stays. */
export const removalEntries = (removals: readonly TellRemoval[], isDone: boolean) =>
  removals.map((told) => {
    const { table, kind, what, lost, removable } = plannedRemoval(told);
    return { table, removal: kind, what, lost, removed: isDone && removable };
  });
