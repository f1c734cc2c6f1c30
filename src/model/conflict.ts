import type { Json, SqlText } from './change.ts';
import type { ColumnShape } from './codecs/codec.ts';
import type { ConflictRule, ConflictStrategy, FieldMapping } from './mapping.ts';
import type { Judgement, Winner } from './merge.ts';

/** The rule of one field: its own, else its table's, else the installation's. */
export function ruleOf(
  field: Pick<FieldMapping, 'conflict'>,
  table: ConflictStrategy | null,
  installation: ConflictStrategy,
): ConflictRule {
  if (field.conflict !== undefined) return field.conflict;
  const strategy = table ?? installation;
  // Under precedence a field that names no side goes to the last write.
  return strategy === 'field_precedence' ? 'lww' : strategy;
}

/** Whether anything of these tables may have to wait for a person's decision. */
export const asksPeople = (
  tables: readonly {
    readonly conflict: ConflictStrategy;
    readonly fields: readonly { readonly conflict: ConflictRule }[];
  }[],
): boolean =>
  tables.some(({ conflict, fields }) =>
    [conflict, ...fields.map((field) => field.conflict)].includes('manual'),
  );

/** Notion's edit times are floored to the minute: an edit can have happened anywhere in that minute. */
const MINUTE_MS = 60_000;

/** When an edit that a page shows can have been made: from the first instant on, before the second. */
export type EditInterval = { readonly from: Date; readonly to: Date };

/**
 * A page has one time for all of its edits. If we wrote last, that time is ours: the edit came at any moment since the
 * page was last seen to hold what the base says (`agreedAt`, null if nobody knows).
 */
export function editInterval(
  page: { readonly lastEditedTime: Date; readonly lastEditedBy: string | null },
  botId: string,
  agreedAt: Date | null,
): EditInterval {
  const to = new Date(page.lastEditedTime.getTime() + MINUTE_MS);
  if (page.lastEditedBy !== botId) return { from: page.lastEditedTime, to };
  const from = Math.min(agreedAt?.getTime() ?? 0, page.lastEditedTime.getTime());
  return { from: new Date(from), to };
}

export type LastWrite = { readonly winner: Winner; readonly tie: boolean };

/**
 * Last write wins, with Notion's time as the interval that it stands for. Inside of it nobody can say who was last, and
 * PostgreSQL wins. A row without a change of its own (null) loses.
 */
export function lastWriteWins(rowChangedAt: Date | null, edit: EditInterval): LastWrite {
  if (rowChangedAt === null || rowChangedAt < edit.from) return { winner: 'notion', tie: false };
  return { winner: 'postgres', tie: rowChangedAt < edit.to };
}

/** What a person chose for one conflict. */
export type Choice = 'postgres' | 'notion' | 'value';

/** Who wins, and why: the audit keeps both. */
export type Ruling = {
  readonly winner: Judgement;
  readonly strategy: 'lww' | 'lww-tie' | 'postgres' | 'notion' | 'manual';
};

/** Decides one field that both sides changed, or that is to be restored over an edit. */
export function ruling(
  rule: ConflictRule,
  clash: {
    /** A person's decision for this very field. */
    readonly choice: Choice | null;
    /** False where the row's value is only to be shown again: then nothing of the row's is at stake. */
    readonly rowChanged: boolean;
    readonly rowChangedAt: Date | null;
    readonly edit: EditInterval;
  },
): Ruling {
  // A chosen value is written to the row first; until then neither side's goes anywhere.
  if (clash.choice !== null)
    return { winner: clash.choice === 'value' ? 'hold' : clash.choice, strategy: 'manual' };
  switch (rule) {
    case 'postgres':
    case 'notion':
      return { winner: rule, strategy: rule };
    case 'manual':
      return { winner: clash.rowChanged ? 'hold' : 'notion', strategy: 'manual' };
    case 'lww': {
      const { winner, tie } = lastWriteWins(clash.rowChangedAt, clash.edit);
      return { winner, strategy: tie ? 'lww-tie' : 'lww' };
    }
    default:
      return rule satisfies never;
  }
}

/** Decides a deletion on one side and a change on the other. Precedence is of fields: a whole record goes by lww. */
export function deletionRuling(
  strategy: ConflictStrategy,
  clash: { readonly rowChangedAt: Date | null; readonly edit: EditInterval },
): Ruling {
  const rule = strategy === 'field_precedence' ? 'lww' : strategy;
  return ruling(rule, { ...clash, choice: null, rowChanged: true });
}

/** A value that a person chose, as the column's text; null if no column of this shape can hold such a thing. */
export function textOfValue(value: Json, shape: ColumnShape): { readonly text: SqlText } | null {
  if (value === null) return { text: null };
  if (shape.array) return Array.isArray(value) ? arrayText(value) : null;
  if (shape.category === 'json') return { text: JSON.stringify(value) };
  return typeof value === 'object' ? null : { text: String(value) };
}

function arrayText(items: readonly Json[]): { readonly text: string } | null {
  const texts: string[] = [];
  for (const item of items) {
    if (item !== null && typeof item === 'object') return null;
    texts.push(item === null ? 'NULL' : `"${String(item).replace(/["\\]/g, '\\$&')}"`);
  }
  return { text: `{${texts.join(',')}}` };
}
