import type { Fault } from '../model/errors.ts';
import { type QualifiedName, splitQualified } from '../model/ids.ts';
import { faultsError, type Queryable } from './pool.ts';

type Facts = {
  readonly encoding: string;
  /** Newer servers list the libraries that may decode; null where they do not. */
  readonly allowed: string | null;
  readonly partitioned: readonly string[];
};

const FACTS = `
  select jsonb_build_object(
    'encoding', getdatabaseencoding(),
    'allowed', current_setting('output_plugin_libraries', true),
    'partitioned', (select coalesce(jsonb_agg(format('%I.%I', n.nspname, c.relname)), '[]')
      from unnest($1::text[], $2::text[]) as wanted (schema, relation)
      join pg_namespace n on n.nspname = wanted.schema
      join pg_class c on c.relnamespace = n.oid and c.relname = wanted.relation
      where c.relkind = 'p' or exists (select from pg_inherits i where i.inhparent = c.oid)))::text as facts`;

/**
 * Looks whether wal2json can tell of these tables. Throws PgnotionError `wal2json_not_ready` that lists all that is in
 * the way. Whether it is installed shows only when the slot is made.
 */
export async function checkWal2json(db: Queryable, tables: readonly QualifiedName[]): Promise<void> {
  const parts = tables.map(splitQualified);
  const { rows } = await db.query<{ facts: string }>(FACTS, [
    parts.map(([schema]) => schema),
    parts.map(([, relation]) => relation),
  ]);
  const faults = wal2jsonFaults(JSON.parse(rows[0]?.facts ?? '{}') as Facts);
  if (faults.length > 0) throw faultsError('wal2json_not_ready', 'wal2json cannot be used here:', faults);
}

export function wal2jsonFaults({ encoding, allowed, partitioned }: Facts): readonly Fault[] {
  const faults: Fault[] = [];
  if (encoding !== 'UTF8')
    faults.push({
      path: 'the encoding of the database',
      message: `is ${encoding}; wal2json writes it as it is, and pgnotion reads UTF-8`,
      remedy: "set plugin: 'pgoutput' in the configuration: PostgreSQL converts what that one writes",
    });
  if (allowed !== null && !allowed.split(/\s*,\s*/).includes('wal2json'))
    faults.push({
      path: 'output_plugin_libraries',
      message: `is ${JSON.stringify(allowed)}, so that the server refuses wal2json`,
      remedy:
        "ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'wal2json'; SELECT pg_reload_conf(), as a superuser",
    });
  for (const table of partitioned)
    faults.push({
      path: table,
      message:
        'has partitions or children, each of which wal2json tells of by its own name, and of a new one not at all',
      remedy: "set plugin: 'pgoutput' in the configuration",
    });
  return faults;
}
