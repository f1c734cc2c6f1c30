import type { NotionClient, NotionUser } from './client.ts';
import { NotionFailure } from './error-classification.ts';

/** Notion users by email, and their names: fetched once and again when they are old. */
export type People = {
  /** Lower-case email -> user id. Empty if the connection may not read users' emails. */
  readonly byEmail: () => Promise<ReadonlyMap<string, string>>;
  readonly nameOf: (userId: string | null) => Promise<string | null>;
};

type Users = {
  readonly at: number;
  readonly emails: ReadonlyMap<string, string>;
  readonly names: ReadonlyMap<string, string>;
};

const FRESH_MS = 10 * 60_000;

export function createPeople(notion: NotionClient, now: () => number = Date.now): People {
  let fetched: Users | null = null;
  let fetching: Promise<Users> | null = null;
  const fetchUsers = async (): Promise<Users> => {
    const users = await visibleUsers(notion);
    fetched = {
      at: now(),
      emails: new Map(
        users.flatMap((user) => (user.email === null ? [] : [[user.email.toLowerCase(), user.id]])),
      ),
      names: new Map(users.flatMap((user) => (user.name === null ? [] : [[user.id, user.name]]))),
    };
    return fetched;
  };
  const load = async (): Promise<Users> => {
    if (fetched !== null && now() - fetched.at < FRESH_MS) return fetched;
    // Whoever asks meanwhile waits for the same answer, or the same failure; the next one asks again.
    fetching ??= fetchUsers().finally(() => {
      fetching = null;
    });
    return fetching;
  };
  return {
    byEmail: async () => (await load()).emails,
    nameOf: async (userId) => (userId === null ? null : ((await load()).names.get(userId) ?? userId)),
  };
}

/** Reading users is a capability of its own: without it people go by their ids, and edits are applied all the same. */
async function visibleUsers(notion: NotionClient): Promise<readonly NotionUser[]> {
  try {
    return await notion.listUsers({ priority: 'poll' });
  } catch (error) {
    if (error instanceof NotionFailure && error.errorClass.status === 403) return [];
    throw error;
  }
}
