import type { Client } from '@notionhq/client';
import type { Call } from './call.ts';
import { classify, NotionFailure } from './error-classification.ts';
import type { Operation } from './http-error.ts';
import type { Listed } from './response-schemas.ts';

/** The part of a call that its kind decides. */
export type Body = Readonly<Record<string, unknown>>;
export type Query = Record<string, string | number | boolean | string[]>;

const given = (values: Body): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/**
 * All calls go by path: the client's named methods drop parameters that they do not know (`is_archived`) and turn
 * a call into an empty one that looks like a success (`archived` on a database).
 */
export function byPath(
  method: Operation['method'],
  path: string,
  body?: Body,
  query?: Query,
): Call<never>['send'] {
  const lower = method.toLowerCase() as Lowercase<Operation['method']>;
  return (notion: Client) =>
    notion.request({
      path,
      method: lower,
      ...(body ? { body: given(body) } : {}),
      ...(query ? { query } : {}),
    });
}

/** All pages of a list. A cursor that comes back would have us ask for ever. */
export async function collect<T>(
  operation: string,
  ask: (cursor: string | undefined) => Promise<Listed<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  const seen = new Set<string>();
  for (let cursor: string | undefined; ; ) {
    const { items, nextCursor } = await ask(cursor);
    all.push(...items);
    if (nextCursor === null) return all;
    if (seen.has(nextCursor)) {
      const message = 'the same cursor was given twice';
      const problem = { kind: 'unreadable', cut: false, message, committedId: null } as const;
      throw new NotionFailure(
        classify({ ...problem, operation: { method: 'GET', effect: 'read' } }),
        operation,
      );
    }
    seen.add(nextCursor);
    cursor = nextCursor;
  }
}

export const pageQuery = (cursor: string | undefined): Query => ({
  page_size: 100,
  ...(cursor === undefined ? {} : { start_cursor: cursor }),
});
