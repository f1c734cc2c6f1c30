import type { Json, PageValue } from './change.ts';
import type { DataSourceId, PageId } from './ids.ts';
import { cutText, runsOf, TEXT_LIMITS } from './texts.ts';

/** What a page of the Conflicts database tells. */
export type ConflictSummary = {
  readonly id: string;
  readonly table: string;
  readonly record: string;
  readonly page: PageId | null;
  /** Null for a conflict of the whole record. */
  readonly field: string | null;
  readonly type: string;
  readonly base: Json;
  readonly postgres: Json;
  readonly notion: Json;
  readonly note: string | null;
  readonly detectedAt: Date;
  readonly status: 'open' | 'decided' | 'resolved' | 'outdated';
  readonly resolution: string | null;
  readonly resolvedBy: string | null;
  readonly resolvedAt: Date | null;
};

const STATUSES = { open: 'Open', decided: 'Decided', resolved: 'Resolved', outdated: 'Outdated' } as const;
const CHOICES = { postgres: 'Keep PostgreSQL', notion: 'Keep Notion' } as const;
const OTHER_VALUE = 'Another value';

export const OPEN = STATUSES.open;
export const RESOLUTION = 'Resolution';
export const STATUS = 'Status';
export const VALUE = 'Other Value';

/** What a person has chosen on a conflict's page. */
type PageChoice =
  | { readonly kind: 'side'; readonly keep: 'postgres' | 'notion' }
  /** The value that they typed beside it, as text. */
  | { readonly kind: 'value'; readonly text: string }
  /** It cannot be carried out, and why. */
  | { readonly kind: 'unclear'; readonly why: string };

export function choiceOf(option: string, typed: string, field: string | null): PageChoice {
  const found = Object.entries(CHOICES).find(([, name]) => name === option);
  if (found !== undefined) return { kind: 'side', keep: found[0] as 'postgres' | 'notion' };
  const sides = Object.values(CHOICES)
    .map((name) => `"${name}"`)
    .join(' or ');
  if (option !== OTHER_VALUE) return { kind: 'unclear', why: `"${option}" decides nothing: choose ${sides}` };
  if (field === null)
    return {
      kind: 'unclear',
      why: `the whole record is at stake, so no value can stand for it: choose ${sides}`,
    };
  if (typed.trim() === '')
    return { kind: 'unclear', why: `type the value into "${VALUE}", then choose "${OTHER_VALUE}" again` };
  return { kind: 'value', text: typed.trim() };
}

const select = (names: readonly string[]): Json => ({ select: { options: names.map((name) => ({ name })) } });
const text: Json = { rich_text: {} };
const date: Json = { date: {} };

/** The relation that leads from a conflict to a record's page: one for each table, since a relation has one target. */
const recordProperty = (title: string): string => `Record in ${title}`;

/** The database as it is created, the title property first. */
export const conflictsDatabase = (
  tables: readonly { readonly title: string; readonly dataSource: DataSourceId }[],
) => ({
  title: 'Conflicts',
  properties: [
    { property: 'Conflict', type: 'title' as const, schemaJson: { title: {} } },
    { property: 'Table', type: 'select' as const, schemaJson: { select: {} } },
    { property: 'Field', type: 'rich_text' as const, schemaJson: text },
    { property: 'Base', type: 'rich_text' as const, schemaJson: text },
    { property: 'PostgreSQL', type: 'rich_text' as const, schemaJson: text },
    { property: 'Notion', type: 'rich_text' as const, schemaJson: text },
    { property: 'Detected At', type: 'date' as const, schemaJson: date },
    { property: STATUS, type: 'select' as const, schemaJson: select(Object.values(STATUSES)) },
    {
      property: RESOLUTION,
      type: 'select' as const,
      schemaJson: select([...Object.values(CHOICES), OTHER_VALUE]),
    },
    { property: VALUE, type: 'rich_text' as const, schemaJson: text },
    { property: 'Resolved By', type: 'rich_text' as const, schemaJson: text },
    { property: 'Resolved At', type: 'date' as const, schemaJson: date },
    { property: 'Note', type: 'rich_text' as const, schemaJson: text },
    ...tables.map(({ title, dataSource }) => ({
      property: recordProperty(title),
      type: 'relation' as const,
      schemaJson: {
        relation: { data_source_id: dataSource, type: 'single_property', single_property: {} },
      },
      relatedDataSource: dataSource,
    })),
  ],
});

/** One of a kind, and the same each time: a page whose creation nobody answered is found by it. */
export const conflictTitle = ({
  id,
  table,
  record,
  field,
}: Pick<ConflictSummary, 'id' | 'table' | 'record' | 'field'>): string =>
  cutText(`${id}: ${table} ${record}${field === null ? '' : `, ${field}`}`, TEXT_LIMITS.conflictTitle);

/** The properties of a conflict's page, by name. `titles` are those of the tables in Notion. */
export function conflictProperties(
  conflict: ConflictSummary,
  tableTitle: string | null,
): Readonly<Record<string, Json>> {
  const { resolution, resolvedAt, page, detectedAt } = conflict;
  const over = conflict.status !== 'open';
  return {
    Conflict: { title: runsOf(conflictTitle(conflict)) },
    Table: { select: { name: conflict.table.replaceAll(',', ' ') } },
    Field: { rich_text: runsOf(conflict.field ?? '(the whole record)') },
    Base: { rich_text: runsOf(shown(conflict.base)) },
    PostgreSQL: { rich_text: runsOf(shown(conflict.postgres, conflict.type === 'DELETED_IN_POSTGRES')) },
    Notion: { rich_text: runsOf(shown(conflict.notion, conflict.type === 'DELETED_IN_NOTION')) },
    'Detected At': { date: { start: detectedAt.toISOString() } },
    [STATUS]: { select: { name: STATUSES[conflict.status] } },
    [RESOLUTION]: { select: over && resolution !== null ? { name: nameOf(resolution) } : null },
    'Resolved By': { rich_text: runsOf(over ? (conflict.resolvedBy ?? '') : '') },
    'Resolved At': { date: resolvedAt === null ? null : { start: resolvedAt.toISOString() } },
    Note: { rich_text: runsOf(conflict.note ?? '') },
    ...(tableTitle === null || page === null
      ? {}
      : { [recordProperty(tableTitle)]: { relation: [{ id: page }] } }),
  };
}

const nameOf = (resolution: string): string =>
  resolution === 'postgres' || resolution === 'notion' ? CHOICES[resolution] : OTHER_VALUE;

/** A value as a person reads it; of a whole record a line for each property. */
function shown(value: Json | PageValue, deleted = false): string {
  if (deleted) return '(deleted)';
  if (value === null || value === undefined) return '(empty)';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || Array.isArray(value)) return JSON.stringify(value);
  return Object.entries(value)
    .map(([name, member]) => `${name}: ${shown(member)}`)
    .join('\n');
}
