import type { Lsn, QualifiedName } from './ids.ts';

/** A column's value as PostgreSQL's output function writes it under the pinned settings; null is SQL NULL. */
export type SqlText = string | null;

/** A record's mapped values as PostgreSQL gave them, by property name. */
export type RowImage = Readonly<Record<string, SqlText>>;

/** Plain JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A property's canonical value: what a codec's `read` makes of Notion's answer. */
export type PageValue = Json;

/** A page's mapped values as Notion gave them back, by property name. */
export type PageImage = Readonly<Record<string, PageValue>>;

/** A tuple of the WAL by column name; `undefined` marks an unchanged TOAST value that was not sent. */
export type WalTuple = Readonly<Record<string, SqlText | undefined>>;

/**
 * What the log tells, whichever output plugin decoded it. Values are text. `partial`: values were left out for their
 * size, so that `undefined` does not say that a value is unchanged.
 */
export type WalEvent =
  | { readonly kind: 'begin'; readonly xid: number; readonly commitAt: Date }
  | {
      readonly kind: 'insert';
      readonly table: QualifiedName;
      readonly row: WalTuple;
      readonly partial?: true;
    }
  | {
      readonly kind: 'update';
      readonly table: QualifiedName;
      readonly row: WalTuple;
      /** Present if the replica identity changed, or always under FULL. */
      readonly old: WalTuple | null;
      readonly partial?: true;
    }
  | { readonly kind: 'delete'; readonly table: QualifiedName; readonly old: WalTuple }
  | { readonly kind: 'truncate'; readonly tables: readonly QualifiedName[] }
  | {
      readonly kind: 'message';
      readonly transactional: boolean;
      readonly prefix: string;
      readonly content: string;
    }
  /** `end` is the first position after the transaction: what may be acknowledged once it is stored. */
  | { readonly kind: 'commit'; readonly end: Lsn; readonly commitAt: Date }
  /** The server has nothing unsent before `walEnd`; only acknowledge it when nothing is pending. */
  | { readonly kind: 'keepalive'; readonly walEnd: Lsn };
