import { PgnotionError } from '../model/errors.ts';
import type { QualifiedName, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Queryable } from '../postgres/pool.ts';
import { ensurePublication } from '../postgres/publication.ts';
import { type PublicationSeal, publicationSeal } from '../postgres/publication-seal.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { readSeal, saveSeal } from '../state/seal.ts';
import { compareAgain } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';

export type PublicationContext = {
  readonly store: Store;
  readonly pool: Queryable;
  readonly publication: string;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  readonly log: Log;
};

const LOOK_MS = 2_000;

/** Every table whose changes must be in the log. */
export const publishedTables = (tables: Iterable<ResolvedTable>): QualifiedName[] => [
  ...new Set([...tables].flatMap((table) => [table.source, ...table.dependsOn.map((each) => each.table)])),
];

/**
 * Watches the publication, because what it leaves out is missing from the log without a word: an administrator's
 * change of it, or a table that was dropped and made again. Mends it, and has the tables compared. Throws
 * `publication_missing` if it was dropped: then the daemon starts over with a new slot.
 */
export async function watchPublication(context: PublicationContext, signal: AbortSignal): Promise<void> {
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        await mendPublication(context);
        healthy();
        await pause(LOOK_MS, signal);
      }
    },
    { name: 'the publication', log: context.log, signal },
  );
}

async function mendPublication(context: PublicationContext): Promise<void> {
  const { store, pool, publication, log } = context;
  const names = publishedTables(context.tables.values());
  const known = await readSeal<PublicationSeal>(store);
  const present = await publicationSeal(pool, publication, names);
  if (known !== null && present.made !== known.made) throw missing(publication);
  const changed = known === null ? [] : changedTables(known, present, names);
  if (known !== null && changed.length === 0) return;
  // First the publication, so that nothing is missed between the comparison and it. A table may be gone for now.
  const there = await existing(pool, names);
  await ensurePublication(pool, { name: publication, tables: there });
  const mended = await publicationSeal(pool, publication, names);
  const affected = [...context.tables.values()].filter((table) =>
    publishedTables([table]).some((name) => changed.includes(name)),
  );
  await store.transaction(async (sql) => {
    await compareAgain(
      sql,
      affected.map((table) => table.name),
    );
    await saveSeal(sql, mended);
  });
  for (const { name } of affected) log.warn({ table: name }, 'it was not published; its rows are compared');
}

const changedTables = (
  known: PublicationSeal,
  present: PublicationSeal,
  names: readonly QualifiedName[],
): QualifiedName[] =>
  names.filter((name) => known.kinds !== present.kinds || known.tables[name] !== present.tables[name]);

async function existing(db: Queryable, names: readonly QualifiedName[]): Promise<QualifiedName[]> {
  const { rows } = await db.query<{ name: QualifiedName }>(
    `select w.name from unnest($1::text[]) as w(name)
       join pg_namespace n on n.nspname = split_part(w.name, '.', 1)
       join pg_class c on c.relnamespace = n.oid and n.nspname || '.' || c.relname = w.name and c.relkind in ('r', 'p')`,
    [names],
  );
  return rows.map(({ name }) => name);
}

/** Whether this is another publication than the one whose changes have been captured so far. */
export async function isAnotherPublication(
  context: Pick<PublicationContext, 'store' | 'pool' | 'publication'>,
): Promise<boolean> {
  const known = await readSeal<PublicationSeal>(context.store);
  return known !== null && (await publicationSeal(context.pool, context.publication, [])).made !== known.made;
}

const missing = (publication: string): PgnotionError =>
  new PgnotionError({
    code: 'publication_missing',
    message: `The publication ${publication} was dropped, or another one has taken its name`,
    remedy: 'Nothing to do: it is made again with a new slot, and every row and page is compared.',
  });
