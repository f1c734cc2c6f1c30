import type { Told } from './errors.ts';
import { sentences } from './sentences.ts';
import { cutText, TEXT_LIMITS } from './texts.ts';

/** What a page says of itself, a line for each thing that is wrong: `Price: must be at least 0. PostgreSQL kept 12.50`. */
export function pageSentence(told: readonly Told[]): string {
  const lines = told.map(({ property, wrong, kept }) => {
    const what = property === null ? wrong : `${property}: ${wrong}`;
    return sentences(what, kept === undefined ? null : `PostgreSQL kept ${kept}`);
  });
  return cutText([...new Set(lines)].join('\n'), TEXT_LIMITS.comment).toWellFormed();
}

/** What a failure is wherever it is told: what its page shows, or the reason where the page says nothing of it. */
export const failureSentence = ({
  shown,
  reason,
}: {
  readonly shown: string | null;
  readonly reason: string | null;
}): string => shown ?? reason ?? 'no reason was kept';
