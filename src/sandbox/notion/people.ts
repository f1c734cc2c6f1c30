import { randomUUID } from 'node:crypto';
import { plainRuns } from './richtext.ts';
import type { Store } from './store.ts';

/** The page that everything is made under, the workspace, the connection's own user, and two people who edit. */
export const PARENT_PAGE = '5a4db000-0000-4000-8000-00000000face';
export const WORKSPACE = '5a4db000-0000-4000-8000-000000000000';
export const BOT = '5a4db000-0000-4000-8000-000000000b07';
export const ADA = '5a4db000-0000-4000-8000-000000000ada';
export const GRACE = '5a4db000-0000-4000-8000-00000009ace0';

/** Of a journal that an older version wrote, all sandboxes are one. */
export const workspaceOf = (store: Store): string => store.users.get(BOT)?.workspace ?? WORKSPACE;

/** Puts into an empty workspace what every workspace has. */
export function furnish(store: Store, at: number): void {
  if (store.pages.get(PARENT_PAGE) !== undefined) return;
  store.transact(() => {
    store.users.put({
      id: BOT,
      kind: 'bot',
      name: 'Sandbox connection',
      email: null,
      workspace: randomUUID(),
    });
    store.users.put({ id: ADA, kind: 'person', name: 'Ada Lovelace', email: 'ada@example.com' });
    store.users.put({ id: GRACE, kind: 'person', name: 'Grace Hopper', email: 'grace@example.com' });
    store.pages.put({
      id: PARENT_PAGE,
      seq: store.sequence(),
      parent: { type: 'workspace' },
      values: { title: { type: 'title', runs: plainRuns('Sandbox workspace') } },
      createdTime: at,
      createdBy: ADA,
      lastEditedTime: at,
      lastEditedBy: ADA,
      inTrash: false,
      isArchived: false,
      shared: true,
    });
  });
}
