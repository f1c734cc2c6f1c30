import { z } from 'zod';
import { actor, cursorOf, type Listed, list, type Read, reader, time } from './response-schemas.ts';

/** A database as the content of its page lists it. */
export type ChildDatabase = {
  readonly id: string;
  readonly title: string;
  /** Rounded down to the minute by Notion. */
  readonly createdTime: Date;
  readonly createdBy: string | null;
};

const childDatabase = z.object({
  id: z.string(),
  type: z.literal('child_database'),
  child_database: z.object({ title: z.string() }),
  created_time: time,
  created_by: actor,
});

/** Of a page's blocks, those that are databases. */
export const readChildDatabases: Read<Listed<ChildDatabase>> = reader(list, (answer) => ({
  items: answer.results.flatMap((block) => {
    const { data } = childDatabase.safeParse(block);
    if (data === undefined) return [];
    const { id, child_database: own, created_time: createdTime, created_by: by } = data;
    return [{ id, title: own.title, createdTime, createdBy: by?.id ?? null }];
  }),
  nextCursor: cursorOf(answer),
}));
