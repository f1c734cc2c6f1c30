import type { PageImage, RowImage } from './change.ts';
import type { Lookups } from './codecs/codec.ts';
import { type EditInterval, lastWriteWins } from './conflict.ts';
import { fieldState } from './field-state.ts';
import { type FirstLinkRule, goesToNotion, goesToPostgres, type ResolvedField } from './mapping.ts';
import { agrees, type FieldState, isEmptyValue } from './merge.ts';

/** A page that was there, and the row that it becomes the page of. */
export type FirstMeeting = {
  readonly fields: readonly ResolvedField[];
  readonly rule: FirstLinkRule;
  readonly row: RowImage;
  readonly image: PageImage;
  readonly lookups: Lookups;
  /** When the row was committed as it is; null if nobody knows. */
  readonly rowAt: Date | null;
  /** When the page was last edited. */
  readonly edit: EditInterval;
  /** The page was fetched just now, by a GET, which never lags: it need not be looked at again before it is written. */
  readonly fresh: boolean;
  /** Properties that PostgreSQL takes for equal, however each side spells them: the pair was found by them. */
  readonly equal: ReadonlySet<string>;
};

/**
 * The base that the pair begins with. By it the merge does what the rule says: a field without one gets the row's value, one
 * whose base is the row's value alone gets the page's, and one that is in `review` waits for a person.
 */
export type FirstLink = {
  readonly baseRow: RowImage;
  readonly basePage: PageImage;
  /** Fields in which both sides hold a value, and not the same. */
  readonly differing: readonly string[];
  /** Fields whose value on the page goes to the row. */
  readonly toRow: readonly string[];
  readonly review: readonly string[];
};

/** What becomes of each field at the first link. A value is never replaced by nothing, whatever the rule. */
export function firstLink(meeting: FirstMeeting): FirstLink {
  const baseRow: Record<string, RowImage[string]> = {};
  const basePage: Record<string, PageImage[string]> = {};
  const differing: string[] = [];
  const toRow: string[] = [];
  const review: string[] = [];
  for (const field of meeting.fields) {
    const name = field.property;
    const fate = fateOf(meeting, field);
    if (fate.differs) differing.push(name);
    switch (fate.to) {
      case 'page':
        if (meeting.fresh && name in meeting.image) basePage[name] = meeting.image[name] ?? null;
        break;
      case 'unbased':
        break;
      case 'row':
        toRow.push(name);
        baseRow[name] = meeting.row[name] ?? null;
        basePage[name] = null;
        break;
      case 'stays':
        baseRow[name] = meeting.row[name] ?? null;
        basePage[name] = meeting.image[name] ?? null;
        break;
      case 'review':
        review.push(name);
        basePage[name] = null;
        break;
      default:
        fate.to satisfies never;
    }
  }
  return { baseRow, basePage, differing, toRow, review };
}

type Fate = {
  /** `unbased`: as without any rule. */
  readonly to: 'page' | 'row' | 'stays' | 'review' | 'unbased';
  readonly differs: boolean;
};

const TO_PAGE: Fate = { to: 'page', differs: false };

function fateOf(meeting: FirstMeeting, field: ResolvedField): Fate {
  const { row, image, lookups } = meeting;
  const name = field.property;
  // Which way a field goes that only one side may change, the configuration says.
  if (field.source.kind === 'key' || !goesToPostgres(field)) return TO_PAGE;
  // What was not shown or read says nothing.
  if (!(name in image) || !(name in row)) return TO_PAGE;
  const state = fieldState({ base: { row: {}, page: {} }, row, page: image, lookups }, field, {
    restore: false,
    decided: false,
  });
  const empty = { page: isEmptyValue(state.page), row: isEmptyRow(state) };
  if (!goesToNotion(field)) return { to: empty.page && !empty.row ? 'stays' : 'unbased', differs: false };
  if (agrees(state) || empty.page) return TO_PAGE;
  if (empty.row) return { to: 'row', differs: false };
  // Only the spelling of one side goes to the other.
  if (meeting.equal.has(name)) return { to: meeting.rule === 'notion' ? 'row' : 'page', differs: false };
  return { to: winnerOf(meeting), differs: true };
}

function isEmptyRow({ row, encoded }: FieldState): boolean {
  return row === null || row === '' || (encoded.kind === 'value' && isEmptyValue(encoded.value));
}

function winnerOf({ rule, rowAt, edit }: FirstMeeting): 'page' | 'row' | 'review' {
  switch (rule) {
    case 'postgres':
      return 'page';
    case 'notion':
      return 'row';
    case 'review':
      return 'review';
    case 'newest':
      if (rowAt === null) return 'review';
      return lastWriteWins(rowAt, edit).winner === 'postgres' ? 'page' : 'row';
    default:
      return rule satisfies never;
  }
}

/** Why a field waits for a person, for whoever decides. */
export const reviewNote = (rule: FirstLinkRule): string =>
  rule === 'newest'
    ? 'page and row were linked for the first time and differ; firstLink is newest, and nobody knows when the row was committed as it is (track_commit_timestamp was off)'
    : 'page and row were linked for the first time and differ; firstLink is review';
