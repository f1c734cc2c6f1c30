import type { SettingsView, ShownTable, ShownVariable } from '../admin/dashboard-parts.ts';
import { databaseVariable, type Environment, OPTIONS } from '../config/environment.ts';
import type { Config } from '../config/mapping-file.ts';
import type { FieldMapping, TableMapping } from '../model/mapping.ts';

/** Of what holds a secret, or may, only whether it is set is shown. */
const PLAIN: ReadonlySet<string> = new Set([
  'NOTION_VERSION',
  'NOTION_TIMEOUT_SECONDS',
  'NOTION_PARENT_PAGE_ID',
  'SYNC_ENABLED',
  'SYNC_INTERVAL_SECONDS',
  'SYNC_BATCH_SIZE',
  'SYNC_CREATE_GRACE_SECONDS',
  'SYNC_QUERY_LAG_SECONDS',
  'SYNC_CONFLICT_STRATEGY',
  'ADMIN_HOST',
  'ADMIN_PORT',
  'HEAP_GROWTH_PERCENT',
  'LOG_LEVEL',
]);

/** Configuration and environment as they were understood, without secrets. */
export const settingsView = (config: Config, environment: Environment): SettingsView => ({
  slot: config.slot,
  publication: config.publication,
  plugin: config.plugin,
  tables: config.tables.map(shownTable),
  guards: { ...config.guards },
  environment: [
    ...OPTIONS.map(({ name, help }) => shownVariable(name, help, environment)),
    ...[...environment.databaseIds].map(([table, value]) => ({
      name: databaseVariable(table),
      value,
      isSet: true,
      help: `the database of ${table}`,
    })),
  ],
});

function shownVariable(name: string, help: string, environment: Environment): ShownVariable {
  const { requests, windowMs } = environment.NOTION_RATE_LIMIT;
  const value =
    name === 'NOTION_RATE_LIMIT'
      ? `${requests}/${windowMs / 1_000}s`
      : environment[name as keyof Environment];
  const isShown = name === 'NOTION_RATE_LIMIT' || PLAIN.has(name);
  return {
    name,
    value:
      !isShown || value === undefined
        ? null
        : name === 'ADMIN_PORT' && value === null
          ? 'off'
          : String(value),
    isSet: environment.given.has(name),
    help,
  };
}

const shownTable = (table: TableMapping): ShownTable => ({
  name: table.name,
  source: table.source,
  key: table.key,
  direction: table.direction,
  fields: table.fields.map((field) => ({
    property: field.property,
    from: sourceText(field),
    type: field.type,
    direction: field.direction,
    conflict: field.conflict ?? table.conflict ?? 'as SYNC_CONFLICT_STRATEGY says',
  })),
  rules: Object.fromEntries(
    Object.entries({
      query: table.query,
      where: table.where,
      onNotionTrash: table.onNotionTrash,
      onPostgresDelete: table.onPostgresDelete,
      onRowFiltered: table.onRowFiltered,
      onDuplicatePage: table.onDuplicatePage,
      match: table.match.length === 0 ? null : table.match.join(', '),
      firstLink: table.firstLink,
      settleSeconds: table.settleSeconds,
    }).flatMap(([name, value]) =>
      value === null ? [] : [[name, typeof value === 'object' ? JSON.stringify(value) : String(value)]],
    ),
  ),
});

function sourceText({ source }: FieldMapping): string {
  switch (source.kind) {
    case 'column':
      return source.column;
    case 'expression':
      return source.sql;
    case 'key':
      return 'the key';
    default:
      return source satisfies never;
  }
}
