import type { PropertyType } from '../../src/model/codecs/codec.ts';
import { codecs } from '../../src/model/codecs/registry.ts';
import { qualifiedName, tableName } from '../../src/model/ids.ts';
import type { ResolvedField, ResolvedTable } from '../../src/model/mapping.ts';
import { column } from '../unit/codecs/support.ts';

const SHAPES: Partial<Record<PropertyType, string>> = { number: 'int4', checkbox: 'bool' };

/** A field of a column that is called as its property in lower case. */
export function resolvedField(
  property: string,
  type: PropertyType = 'rich_text',
  more: Partial<ResolvedField> = {},
): ResolvedField {
  return {
    property,
    type,
    source: { kind: 'column', column: property.toLowerCase() },
    direction: 'both',
    codec: codecs[type],
    shape: column(SHAPES[type] ?? 'text'),
    required: false,
    conflict: 'lww',
    ...more,
  };
}

/** A table `public.<name>` with a text key `id`. */
export function resolvedTable(
  name: string,
  fields: readonly ResolvedField[],
  more: Partial<ResolvedTable> = {},
): ResolvedTable {
  return {
    name: tableName(name),
    source: qualifiedName('public', name),
    query: null,
    where: null,
    onRowFiltered: 'trash',
    dependsOn: [],
    key: ['id'],
    direction: 'both',
    title: name,
    fields,
    idProperty: 'Supabase ID',
    lastSyncedProperty: 'Last Synced',
    statusProperty: null,
    onNotionTrash: 'review',
    writableColumns: [],
    replaced: [],
    checks: {},
    constraints: {},
    foreignKeys: [],
    onPostgresDelete: 'trash',
    onDuplicatePage: 'report',
    match: [],
    firstLink: 'postgres',
    conflict: 'lww',
    settleSeconds: null,
    columnTypes: {},
    keyTypes: ['text'],
    rank: 0,
    ...more,
  };
}
