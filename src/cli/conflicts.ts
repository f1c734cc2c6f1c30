import { userInfo } from 'node:os';
import type { Installation } from '../app/connections.ts';
import type { Json } from '../model/change.ts';
import { chosenText } from '../model/chosen-value.ts';
import { conflictTitle } from '../model/conflict-page.ts';
import { PgnotionError } from '../model/errors.ts';
import { lookupsOver } from '../model/page.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import { typeText } from '../model/type-text.ts';
import { type ConflictLine, readConflict, readConflicts, resolveConflict } from '../state/conflicts.ts';
import { createStore, type Sql } from '../state/sql.ts';
import { type Loaded, within } from './commands.ts';
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
  { keep, value, by }: ResolveOptions,
): Promise<string> {
  if ((keep === undefined) === (value === undefined)) throw noChoice();
  return within(loaded, async (installation) => {
    const sql = stateOf(installation);
    const line = await readConflict(sql, id);
    if (line === null) throw unknownConflict(id);
    const choice = keep === undefined ? { value: chosenValue(installation, line, value ?? '') } : { keep };
    const { accepted, message } = await resolveConflict(sql, line.id, choice, by ?? userInfo().username);
    if (!accepted) throw alreadyDecided(message);
    return message;
  });
}

/** Checks a value before anybody is told to carry it out; PostgreSQL has the last word all the same. */
function chosenValue({ tables }: Installation, line: ConflictLine, json: string): string {
  const field = tables
    .find(({ name }) => name === line.table_name)
    ?.fields.find(({ property }) => property === line.fields[0]);
  if (field === undefined) throw noValue(line);
  const chosen = chosenText(json, field, lookupsOver({ pairs: [], users: new Map() }));
  if (chosen.kind !== 'refused') return json;
  throw new PgnotionError({
    code: 'conflict_value_invalid',
    message: chosen.fault.message,
    remedy: isJson(json)
      ? `give ${typeText(field.shape)}, as JSON`
      : `quote a text twice: --value '"${json}"'`,
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const noValue = ({ id }: ConflictLine): PgnotionError =>
  new PgnotionError({
    code: 'conflict_value_invalid',
    message: `conflict ${id} is of a whole record, or of a field that is no longer mapped`,
    remedy: `use --keep postgres or --keep notion`,
  });

const noChoice = (): PgnotionError =>
  new PgnotionError({
    code: 'conflict_choice_missing',
    message: 'nothing says how the conflict is to be resolved',
    remedy: 'add either --keep postgres, --keep notion or --value JSON',
  });

const unknownConflict = (id: string): PgnotionError =>
  new PgnotionError({
    code: 'conflict_unknown',
    message: `there is no conflict ${id}`,
    remedy: 'see `pgnotion conflicts list`, or `pgnotion conflicts list --all` for those that are over',
  });

const alreadyDecided = (message: string): PgnotionError =>
  new PgnotionError({
    code: 'conflict_decided',
    message,
    remedy: 'nothing to do; to change the value now, edit it on either side',
  });
