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
  readonly bodyBytes: number;
};

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
