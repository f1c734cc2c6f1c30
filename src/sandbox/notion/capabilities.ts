import { ApiError } from './errors.ts';

/** What a connection may be allowed to do, as its settings in Notion list it. */
export const CAPABILITIES = [
  'read content',
  'insert content',
  'update content',
  'read comments',
  'insert comments',
  'read users',
] as const;
export type Capability = (typeof CAPABILITIES)[number];

const NEEDED: Readonly<Record<string, Capability>> = {
  'pages.create': 'insert content',
  'databases.create': 'insert content',
  'dataSources.create': 'insert content',
  'pages.update': 'update content',
  'pages.move': 'update content',
  'databases.update': 'update content',
  'dataSources.update': 'update content',
  'pages.retrieve': 'read content',
  'pages.properties.retrieve': 'read content',
  'databases.retrieve': 'read content',
  'dataSources.retrieve': 'read content',
  'dataSources.query': 'read content',
  'blocks.children.list': 'read content',
  'fileUploads.create': 'insert content',
  'fileUploads.send': 'insert content',
  search: 'read content',
  'comments.create': 'insert comments',
  'comments.list': 'read comments',
  'users.list': 'read users',
  'users.retrieve': 'read users',
};

export type Capabilities = {
  /** Takes a capability away from all connections, for a while or until `grant`. */
  readonly withdraw: (capability: Capability, forMs?: number) => void;
  readonly grant: (capability: Capability) => void;
  /** Lets an operation pass, or refuses it with 403. */
  readonly check: (operation: string, now: number) => void;
};

export function makeCapabilities(now: () => number): Capabilities {
  /** Capability -> the end of its absence. */
  const withdrawn = new Map<Capability, number>();
  return {
    withdraw: (capability, forMs = Number.POSITIVE_INFINITY) => {
      if (!CAPABILITIES.includes(capability)) throw new TypeError(`no such capability: ${capability}`);
      withdrawn.set(capability, now() + forMs);
    },
    grant: (capability) => void withdrawn.delete(capability),
    check: (operation, at) => {
      const capability = NEEDED[operation];
      const until = capability === undefined ? undefined : withdrawn.get(capability);
      if (until === undefined || at >= until) return;
      throw new ApiError(403, 'restricted_resource', 'Insufficient permissions for this endpoint.');
    },
  };
}
