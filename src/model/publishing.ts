import type { QualifiedName } from './ids.ts';

/** A table whose changes must be in the log, and what the log must show of it. */
export type WantedTable = {
  readonly name: QualifiedName;
  /** Must be in the old row of a DELETE: the key, or the columns that a join compares. */
  readonly identifiedBy: readonly string[];
  /** The record's key, which must be unique; null for a table that is only joined. */
  readonly key: readonly string[] | null;
  /** The columns that are read from the log. */
  readonly columns: readonly string[];
  /** Whether values depend on columns that the mapping does not name: in a query or an expression. */
  readonly readsMore: boolean;
  /** Whether the query reads the table without the tables that inherit from it. */
  readonly withoutHeirs: boolean;
};

export type IndexFacts = {
  /** Qualified and quoted. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly valid: boolean;
  /** False for a DEFERRABLE constraint: then PostgreSQL does not take it for an identity. */
  readonly immediate: boolean;
};

/** Where rows are stored: the table itself, or one of its partitions, each of which has an identity of its own. */
export type PartFacts = {
  /** Qualified and quoted. */
  readonly name: string;
  /** `pg_class.relkind`: r, or f for a foreign table. */
  readonly kind: string;
  /** `pg_class.relpersistence`: p permanent, u unlogged, t temporary. */
  readonly persistence: string;
  readonly identity: 'd' | 'f' | 'i' | 'n';
  readonly primary: IndexFacts | null;
  /** Of REPLICA IDENTITY USING INDEX; null if that index was dropped. */
  readonly chosen: IndexFacts | null;
  readonly stored: readonly string[];
  readonly virtual: readonly string[];
};

/** How the publication names the table itself. */
export type MembershipFacts = {
  /** Whether a row filter leaves rows out. */
  readonly filtered: boolean;
  /** The column list; null publishes all columns. */
  readonly columns: readonly string[] | null;
};

export type TableFacts = {
  /** Qualified and quoted. */
  readonly quoted: string;
  readonly kind: string;
  readonly persistence: string;
  readonly parts: readonly PartFacts[];
  /** Tables that inherit from it (partitions aside), qualified and quoted. */
  readonly heirs: readonly string[];
  /** The partitioned tables above it, as they are named in the configuration. */
  readonly ancestors: readonly QualifiedName[];
  readonly uniqueKeys: readonly (readonly string[])[];
  /** Number and type of each column. Another of the same name is another column. */
  readonly columns: Readonly<Record<string, string>>;
  /** Whether policies decide which rows this role sees. */
  readonly rowSecurity: boolean;
  readonly owned: boolean;
  readonly owner: string;
  readonly membership: MembershipFacts | null;
  /** Whether the publication covers it by its schema, or as every table. */
  readonly covered: boolean;
};

/** What server and publication make of a table. */
export type Publishing = {
  readonly publication: string;
  readonly versionNumber: number;
  /** Quoted. */
  readonly role: string;
  /** Whether stored generated columns are in the log (from PostgreSQL 18, by an option of the publication). */
  readonly generated: boolean;
  readonly wanted: ReadonlySet<QualifiedName>;
};
