import type { Fault } from '../errors.ts';
import type { SlotVerdict } from '../slot-verdict.ts';

/** What a look has brought: what was seen, why it failed, or why nobody looked. */
export type Look<T> =
  | { readonly kind: 'seen'; readonly value: T }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly remedy: string }
  | { readonly kind: 'skipped'; readonly why: string };

export type ServerLook = {
  readonly version: string;
  readonly role: string;
  readonly walLevel: string;
  readonly slots: { readonly used: number; readonly most: number };
  readonly senders: { readonly used: number; readonly most: number };
  /** What `start` refuses to start with, by the name of the setting. */
  readonly faults: readonly Fault[];
};

export type SessionLook = {
  readonly tls: { readonly version: string; readonly cipher: string } | null;
  /** Whether the connection leaves this machine. */
  readonly isLocal: boolean;
  /** The server's clock less ours. */
  readonly skewMs: number;
  /** `max_slot_wal_keep_size` as it is shown; -1 for no bound. */
  readonly keepSize: string;
  /** Slots of this database that nobody reads, beside the configured one. */
  readonly leftOver: readonly { readonly name: string; readonly retained: string }[];
};

export type OwnSlotLook = {
  readonly name: string;
  readonly verdict: SlotVerdict;
  readonly isRead: boolean;
  readonly walStatus: string | null;
};

export type StateLook = {
  /** Null before the first `apply`. */
  readonly version: number | null;
  readonly newest: number;
  /** Whether the role may use what is there, or make it. */
  readonly isAllowed: boolean;
  readonly role: string;
  readonly database: string;
  readonly installation: { readonly id: string; readonly whyCopied: string | null } | null;
};

export type TableLook = {
  readonly table: string;
  readonly source: string;
  readonly key: readonly string[];
  readonly identity: string;
  readonly writes: boolean;
  readonly faults: readonly Fault[];
};

export type PublicationLook = {
  readonly name: string;
  readonly exists: boolean;
  /** What `start` has to add or change, and may. */
  readonly pending: readonly string[];
  readonly faults: readonly Fault[];
};

export type PostgresFacts = {
  readonly target: string;
  readonly connection: Look<ServerLook>;
  readonly replication: Look<{ readonly target: string; readonly isSeparate: boolean }>;
  readonly session: Look<SessionLook>;
  readonly slot: Look<OwnSlotLook>;
  readonly state: Look<StateLook>;
  readonly publication: Look<PublicationLook>;
  readonly tables: readonly { readonly table: string; readonly look: Look<TableLook> }[];
};

export type TokenLook = {
  readonly kind: 'bot' | 'person' | 'other';
  readonly name: string | null;
  readonly workspace: string | null;
};

/** Whether Notion lets the token do something, as a request shows that has no effect. */
export type CapabilityLook = {
  readonly capability: 'read content' | 'update content' | 'insert content' | 'comments' | 'user information';
  /** Without it nothing can be synced, or something is left out. */
  readonly isNeeded: boolean;
  readonly look: Look<string>;
};

export type SourceLook = {
  readonly dataSource: string;
  readonly title: string;
  readonly properties: number;
  /** What `apply` adds. */
  readonly lacking: readonly string[];
  readonly owner: 'ours' | 'nobody' | 'another';
  readonly faults: readonly Fault[];
};

export type NotionFacts = {
  readonly address: string;
  readonly token: Look<TokenLook>;
  /** Notion's clock less ours; Notion tells whole seconds. */
  readonly skewMs: Look<number>;
  readonly capabilities: readonly CapabilityLook[];
  readonly parent: Look<{ readonly id: string }>;
  /** Null: the table has no database yet. */
  readonly tables: readonly { readonly table: string; readonly look: Look<SourceLook | null> }[];
};

export type DoctorFacts = {
  readonly node: {
    readonly version: string;
    readonly fault: { readonly message: string; readonly remedy: string } | null;
  };
  readonly configuration: {
    readonly file: string;
    readonly tables: number;
    readonly faults: readonly Fault[];
  };
  /** Variables that nothing reads. */
  readonly unknownVariables: readonly Fault[];
  readonly postgres: PostgresFacts;
  readonly notion: NotionFacts;
};
