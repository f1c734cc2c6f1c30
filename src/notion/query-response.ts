import { messageOf } from '../model/errors.ts';
import { type PageId, pageId } from '../model/ids.ts';
import {
  cursorOf,
  isObject,
  list,
  type NotionPage,
  reader,
  readPage,
  Unreadable,
} from './response-schemas.ts';

/** A result that should be a page and cannot be read as one. */
export type UnreadablePage = { readonly id: PageId | null; readonly message: string };

export type QueryAnswer = {
  readonly pages: readonly NotionPage[];
  readonly unreadable: readonly UnreadablePage[];
  /** Null at the end. A page of fewer results than asked for is not the end. */
  readonly nextCursor: string | null;
  /** Notion stopped at its own limit (10,000 rows): there is more than this scan can give. */
  readonly incomplete: boolean;
};

/** A query may also answer with data sources (in wikis); they are no rows. One page that cannot be read spoils no other. */
export const readQuery = reader(list, (answer, askedAt): QueryAnswer => {
  const read = answer.results.filter(isObject('page')).map((page) => readOrTell(page, askedAt));
  return {
    pages: read.flatMap((each) => ('properties' in each ? each : [])),
    unreadable: read.flatMap((each) => ('properties' in each ? [] : each)),
    nextCursor: cursorOf(answer),
    incomplete: answer.request_status?.type === 'incomplete',
  };
});

function readOrTell(page: unknown, askedAt: number): NotionPage | UnreadablePage {
  try {
    return readPage(page, askedAt);
  } catch (error) {
    const id = error instanceof Unreadable && isPageId(error.id) ? pageId(error.id) : null;
    return { id, message: messageOf(error) };
  }
}

const isPageId = (id: string | null): id is string => id !== null && /^[0-9a-f-]{32,36}$/i.test(id);
