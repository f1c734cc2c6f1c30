import { type JudgedGroup, matchFields, named } from './adoption.ts';
import { commandOf } from './command-line.ts';
import type { PageId, RowKey } from './ids.ts';
import type { ResolvedTable } from './mapping.ts';
import { pageAddress } from './notion-address.ts';
import { cutText, TEXT_LIMITS } from './texts.ts';

/** Why a page or a row waits that is not one to one with another. */
export const AMBIGUOUS_MATCH = 'ambiguous_match';
/** Why a page waits whose values another page shows too. */
export const DUPLICATE_MATCH = 'duplicate_match';

export type MatchFailure = { readonly code: string; readonly reason: string; readonly remedy: string };

/** Why a page waits whose values are not those of one row alone, or are another page's too. */
export function heldPage(
  table: ResolvedTable,
  { group, verdict, values }: Pick<JudgedGroup, 'group' | 'verdict' | 'values'>,
  page: PageId,
): MatchFailure {
  const shown = shownValues(table, values);
  const others = group.pages.filter((each) => each !== page).map(pageAddress);
  const free = group.rows.filter(({ taken }) => !taken).map(({ key }) => key);
  const taken = group.rows.filter((row) => row.taken).map(({ key }) => key);
  const rows = [
    ...(free.length === 0 ? [] : [`${free.length === 1 ? 'the row' : 'the rows'} ${named(free.map(short))}`]),
    ...(taken.length === 0
      ? []
      : [
          `${taken.length === 1 ? 'the row' : 'the rows'} ${named(taken.map(short))}, which ${taken.length === 1 ? 'has' : 'have'} another page`,
        ]),
  ];
  const those = rows.length === 0 ? 'no row holds it' : `it is held by ${rows.join(', and by ')}`;
  const [rowKey] = free;
  const another = free.length > 1 ? ', or with the key of another of these rows,' : '';
  const choose =
    rowKey === undefined
      ? 'trash the page in Notion if it is not needed'
      : `run ${commandOf('guarded pair', table.name, rowKey, page)}${another} to make it the page of that row`;
  if (verdict.kind === 'duplicate')
    return {
      code: DUPLICATE_MATCH,
      reason: `${group.pages.length} pages show ${shown}, this one (${pageAddress(page)}) and ${named(others)}; ${those}`,
      remedy: `${choose}, or ${commandOf('guarded reject', table.name, page, '--kind', 'pairing')} to make it a row of its own`,
    };
  return {
    code: AMBIGUOUS_MATCH,
    reason: `the page ${pageAddress(page)} shows ${shown}; ${those}`,
    remedy: `${choose}, or ${commandOf('guarded reject', table.name, page, '--kind', 'pairing')} to make it a row of its own`,
  };
}

/** Why a row waits for which it is not known which page is its page. */
export const heldRow = (table: ResolvedTable, pages: readonly PageId[], key: RowKey): MatchFailure => {
  const columns = table.match.join(' and ');
  const [page] = pages;
  return {
    code: AMBIGUOUS_MATCH,
    reason: `${pages.length === 1 ? 'a page holds' : `${pages.length} pages hold`} the same ${columns} as this row, and it is not known which row and page belong together: ${named(pages.map(pageAddress))}`,
    remedy: `run ${commandOf('guarded pair', table.name, key, page ?? '')} to give it ${pages.length > 1 ? 'that page, or another of these,' : 'that page'} or ${commandOf('guarded reject', table.name, key, '--kind', 'pairing')} to have a new page made for it`,
  };
};

function shownValues(table: ResolvedTable, values: readonly string[]): string {
  const fields = matchFields(table);
  return fields
    .map(
      ({ property }, at) => `${property} ${JSON.stringify(cutText(values[at] ?? '', TEXT_LIMITS.shownKey))}`,
    )
    .join(' and ');
}

const short = (key: string): string => cutText(key, TEXT_LIMITS.shownKey);
