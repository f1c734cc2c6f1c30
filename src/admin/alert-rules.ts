import { commandOf } from '../model/command-line.ts';
import type { ListedKind } from '../model/mass-change.ts';
import { sentences } from '../model/sentences.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import type { Health } from './health.ts';

/** Something that a person has to know of. */
export type Cause =
  | { readonly kind: 'notion-refuses'; readonly code: string; readonly remedy: string }
  | {
      readonly kind: 'requests-refused';
      readonly requests: string;
      readonly table: string | null;
      readonly code: string;
      readonly remedy: string;
    }
  | { readonly kind: 'table-suspended'; readonly table: string; readonly reason: string }
  | { readonly kind: `${ListedKind}s-wait`; readonly table: string; readonly count: number }
  | Occurrence;

/** A cause that does not last: it is told once. */
export type Occurrence =
  | { readonly kind: 'slot-renewed'; readonly reason: string; readonly at: Date }
  | { readonly kind: 'taken-over'; readonly from: string | null; readonly at: Date };

/** What is posted: `text` is what Slack and its like show. */
export type Alert = {
  readonly text: string;
  readonly source: 'pgnotion';
  readonly cause: Cause['kind'];
  readonly slot: string;
  readonly at: string;
  readonly [detail: string]: string | number | null;
};

/** By key: when a cause is told next if it lasts, and when it was last there. Milliseconds since 1970. */
export type Told = Readonly<Record<string, { readonly nextAt: number; readonly seenAt: number }>>;

/** A cause that lasts is told again after this time. */
const REPEAT_MS = 6 * 3_600_000;
/** What could not be sent is sent again after this time. */
const AGAIN_MS = 600_000;
/** A cause counts as cleared only after this time, so that one which comes and goes is told once. */
const CLEARED_MS = 600_000;
/** An occurrence that could not be told in this time is forgotten; the log has it. */
export const OCCURRENCE_MS = 3_600_000;

/** What tells one cause from another of its kind. */
export function keyOf(cause: Cause): string {
  switch (cause.kind) {
    case 'notion-refuses':
      return `${cause.kind} ${cause.code}`;
    case 'requests-refused':
      return `${cause.kind} ${cause.requests} ${cause.table ?? ''}`;
    case 'table-suspended':
    case 'deletions-wait':
    case 'clearings-wait':
    case 'creations-wait':
    case 'adoptions-wait':
    case 'pairings-wait':
      return `${cause.kind} ${cause.table}`;
    case 'slot-renewed':
    case 'taken-over':
      return `${cause.kind} ${cause.at.toISOString()}`;
    default:
      return cause satisfies never;
  }
}

/** Everything that alerts. */
export function causesOf(seen: {
  readonly health: Health;
  readonly suspended: readonly { readonly table: string; readonly reason: string }[];
  /** Kinds of requests that Notion refuses to this connection. */
  readonly refusedKinds?: readonly {
    readonly kind: string;
    readonly table: string | null;
    readonly code: string;
    readonly remedy: string;
  }[];
  readonly guarded: readonly { readonly kind: ListedKind; readonly table: string; readonly count: number }[];
  readonly occurrences: readonly Occurrence[];
}): readonly Cause[] {
  const { refused } = seen.health.notion;
  return [
    ...(refused === null ? [] : [{ kind: 'notion-refuses', ...refused } as const]),
    ...(seen.refusedKinds ?? []).map(
      ({ kind: requests, ...each }) => ({ kind: 'requests-refused', requests, ...each }) as const,
    ),
    ...seen.suspended.map((each) => ({ kind: 'table-suspended', ...each }) as const),
    ...seen.guarded.map(({ kind, ...each }) => ({ kind: `${kind}s-wait`, ...each }) as const),
    ...seen.occurrences,
  ];
}

/** Which causes are told now: those that are new, and those that have lasted since they were told long ago. */
export function dueCauses(causes: readonly Cause[], told: Told, now: number): readonly Cause[] {
  return causes.filter((cause) => {
    const before = told[keyOf(cause)];
    return before === undefined || now >= before.nextAt;
  });
}

/** What has been told, after these causes were there and `sent` says of those that were due whether they arrived. */
export function afterTelling(
  told: Told,
  causes: readonly Cause[],
  sent: ReadonlyMap<string, boolean>,
  now: number,
): Told {
  const recent = Object.entries(told).filter(([, { seenAt }]) => now - seenAt <= CLEARED_MS);
  const present = causes.map((cause) => {
    const key = keyOf(cause);
    const before = told[key] ?? { nextAt: now };
    const arrived = sent.get(key);
    if (arrived === undefined) return [key, { ...before, seenAt: now }] as const;
    const nextAt = now + (arrived ? REPEAT_MS : AGAIN_MS);
    return [key, { nextAt, seenAt: now }] as const;
  });
  return { ...Object.fromEntries(recent), ...Object.fromEntries(present) };
}

/** The message for a cause. Secrets have no way into it: causes are made of names, codes and reasons (invariant 14). */
export function alertOf(cause: Cause, slot: string, now: Date): Alert {
  const { text, ...details } = wording(cause);
  // Slack reads these three as markup.
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return {
    text: `pgnotion (${slot}): ${cutText(escaped, TEXT_LIMITS.reason)}`,
    source: 'pgnotion',
    cause: cause.kind,
    slot,
    at: now.toISOString(),
    ...details,
  };
}

type Wording = { readonly text: string; readonly [detail: string]: string | number | null };

const GUARDED: Readonly<Record<`${ListedKind}s-wait`, (count: number, table: string) => string>> = {
  'deletions-wait': (count, table) => `${count} deletions of ${table}`,
  'clearings-wait': (count, table) => `${count} values of ${table} that would become empty`,
  'creations-wait': (count, table) =>
    `${count} pages that would become rows of ${table}, or be made for rows of it,`,
  'adoptions-wait': (count, table) => `${count} pages of lost records of ${table}`,
  'pairings-wait': (count, table) => `${count} pages that match several rows of ${table}, or one another,`,
};

/** What waits whatever its number. */
const ONE_BY_ONE: readonly Cause['kind'][] = ['adoptions-wait', 'pairings-wait'];

const decisionOn = (kind: `${ListedKind}s-wait`, table: string): string =>
  kind === 'pairings-wait'
    ? `${commandOf('guarded pair', table, 'KEY', 'PAGE')} for each, or ${commandOf('guarded reject', table, '--kind', 'pairing')}`
    : `${commandOf('guarded approve', table)} or ${commandOf('guarded reject', table)}`;

function wording(cause: Cause): Wording {
  switch (cause.kind) {
    case 'notion-refuses': {
      const { code, remedy } = cause;
      return { text: sentences(`Notion refuses every request (${code})`, remedy), code, remedy };
    }
    case 'requests-refused': {
      const { requests, table, code, remedy } = cause;
      const of = table === null ? '' : ` of ${table}`;
      return {
        text: sentences(`Notion refuses to ${requests} pages${of} (${code})`, remedy),
        requests,
        table,
        code,
        remedy,
      };
    }
    case 'table-suspended': {
      const { table, reason } = cause;
      const text = `${table} is suspended: ${reason}. It goes on by itself once that is mended.`;
      return { text, table, reason: cutText(reason, TEXT_LIMITS.reason) };
    }
    case 'deletions-wait':
    case 'clearings-wait':
    case 'creations-wait':
    case 'adoptions-wait':
    case 'pairings-wait': {
      const { table, count } = cause;
      const remedy = `look at \`pgnotion guarded list\`, then run ${decisionOn(cause.kind, table)}`;
      return {
        text: `${GUARDED[cause.kind](count, table)} wait for a person${ONE_BY_ONE.includes(cause.kind) ? '' : ', because they are so many'}: ${remedy}`,
        table,
        count,
        remedy,
      };
    }
    case 'slot-renewed': {
      const { reason } = cause;
      return { text: `A new replication slot was made (${reason}); every row and page is compared.`, reason };
    }
    case 'taken-over': {
      const { from } = cause;
      const text = `A daemon that stood by is at work now${from === null ? '' : `, instead of the one on ${from}`}.`;
      return { text, from };
    }
    default:
      return cause satisfies never;
  }
}
