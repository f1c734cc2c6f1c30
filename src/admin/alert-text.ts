import { commandOf } from '../model/command-line.ts';
import { durationText } from '../model/duration-text.ts';
import type { ListedKind } from '../model/mass-change.ts';
import { sentences } from '../model/sentences.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import { type Cause, keyOf } from './alert-causes.ts';
import type { Condition } from './alert-conditions.ts';

/** What is posted: `text` is what Slack and its like show. */
export type Alert = {
  readonly text: string;
  readonly source: 'pgnotion';
  readonly cause: Cause['kind'];
  /** `resolved`: what was raised before is over. */
  readonly state: 'raised' | 'resolved';
  /** The same when it is raised and when it is resolved. */
  readonly key: string;
  readonly slot: string;
  readonly at: string;
  readonly [detail: string]: string | number | null;
};

/** The message for a cause. Secrets have no way into it: causes are made of names, codes and reasons (invariant 14). */
export function alertOf(cause: Cause, slot: string, now: Date): Alert {
  const { text, ...details } = wording(cause);
  const safe = Object.entries(details).map(([name, value]) => [
    name,
    typeof value === 'string' ? escaped(value) : value,
  ]);
  return {
    ...posted(text, slot, now),
    cause: cause.kind,
    key: escaped(keyOf(cause)),
    state: 'raised',
    ...Object.fromEntries(safe),
  };
}

/** The message that a cause is over. */
export function resolvedOf(
  told: {
    readonly key: string;
    readonly kind: Cause['kind'];
    readonly text: string;
    readonly raisedAt: number;
  },
  slot: string,
  now: Date,
): Alert {
  const minutes = Math.max(1, Math.round((now.getTime() - told.raisedAt) / 60_000));
  const text = `Resolved after ${durationText(minutes * 60)}: ${told.text}`;
  return { ...posted(text, slot, now), cause: told.kind, key: escaped(told.key), state: 'resolved' };
}

const posted = (text: string, slot: string, now: Date) =>
  ({
    text: `pgnotion (${slot}): ${cutText(escaped(text), TEXT_LIMITS.reason)}`,
    source: 'pgnotion',
    slot,
    at: now.toISOString(),
  }) as const;

/** Slack reads these three as markup. */
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** What a cause is, for people who read no markup. */
export const textOf = (cause: Cause): string => cutText(wording(cause).text, TEXT_LIMITS.reason);

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
      return conditionWording(cause);
  }
}

function conditionWording(cause: Condition): Wording {
  const { kind: _, ...details } = cause;
  return { text: sentences(...conditionTexts(cause)), ...details };
}

/** What is so, and what to do. */
function conditionTexts(cause: Condition): readonly string[] {
  switch (cause.kind) {
    case 'failures':
      return [`${records(cause.count)} could not be synced`, 'run `pgnotion failures list`'];
    case 'conflict-rate': {
      const { percent, conflicts } = cause;
      const many = conflicts === 1 ? '1 conflict' : `${conflicts} conflicts`;
      return [
        `${percent} % of the changes of the last hour met a conflict (${many})`,
        'run `pgnotion conflicts list --all`',
      ];
    }
    case 'backlog-depth':
      return [`${records(cause.count)} wait to be written to Notion`, 'look at `pgnotion status`'];
    case 'backlog-age':
      return [
        `a change has waited for ${cause.minutes} minutes to be written to Notion`,
        'look at `pgnotion status`',
      ];
    case 'rate-limited':
      return [
        `the rate limit held up ${cause.requests} requests within ten minutes`,
        'see that NOTION_RATE_LIMIT is what your plan allows, and that nothing else uses the same token',
      ];
    case 'slot-lost':
      return [
        cause.status === 'lost'
          ? 'the replication slot has lost WAL'
          : 'the replication slot does not exist any more',
        'look at the log: the daemon makes a new slot and compares everything, or says what it needs',
      ];
    case 'slot-lagging':
      return [`the reading of the log is behind${behind(cause)}`, 'look at `pgnotion status` and the log'];
    case 'drift': {
      const many = cause.count === 1 ? 'in one respect' : `in ${cause.count} respects`;
      return [
        `a schema deviates from the configuration ${many} (${cause.tables})`,
        'look at `pgnotion drift list`',
      ];
    }
    case 'verify-differences': {
      const many = cause.count === 1 ? '1 difference' : `${cause.count} differences`;
      return [`the last comparison (run ${cause.run}) found ${many}`, 'run `pgnotion verify`'];
    }
    default:
      return cause satisfies never;
  }
}

const records = (count: number): string => (count === 1 ? '1 record' : `${count} records`);

function behind({ minutes, megabytes }: Condition & { readonly kind: 'slot-lagging' }): string {
  const parts = [
    ...(minutes === null ? [] : [`${minutes} min`]),
    ...(megabytes === null ? [] : [`${megabytes} MB of WAL retained`]),
  ];
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}
