import type { Installation } from '../app/connections.ts';
import { assertChoice, resolveNow, unknownConflict } from '../app/operator.ts';
import type { Json } from '../model/change.ts';
import { conflictTitle } from '../model/conflict-page.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import { type ConflictLine, readConflict, readConflicts } from '../state/conflicts.ts';
import { createStore, type Sql } from '../state/sql.ts';
import { accountName } from './account.ts';
import { type Loaded, within } from './commands.ts';
import { noted } from './noted.ts';
import { formatTable } from './table.ts';

const stateOf = ({ pool }: Installation): Sql => createStore(pool, 0);

export function conflictsCommand(loaded: Loaded, all: boolean, asJson: boolean): Promise<string> {
  return within(loaded, async (installation) => {
    const lines = await readConflicts(stateOf(installation), all);
    if (asJson)
      return JSON.stringify(
        lines.map((line) => ({ ...line, title: titleOf(line) })),
        null,
        2,
      );
    if (lines.length === 0) return all ? 'there was no conflict' : 'no conflict waits for a decision';
    const table = formatTable(
      [
        ...['id', 'type', 'table', 'key', 'field', 'PostgreSQL', 'Notion', 'status', 'since'],
        ...(all ? ['over'] : []),
      ],
      lines.map((line) => [
        line.id,
        line.type,
        line.table_name,
        line.record_id,
        line.fields.join(', ') || '-',
        short(side(line, line.local_record)),
        short(side(line, line.remote_record)),
        statusOf(line),
        line.detected_at.toISOString(),
        ...(all ? [line.resolved_at?.toISOString() ?? '-'] : []),
      ]),
    );
    const notes = lines.flatMap((line) => (line.note === null ? [] : [`${titleOf(line)}: ${line.note}`]));
    return [table, ...notes].join('\n');
  });
}

/** As its page in Notion is called. */
const titleOf = ({ id, table_name: table, record_id: record, fields }: ConflictLine): string =>
  conflictTitle({ id, table, record, field: fields[0] ?? null });

/** What a side holds: the field's value, or whether the record is there at all. */
function side(line: ConflictLine, image: Readonly<Record<string, Json>>): string {
  const [field] = line.fields;
  if (field !== undefined) return field in image ? JSON.stringify(image[field]) : '-';
  return Object.keys(image).length === 0 ? 'deleted' : 'changed';
}

const short = (text: string): string => cutText(text, TEXT_LIMITS.cell);

const statusOf = ({ status, resolution, strategy, resolved_by: by }: ConflictLine): string =>
  resolution === null ? status : `${status}: ${resolution} (${by ?? strategy})`;

export function showConflictCommand(loaded: Loaded, id: string, asJson: boolean): Promise<string> {
  return within(loaded, async (installation) => {
    const line = await readConflict(stateOf(installation), id);
    if (line === null) throw unknownConflict(id);
    if (asJson) return JSON.stringify({ ...line, title: titleOf(line) }, null, 2);
    const what = `conflict ${line.id}: ${line.type} of ${line.table_name} ${line.record_id}`;
    const names = line.fields.length > 0 ? line.fields : namesOf(line);
    const values = names.flatMap((name) => [
      `  ${name}`,
      `    when both agreed: ${told(line.base.row, name)} in PostgreSQL, ${told(line.base.page, name)} in Notion`,
      `    PostgreSQL: ${told(line.local_record, name)}`,
      `    Notion:     ${told(line.remote_record, name)}`,
    ]);
    const note = line.note === null ? [] : [`  ${line.note}`];
    const next = line.status === 'open' ? [howTo(line)] : [];
    const over = line.resolved_at === null ? '' : `, over at ${line.resolved_at.toISOString()}`;
    const status = `  ${statusOf(line)}, since ${line.detected_at.toISOString()}${over}`;
    return [what, status, ...note, ...values, ...next].join('\n');
  });
}

const namesOf = (line: ConflictLine): string[] => [
  ...new Set([...Object.keys(line.local_record), ...Object.keys(line.remote_record)]),
];

const told = (image: Readonly<Record<string, Json>> | undefined, name: string): string =>
  image !== undefined && name in image ? JSON.stringify(image[name]) : 'nothing';

const howTo = ({ id, fields }: ConflictLine): string =>
  `decide it: pgnotion conflicts resolve ${id} --keep postgres|notion${fields.length > 0 ? ', or --value JSON' : ''}`;

export type ResolveOptions = {
  readonly keep?: 'postgres' | 'notion';
  readonly value?: string;
  readonly by?: string;
};

/** Throws `conflict_decided` if somebody was faster: their decision stands. */
export async function resolveConflictCommand(
  loaded: Loaded,
  id: string,
  { keep, value, by = accountName() }: ResolveOptions,
): Promise<string> {
  assertChoice({ keep, value });
  return within(loaded, (installation) =>
    noted(installation, { action: 'resolve', input: { id, keep, value }, actor: by }, (sql) =>
      resolveNow(sql, installation.tables, id, { keep, value, by }),
    ),
  );
}
