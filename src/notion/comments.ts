import { z } from 'zod';
import { actor, plain, reader, richText, time } from './response-schemas.ts';

export type NotionComment = {
  readonly id: string;
  readonly text: string;
  /** Rounded down to the minute by Notion. */
  readonly createdTime: Date;
  readonly createdBy: string | null;
};

/** A connection without the capability to read comments is told the id alone. */
export const readComment = reader(
  z.object({ id: z.string(), created_time: time.optional(), created_by: actor, rich_text: richText }),
  (comment): NotionComment => ({
    id: comment.id,
    text: plain(comment.rich_text),
    createdTime: comment.created_time ?? new Date(0),
    createdBy: comment.created_by?.id ?? null,
  }),
);
