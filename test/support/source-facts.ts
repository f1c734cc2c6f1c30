import { type QualifiedName, qualifiedName } from '../../src/model/ids.ts';
import type { ForeignKey } from '../../src/model/mapping.ts';
import type { ColumnFacts, SourceFacts } from '../../src/model/suggestion/facts.ts';
import { column } from '../unit/codecs/support.ts';

/** A column of a table as the catalog has it; nullable text unless the rest says otherwise. */
export const columnFacts = (name: string, more: Partial<ColumnFacts> = {}): ColumnFacts => ({
  name,
  shape: column('text'),
  type: 'text',
  composite: false,
  dimensions: 0,
  hasDefault: false,
  computed: null,
  readable: true,
  comment: null,
  ...more,
});

const ID = columnFacts('id', { shape: column('uuid', { nullable: false }), type: 'uuid', hasDefault: true });

/** A table `public.<relation>` with a made-up key `id` before its columns. */
export const sourceFacts = (
  relation: string,
  columns: readonly ColumnFacts[],
  more: Partial<SourceFacts> = {},
): SourceFacts => ({
  source: qualifiedName(more.schema ?? 'public', relation),
  schema: 'public',
  relation,
  rows: null,
  comment: null,
  columns: more.key === undefined ? [ID, ...columns] : columns,
  key: ['id'],
  uniqueKeys: [],
  foreignKeys: [],
  checks: [],
  faults: [],
  writeGrant: null,
  rowSecurity: false,
  policies: [],
  ...more,
});

export const reference = (
  columns: readonly string[],
  references: QualifiedName,
  referencedColumns: readonly string[],
): ForeignKey => ({ columns, references, referencedColumns, onDelete: 'no action' });
