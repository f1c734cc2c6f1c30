import { databaseVariable } from '../config/environment.ts';
import { commandOf } from '../model/command-line.ts';
import { PgnotionError } from '../model/errors.ts';
import type { DataSourceId, TableName } from '../model/ids.ts';
import type { Sources } from '../notion/schema.ts';
import type { Source } from '../state/sources.ts';

/**
 * Makes sure that no two tables have one data source: each page is one row's. `known` may have tables that the
 * configuration does not name any more. Throws PgnotionError `notion_database_taken`.
 */
export function assertOneTableEach(known: Sources, mapped: ReadonlySet<TableName>): void {
  const places = Map.groupBy(known, ([, id]) => id);
  for (const [id, tables] of places) {
    const names = tables.map(([table]) => table);
    const wanting = names.filter((name) => mapped.has(name));
    const former = names.find((name) => !mapped.has(name));
    if (names.length < 2 || wanting[0] === undefined) continue;
    if (former !== undefined) throw heldByFormer(wanting[0], former, id);
    throw new PgnotionError({
      code: 'notion_database_taken',
      message: `${wanting.join(' and ')} have the same data source ${id}, and a page belongs to one table`,
      remedy: `set ${wanting.map(databaseVariable).join(' or ')} to another database`,
    });
  }
}

/**
 * Makes sure that no table would have all of its pages made a second time because the configuration calls it otherwise now.
 * Throws PgnotionError `table_renamed`.
 */
export function assertNotRenamed(
  tables: readonly { readonly name: TableName; readonly source: string }[],
  stored: ReadonlyMap<TableName, Source>,
  sources: Sources,
): void {
  const mapped = new Set(tables.map(({ name }) => name));
  for (const { name, source } of tables) {
    if (sources.has(name)) continue;
    const former = [...stored.values()].find(({ table, reads }) => !mapped.has(table) && reads === source);
    if (former === undefined) continue;
    throw new PgnotionError({
      code: 'table_renamed',
      message: `${name} reads ${source}, as ${former.table} did, which is not in the configuration any more: another database would be made with the same rows`,
      remedy: `call the table ${former.table} again (people see its title alone); ${orTake(name, former.table, former.dataSource)}; or, if another database is meant, run ${commandOf('reset', former.table, '--yes')} and \`pgnotion apply\``,
    });
  }
}

const heldByFormer = (name: TableName, former: TableName, id: DataSourceId): PgnotionError =>
  new PgnotionError({
    code: 'notion_database_taken',
    message: `the data source ${id} of ${name} is that of ${former}, which is not in the configuration any more`,
    remedy: `call the table ${former} again; ${orTake(name, former, id)}`,
  });

const orTake = (name: TableName, former: TableName, id: DataSourceId): string =>
  `or, to go on under the new name, stop the daemon, run ${commandOf('reset', former, '--yes')}, set ${databaseVariable(name)} to ${id} and run \`pgnotion apply\`: the next start finds its pages by their keys`;
