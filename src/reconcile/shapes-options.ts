import type { TableName } from '../model/ids.ts';
import type { ConflictStrategy, ResolvedTable, TableMapping } from '../model/mapping.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import type { Log } from '../runtime/log.ts';
import type { Store } from '../state/sql.ts';

/** What looks at the tables' catalog work with. */
export type ShapesOptions = {
  readonly store: Store;
  readonly db: Queryable;
  /** The same tables, whose values stay text. */
  readonly rows: UserDatabase;
  readonly mappings: readonly TableMapping[];
  readonly strategy: ConflictStrategy;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  /** Puts a table in the place of the one that has its name. */
  readonly replace: (table: ResolvedTable) => void;
  readonly onDirty: () => void;
  readonly log: Log;
};
