/** One request to the API, as it came and as it was answered. */
export type RequestLogEntry = {
  readonly seq: number;
  /** Milliseconds since the epoch, when it came. */
  readonly at: number;
  readonly method: string;
  /** Query included. */
  readonly path: string;
  /** What was answered; null while it is under way, 0 if the connection was cut. */
  readonly status: number | null;
  /** Such as `pages.create`; `unknown` for a path that is no endpoint. */
  readonly operation: string;
  /** What a new page, comment, data source or database was to belong to; null for other requests. */
  readonly parent: string | null;
  readonly bodyBytes: number;
};

/** The parent that the body of a request names, whatever else may be wrong with it. */
export function parentIn(body: string): string | null {
  try {
    const { parent } = JSON.parse(body) as { readonly parent?: Readonly<Record<string, unknown>> };
    const id = parent?.data_source_id ?? parent?.page_id ?? parent?.database_id;
    return typeof id === 'string' ? id : null;
  } catch {
    return null;
  }
}

export type RequestLog = {
  readonly begin: (entry: Omit<RequestLogEntry, 'seq' | 'status'>) => (status: number) => void;
  readonly all: () => RequestLogEntry[];
  readonly clear: () => void;
};

/** The newest of these many entries are kept. */
const KEPT = 100_000;

export function makeLog(): RequestLog {
  let entries: RequestLogEntry[] = [];
  let seq = 0;
  return {
    begin: (entry) => {
      seq += 1;
      const mine = { ...entry, seq, status: null as number | null };
      entries.push(mine);
      if (entries.length > KEPT * 1.1) entries = entries.slice(-KEPT);
      return (status) => {
        mine.status = status;
      };
    },
    all: () => entries.map((entry) => ({ ...entry })),
    clear: () => {
      entries = [];
    },
  };
}
