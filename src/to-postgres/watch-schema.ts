import { messageOf } from '../model/errors.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { schemaDigest } from '../model/schema-digest.ts';
import { NotionFailure } from '../notion/error-classification.ts';
import { remindNotices } from '../state/notices.ts';
import { noteSchema, refusingSchemas, releaseRefused } from '../state/refused-fields.ts';
import type { Source } from '../state/sources.ts';
import type { SyncContext } from '../sync/context.ts';

/** How often the schema is looked at while Notion refuses a field. */
const LOOK_MS = 10_000;

export type SchemaWatch = (context: SyncContext, table: ResolvedTable, source: Source) => Promise<void>;

/**
 * While fields of a table stand refused, looks now and then whether the schema has changed since: then they are tried
 * again. Costs nothing where nothing is refused.
 */
export function createSchemaWatch(steadyMs: () => number): SchemaWatch {
  const lookedAt = new Map<string, number>();
  return async (context, table, source) => {
    const { name } = table;
    if (steadyMs() - (lookedAt.get(name) ?? Number.NEGATIVE_INFINITY) < LOOK_MS) return;
    const refusing = await refusingSchemas(context.store, name);
    if (refusing.length === 0) return;
    lookedAt.set(name, steadyMs());
    const schema = await schemaOf(context, source);
    if (schema === null) return;
    const hasChanged = refusing.some((each) => each !== null && each !== schema);
    await context.store.transaction(async (sql) => {
      await noteSchema(sql, name, schema);
      if (!hasChanged) return;
      await releaseRefused(sql, name, schema);
      await remindNotices(sql, null);
    });
    if (!hasChanged) return;
    context.log.info({ table: name }, 'the schema in Notion has changed: refused fields are tried again');
    context.onDirty();
  };
}

async function schemaOf({ notion, log }: SyncContext, source: Source): Promise<string | null> {
  try {
    return schemaDigest(await notion.retrieveDataSource(source.dataSource, { priority: 'poll' }));
  } catch (error) {
    if (!(error instanceof NotionFailure)) throw error;
    log.debug({ table: source.table, reason: messageOf(error) }, 'the schema could not be looked at');
    return null;
  }
}
