import type { PageValue, SqlText } from './change.ts';
import type { Lookups } from './codecs/codec.ts';
import { decodeField, encodeField } from './fields.ts';
import { sameJson } from './json.ts';
import { goesToNotion, goesToPostgres, type ResolvedField, type ResolvedTable } from './mapping.ts';
import type { Winner } from './merge.ts';
import type { Life } from './record-state.ts';
import type { Finding } from './verify.ts';

/**
 * What the base of one field becomes, so that the ordinary flow carries the winner's value over: the loser's, as both sides
 * would hold it. Then the winner's is a plain change, with all that guards, audits and takes back such a one.
 */
export type BaseChange = {
  readonly field: string;
  readonly row: SqlText;
  readonly page: PageValue;
  /** Who carries the change; null if both sides agree, and only the base was wrong. */
  readonly carries: 'delivery' | 'poll' | null;
  /** The row's value is written although its base says that it did not change. */
  readonly restore: boolean;
};

/** What is to be done about a finding. */
export type HealStep =
  | { readonly kind: 'base'; readonly change: BaseChange }
  /** The row is delivered: its page is made, or written. */
  | { readonly kind: 'write' }
  /** The page goes, as with any row that was deleted. */
  | { readonly kind: 'delete' }
  /** The page comes out of the trash. */
  | { readonly kind: 'restore page' }
  /** The row comes back from its page. */
  | { readonly kind: 'restore row' }
  /** The row is no longer marked as deleted. */
  | { readonly kind: 'unmark row' }
  /** Notion does not show the page: the row gets another one. */
  | { readonly kind: 'new page' }
  /** The poll looks at the page, and does what it does with any. */
  | { readonly kind: 'look' }
  | { readonly kind: 'forget' }
  | { readonly kind: 'left'; readonly why: string };

/** What each step is called where a heal tells what it does. */
export const HEAL_STEPS: Readonly<Record<Exclude<HealStep['kind'], 'base' | 'left'>, string>> = {
  write: 'the row gets its page',
  delete: 'the page is put away, as that of any row that is gone or left out',
  'restore page': 'the page comes out of the trash',
  'restore row': 'the row comes back from its page',
  'unmark row': 'the row is no longer marked as deleted',
  'new page': 'the row gets a new page',
  look: 'the page is looked at, and handled as any that is new',
  forget: 'the record is forgotten',
};

/** Decides what heals a finding that is no cell. */
export function healRecord(
  { kind, key, page }: Pick<Finding, 'kind' | 'key' | 'page'>,
  {
    winner,
    life,
    direction,
  }: {
    readonly winner: Winner;
    /** Of the record of the key; null if there is none. */
    readonly life: Life['kind'] | null;
    readonly direction: ResolvedTable['direction'];
  },
): HealStep {
  // Where records go one way only, that way decides.
  const postgres = direction === 'both' ? winner === 'postgres' : direction === 'to-notion';
  switch (kind) {
    case 'missing_page':
      if (page === null) return { kind: 'write' };
      return postgres ? { kind: 'new page' } : { kind: 'look' };
    case 'missing_row':
      if (key === null || life !== 'linked') return { kind: 'look' };
      return postgres ? { kind: 'delete' } : { kind: 'restore row' };
    case 'filtered_row':
      // The row is there, and a page cannot bring it back: what the table's policy says is done with the page.
      return { kind: 'delete' };
    case 'marked_row':
      return postgres ? { kind: 'delete' } : { kind: 'unmark row' };
    case 'page_away':
      return postgres ? { kind: 'restore page' } : { kind: 'look' };
    case 'page_back':
      return postgres && life === 'resting' ? { kind: 'delete' } : { kind: 'look' };
    case 'duplicate_page':
    case 'unlinked_page':
      return { kind: 'look' };
    case 'lost_pair':
      return { kind: 'forget' };
    case 'cell':
    case 'key':
    case 'void_base':
    case 'stale_base':
      return { kind: 'left', why: 'it is a cell' };
    default:
      return kind satisfies never;
  }
}

/** Which side a field can be healed on: where its values go one way only, that way decides. */
const winnerOf = (field: ResolvedField, winner: Winner): Winner =>
  !goesToPostgres(field) ? 'postgres' : !goesToNotion(field) ? 'notion' : winner;

/** Decides what heals a cell whose sides hold these values now. */
export function healCell(
  field: ResolvedField,
  finding: Pick<Finding, 'kind' | 'row' | 'value'>,
  { winner, lookups }: { readonly winner: Winner; readonly lookups: Lookups },
): HealStep {
  const name = field.property;
  const { row, value: page } = finding;
  if (finding.kind === 'void_base' || finding.kind === 'stale_base')
    return { kind: 'base', change: { field: name, row, page, carries: null, restore: false } };
  if (winnerOf(field, winner) === 'postgres') {
    const read = goesToPostgres(field) ? decodeField(field, page, lookups, row) : null;
    const former = read?.kind === 'value' && read.text !== row ? read.text : null;
    const isTold = read?.kind === 'value' && read.text !== row;
    return {
      kind: 'base',
      change: { field: name, row: isTold ? former : row, page, carries: 'delivery', restore: !isTold },
    };
  }
  const encoded = encodeField(field, row, lookups);
  const shown = encoded.kind === 'value' && !sameJson(encoded.value, page) ? encoded.value : emptyLike(page);
  return sameJson(shown, page)
    ? { kind: 'left', why: 'the page is empty there, and no page can show what the row holds' }
    : { kind: 'base', change: { field: name, row, page: shown, carries: 'poll', restore: false } };
}

const emptyLike = (page: PageValue): PageValue =>
  Array.isArray(page) ? [] : typeof page === 'string' ? '' : null;
