import { randomUUID } from 'node:crypto';
import type { Behaviour } from './behaviour.ts';
import type { Blackout } from './blackouts.ts';
import type { Capability } from './capabilities.ts';
import type { House } from './door.ts';
import type { Faults } from './faults.ts';
import { type HumanActions, humanActions } from './human.ts';
import type { Limit } from './limits.ts';
import type { RequestLog, RequestLogEntry } from './log.ts';
import { BOT } from './people.ts';
import type { Comment, Database, DataSource, Page, User } from './types.ts';
import type { Webhooks } from './webhooks.ts';

type Snapshot = {
  readonly users: readonly User[];
  readonly databases: readonly Database[];
  readonly dataSources: readonly DataSource[];
  readonly pages: readonly Page[];
  readonly comments: readonly Comment[];
};

/** What a test, or a person at the page, can do that no API offers. */
export type SandboxControl = HumanActions & {
  readonly requests: () => RequestLogEntry[];
  readonly clearRequests: () => void;
  readonly faults: Faults;
  readonly webhooks: Webhooks;
  /**
   * From now on queries and search see a write only this much later (between the two times, drawn for each write);
   * 0 makes all seen at once. Retrieving a page by its id is always current.
   */
  readonly setQueryLag: (ms: number, mostMs?: number) => void;
  /**
   * From now on each schema PATCH makes queries of that data source miss a share (0 to 1) of its rows for a time;
   * null ends it.
   */
  readonly setSchemaBlackout: (blackout: Blackout | null) => void;
  /** Changes how Notion behaves where its documents leave that open; see `Behaviour`. */
  readonly setBehaviour: (changes: Partial<Behaviour>) => void;
  readonly behaviour: () => Behaviour;
  /** Refuses a whole kind of request with 403 `restricted_resource`, for a time or until it is granted again. */
  readonly withdrawCapability: (capability: Capability, forMs?: number) => void;
  readonly grantCapability: (capability: Capability) => void;
  /** How many rows a query gives in all before it is cut as incomplete. */
  readonly setResultCap: (rows: number) => void;
  /** Whether answers hold fewer items than were asked for though more follow. */
  readonly setShortPages: (on: boolean) => void;
  /** The budget of each token; null lifts it. What has been spent is forgotten. */
  readonly setLimit: (limit: Limit | null) => void;
  /** A budget that all tokens share. */
  readonly setWorkspaceLimit: (limit: Limit | null) => void;
  readonly expireCursors: () => void;
  /** Adds a token. It acts as the given user, or as a bot of its own. Gives the user's id. */
  readonly addToken: (token: string, userId?: string) => string;
  readonly addUser: (name: string, email: string | null) => string;
  readonly botId: string;
  /** Grows with every change of the workspace. */
  readonly version: () => number;
  readonly snapshot: () => Snapshot;
};

export function makeControl(
  house: House,
  log: RequestLog,
  faults: Faults,
  webhooks: Webhooks,
): SandboxControl {
  const { store, tokens } = house;
  const addUser = (kind: User['kind'], name: string, email: string | null): string => {
    const id = randomUUID();
    store.transact(() => store.users.put({ id, kind, name, email }));
    return id;
  };
  return {
    ...humanActions(house),
    requests: log.all,
    clearRequests: log.clear,
    faults: { add: faults.add, clear: faults.clear, list: faults.list },
    webhooks,
    ...tuning(house),
    addToken: (token, userId) => {
      const id = userId ?? addUser('bot', `Connection ${tokens.size + 1}`, null);
      tokens.set(token, id);
      return id;
    },
    addUser: (name, email) => addUser('person', name, email),
    botId: BOT,
    version: store.version,
    snapshot: () =>
      structuredClone({
        users: store.users.all(),
        databases: store.databases.all(),
        dataSources: store.dataSources.all(),
        pages: store.pages.all(),
        comments: store.comments.all(),
      }),
  };
}

type Tuning = Pick<
  SandboxControl,
  | 'setQueryLag'
  | 'setSchemaBlackout'
  | 'setBehaviour'
  | 'behaviour'
  | 'withdrawCapability'
  | 'grantCapability'
  | 'setResultCap'
  | 'setShortPages'
  | 'setLimit'
  | 'setWorkspaceLimit'
  | 'expireCursors'
>;

function tuning({ store, cuts, capabilities, limiter, cursors }: House): Tuning {
  return {
    setQueryLag: store.setLag,
    setSchemaBlackout: cuts.blackouts.set,
    setBehaviour: (changes) => void Object.assign(store.behaviour, changes),
    behaviour: () => ({ ...store.behaviour }),
    withdrawCapability: capabilities.withdraw,
    grantCapability: capabilities.grant,
    setResultCap: (rows) => {
      cuts.cap = rows;
    },
    setShortPages: (on) => {
      cuts.shortPages = on;
    },
    setLimit: limiter.setLimit,
    setWorkspaceLimit: limiter.setWorkspaceLimit,
    expireCursors: cursors.expireAll,
  };
}
