import type { History, Operation, RowVersion } from './history.ts';

export type LostUpdates = {
  readonly faults: readonly string[];
  /** Values of the application's that pgnotion replaced. */
  readonly replaced: number;
};

/**
 * Rule 3 on PostgreSQL's side: what an application committed, and pgnotion replaced in the row, stands in the operation of
 * that very transaction, value by value; and no value is replaced by one that a page shows in the same way. On Notion's side `overwrites.ts` looks, and what is left at rest is compared.
 */
export function judgeLostUpdates(history: History): LostUpdates {
  const operations = Map.groupBy(
    history.operations.filter(({ direction }) => direction === 'to-postgres'),
    ({ transaction }) => transaction,
  );
  const faults: string[] = [];
  let replaced = 0;
  for (const versions of Map.groupBy(history.rows, ({ line }) => line).values())
    versions.forEach((now, at) => {
      const old = versions[at - 1];
      if (old === undefined || old.values === null || now.by !== 'pgnotion' || now.cascaded) return;
      const mine = operations.get(now.transaction) ?? [];
      if (now.values === null) {
        if (!mine.some(({ kind }) => kind === 'delete'))
          faults.push(`lost update: ${nameOf(old)} was deleted, and no operation says so`);
        return;
      }
      faults.push(...degraded(old, now));
      for (const property of changedIn(old, now)) {
        replaced += 1;
        const fault = faultOf(mine, property, old.values[property] ?? null);
        if (fault !== null)
          faults.push(`lost update: ${property} of ${nameOf(old)} was ${old.values[property]}, and ${fault}`);
      }
    });
  return { faults, replaced };
}

const nameOf = ({ table, key }: RowVersion): string => `${table}/${key}`;

/** A trigger's column is the application's own doing. */
const changedIn = (old: RowVersion, now: RowVersion): string[] =>
  Object.keys(old.values ?? {}).filter(
    (property) => property !== 'Updated' && old.values?.[property] !== now.values?.[property],
  );

/** A page shows the one as it shows the other: no edit of it tells them apart. */
const degraded = (old: RowVersion, now: RowVersion): string[] =>
  Object.keys(now.exact)
    .filter((property) => property !== 'Updated' && old.exact[property] !== now.exact[property])
    .filter((property) => (old.values?.[property] ?? null) === (now.values?.[property] ?? null))
    .map(
      (property) =>
        `lost update: ${property} of ${nameOf(old)} was ${old.exact[property]} and became ${now.exact[property]}, which no page tells apart`,
    );

function faultOf(operations: readonly Operation[], property: string, value: string | null): string | null {
  const told = operations.filter(({ before }) => property in before);
  if (told.length === 0) return 'no operation has it';
  return told.some(({ before }) => before[property] === value)
    ? null
    : `its operation has ${told.map(({ before }) => before[property]).join(', ')} instead`;
}
