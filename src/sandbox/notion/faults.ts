import type { JsonObject } from './types.ts';

export type FaultMatch = {
  readonly method?: string;
  /** A regular expression for the path, query included. */
  readonly path?: string;
  readonly operation?: string;
  /** A page, database or data source whose id, in either spelling, is in the path. */
  readonly id?: string;
  /** A regular expression for the request's body. */
  readonly body?: string;
};

export type FaultAction =
  | {
      readonly kind: 'status';
      readonly status: number;
      /** Whether the request is carried out first. */
      readonly when: 'before' | 'after';
      readonly code?: string;
      readonly message?: string;
      readonly headers?: Readonly<Record<string, string>>;
      /** A value of `$id` becomes the id that the request made or changed. */
      readonly additionalData?: JsonObject;
      /** Answers with a proxy's error page instead of JSON. */
      readonly html?: boolean;
    }
  /** Waits before the answer; the request has been carried out by then unless `when` is `before`. */
  | {
      readonly kind: 'delay';
      readonly ms: number;
      readonly when?: 'before' | 'after';
      /** Ends it sooner: what happens meanwhile need not take a known time. */
      readonly until?: Promise<void>;
    }
  /** Sends the headers and half of the body, then nothing. */
  | { readonly kind: 'stall-body' }
  | { readonly kind: 'reset'; readonly when: 'before' | 'after' };

export type FaultRule = {
  readonly match: FaultMatch;
  /** How many requests it strikes; null for all. */
  readonly times: number | null;
  /** How many matching requests pass first. */
  readonly skip?: number;
  /** How long it holds from when it is added, by the sandbox's clock; for good if absent. */
  readonly forMs?: number;
  readonly action: FaultAction;
};

export type Faults = {
  /** Adds a rule and gives its number. Rules are tried in their order; the first that strikes is the only one. */
  readonly add: (rule: FaultRule) => number;
  /** Takes back one rule, or all. */
  readonly clear: (id?: number) => void;
  readonly list: () => readonly (FaultRule & { readonly id: number; readonly struck: number })[];
};

type Armed = {
  readonly id: number;
  readonly rule: FaultRule;
  readonly until: number;
  seen: number;
  struck: number;
};
type Incoming = {
  readonly method: string;
  readonly path: string;
  readonly operation: string;
  readonly body: string;
};

/** Every request of the kind to that page answers 500 for good; the default is the reading of its long values. */
export const brokenPage = (id: string, operation = 'pages.properties.retrieve'): FaultRule => ({
  match: { operation, id },
  times: null,
  action: { kind: 'status', status: 500, when: 'before' },
});

/** A fault that passes, dressed as the refusal of a request: 400 for all requests that match, for a time. */
export const unsavedTransactions = (forMs: number, match: FaultMatch = {}): FaultRule => ({
  match,
  times: null,
  forMs,
  action: {
    kind: 'status',
    status: 400,
    when: 'before',
    code: 'validation_error',
    message: 'Unsaved transactions: runQuery',
  },
});

export function makeFaults(
  now: () => number,
): Faults & { readonly strike: (request: Incoming) => FaultAction | null } {
  const armed: Armed[] = [];
  let last = 0;
  return {
    add: (rule) => {
      for (const pattern of [rule.match.path, rule.match.body])
        if (pattern !== undefined) new RegExp(pattern);
      last += 1;
      const until = now() + (rule.forMs ?? Number.POSITIVE_INFINITY);
      armed.push({ id: last, rule, until, seen: 0, struck: 0 });
      return last;
    },
    clear: (id) => {
      const kept = id === undefined ? [] : armed.filter((one) => one.id !== id);
      armed.splice(0, armed.length, ...kept);
    },
    list: () => armed.map(({ id, rule, struck }) => ({ ...rule, id, struck })),
    strike: (request) => {
      for (const one of armed) {
        const spent = one.rule.times !== null && one.struck >= one.rule.times;
        if (spent || now() >= one.until || !matches(one.rule.match, request)) continue;
        one.seen += 1;
        if (one.seen <= (one.rule.skip ?? 0)) continue;
        one.struck += 1;
        return one.rule.action;
      }
      return null;
    },
  };
}

const matches = (match: FaultMatch, request: Incoming): boolean =>
  (match.method === undefined || match.method.toUpperCase() === request.method) &&
  (match.operation === undefined || match.operation === request.operation) &&
  (match.id === undefined || request.path.replaceAll('-', '').includes(match.id.replaceAll('-', ''))) &&
  (match.body === undefined || new RegExp(match.body).test(request.body)) &&
  (match.path === undefined || new RegExp(match.path).test(request.path));
