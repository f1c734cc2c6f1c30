import type { ConflictRule, ConflictStrategy, FieldMapping, FirstLinkRule } from './mapping.ts';
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
    readonly firstLink: FirstLinkRule;
    readonly fields: readonly { readonly conflict: ConflictRule }[];
  }[],
): boolean =>
  tables.some(
    ({ conflict, firstLink, fields }) =>
      firstLink === 'review' ||
      firstLink === 'newest' ||
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

/**
 * The interval as far as our own looks narrow it: after the last one that did not show the edit, before the first one
 * that did (null: nobody looked). Looks go by PostgreSQL's clock; where the two clocks contradict each other, Notion's
 * minute stands.
 */
export function narrowed(
  edit: EditInterval,
  looks: { readonly absentAt: Date | null; readonly seenAt: Date | null },
): EditInterval {
  const from = looks.absentAt !== null && looks.absentAt > edit.from ? looks.absentAt : edit.from;
  const to = looks.seenAt !== null && looks.seenAt < edit.to ? looks.seenAt : edit.to;
  return from < to ? { from, to } : edit;
}

/** When the last of several edits of a page was made. */
export const lastOf = (edits: readonly EditInterval[]): EditInterval => ({
  from: new Date(Math.max(0, ...edits.map(({ from }) => from.getTime()))),
  to: new Date(Math.max(0, ...edits.map(({ to }) => to.getTime()))),
});

/**
 * When the first of several edits can have been made at the earliest: what their latency counts from. Null for none.
 */
export const earliestOf = (edits: readonly EditInterval[]): Date | null =>
  edits.length === 0 ? null : new Date(Math.min(...edits.map(({ from }) => from.getTime())));

/** When a row's changes that wait for their delivery were committed. */
export type ChangeTimes = {
  /** The row's last change, whatever it changed; null if none waits. */
  readonly changedAt: Date | null;
  /** By property, as far as the log told it: the commit that brought the present value. */
  readonly fields: Readonly<Record<string, Date>>;
};

/** When one value of a row was committed. */
export type RowTime = {
  /** Null: the row did not change. */
  readonly at: Date | null;
  /** False: nobody knows; it was not later than `at`. */
  readonly known: boolean;
};

/**
 * When a field's present value was committed. A row that differs from its base without a line in the outbox changed this
 * moment: capture is on its way.
 */
export function rowTimeOf(
  { changedAt, fields, now }: ChangeTimes & { readonly now: Date },
  property: string,
  changed: boolean,
): RowTime {
  const at = fields[property];
  if (at !== undefined) return { at, known: true };
  if (changedAt !== null) return { at: changedAt, known: false };
  return { at: changed ? now : null, known: true };
}

type LastWrite = { readonly winner: Winner; readonly tie: boolean };

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
  readonly strategy: Strategy;
};

/** `lww-tie`: the row's commit lies within the edit's interval. `lww-unknown`: nobody knows when the value was committed. */
export type Strategy = 'lww' | 'lww-tie' | 'lww-unknown' | 'postgres' | 'notion' | 'manual';

/** A ruling with the times that it went by. */
export type TimedRuling = Ruling & {
  /** When the row's value was committed; null if nobody knows. */
  readonly rowChangedAt: Date | null;
  /** When the page's value was typed. */
  readonly edit: EditInterval;
};

/** `ruling` by times that may not be known. */
export function timedRuling(
  rule: ConflictRule,
  clash: {
    readonly choice: Choice | null;
    readonly rowChanged: boolean;
    readonly row: RowTime;
    readonly edit: EditInterval;
  },
): TimedRuling {
  const { choice, rowChanged, row, edit } = clash;
  const one = ruling(rule, { choice, rowChanged, rowChangedAt: row.at, rowTimeKnown: row.known, edit });
  return { ...one, rowChangedAt: row.known ? row.at : null, edit };
}

/** Decides one field that both sides changed, or that is to be restored over an edit. */
export function ruling(
  rule: ConflictRule,
  clash: {
    /** A person's decision for this very field. */
    readonly choice: Choice | null;
    /** False where the row's value is only to be shown again: then nothing of the row's is at stake. */
    readonly rowChanged: boolean;
    readonly rowChangedAt: Date | null;
    /** False: `rowChangedAt` is only known not to be too early. */
    readonly rowTimeKnown?: boolean;
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
      // What was committed no later than that lost for certain; otherwise nobody can say.
      if (winner === 'postgres' && clash.rowTimeKnown === false) return { winner, strategy: 'lww-unknown' };
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
