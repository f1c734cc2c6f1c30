import { verifyWebhookSignature } from '@notionhq/client';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { messageOf } from '../model/errors.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Log } from '../runtime/log.ts';
import { within } from '../runtime/retry.ts';
import { isSameSecret } from '../runtime/same-secret.ts';
import { noteWebhook, watchedSource } from '../state/evidence.ts';
import { readSources } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import { keepWebhookToken, webhookToken } from '../state/webhook.ts';
import { hintOf, isOfSource, type KnownSource, type PageHint, readDelivery } from './webhook-event.ts';

/** The daemon at work, as far as webhooks need it. */
export type WebhookTarget = {
  readonly store: Store;
  readonly tables: ReadonlyMap<string, ResolvedTable>;
  readonly botId: string;
  /** False if it was dropped because too many wait. */
  readonly hint: (hint: PageHint) => boolean;
};

/** Notion's events hold ids only: the largest that was seen is a few kilobytes. */
const MOST_BYTES = 262_144;
/** How long token and data sources are taken as they were: a flood of forged posts costs no queries. */
const FRESH_MS = 2_000;
const ANSWER_MS = 5_000;
const TELL_MS = 60_000;

type Outcome = { readonly status: 200 | 400 | 401 | 409 | 503; readonly message: string };

/**
 * `POST /webhooks/notion`. Notion sends again what gets no 2xx, up to eight times within a day, so a daemon that stands by
 * answers 503 and the one at work gets it with the next attempt. `target` is null while this daemon does not sync.
 */
export function webhookRoutes(target: () => WebhookTarget | null, log: Log): Hono {
  const app = new Hono();
  const knowledge = createKnowledge();
  const tell = rarely(log);
  const limit = bodyLimit({ maxSize: MOST_BYTES, onError: (c) => c.json({ message: 'too large' }, 413) });
  app.post('/webhooks/notion', limit, async (c) => {
    const at = target();
    if (at === null)
      return c.json({ message: 'this daemon does not sync now' }, 503, { 'retry-after': '60' });
    const body = new Uint8Array(await c.req.arrayBuffer());
    const signature = c.req.header('x-notion-signature') ?? null;
    const { status, message } = await receive(at, { body, signature }, knowledge, tell);
    return c.json({ message }, status);
  });
  return app;
}

type Posted = { readonly body: Uint8Array<ArrayBuffer>; readonly signature: string | null };
type Tell = (details: object, message: string) => void;

async function receive(
  target: WebhookTarget,
  posted: Posted,
  knowledge: Knowledge,
  tell: Tell,
): Promise<Outcome> {
  try {
    const { token, sources, probed } = await within(
      ANSWER_MS,
      'the token of the webhooks',
      knowledge.of(target),
    );
    const delivery = readDelivery(new TextDecoder().decode(posted.body));
    if (delivery.kind === 'handshake') {
      return await shakeHands(target, posted, { offered: delivery.token, kept: token }, { knowledge, tell });
    }
    if (token === null || !(await isSigned(posted, token))) {
      tell({ remedy: UNSIGNED }, 'a webhook without a valid signature was refused');
      return { status: 401, message: 'the signature is missing or wrong' };
    }
    if (delivery.kind === 'malformed') return { status: 400, message: 'the body is not JSON' };
    const hint = delivery.kind === 'event' ? hintOf(delivery.event, sources, target.botId) : null;
    if (delivery.kind === 'event' && probed !== null && isOfSource(delivery.event, probed))
      await noteWebhook(target.store);
    if (hint === null) return { status: 200, message: 'nothing of it is synced' };
    if (target.hint(hint)) return { status: 200, message: 'it is looked at' };
    tell(
      { page: hint.page },
      'too many webhooks wait, so some were dropped; the polling finds what they told of',
    );
    return { status: 200, message: 'too many wait; the polling finds it' };
  } catch (error) {
    tell({ reason: messageOf(error) }, 'a webhook could not be taken; Notion sends it again');
    return { status: 503, message: 'it cannot be taken now' };
  }
}

const UNSIGNED = 'if it was Notion, `pgnotion webhook reset` and verify the subscription again in Notion';

const isSigned = ({ body, signature }: Posted, verificationToken: string): Promise<boolean> =>
  verifyWebhookSignature({ body, signature, verificationToken });

/**
 * Anybody can post a handshake, so the first one is kept and no later one replaces it until a person says so. A
 * stranger's that came first is found out when Notion does not accept its token, and can do no more than have pages
 * looked at.
 */
async function shakeHands(
  target: WebhookTarget,
  posted: Posted,
  { offered, kept }: { readonly offered: string; readonly kept: string | null },
  { knowledge, tell }: { readonly knowledge: Knowledge; readonly tell: Tell },
): Promise<Outcome> {
  // Notion signs the handshake with the very token that it holds.
  if (posted.signature !== null && !(await isSigned(posted, offered)))
    return { status: 401, message: 'the signature is wrong' };
  const known = kept ?? (await target.store.transaction((sql) => keepWebhookToken(sql, offered)));
  knowledge.forget();
  if (!isSameSecret(known, offered)) {
    tell(
      { remedy: 'if it was yours, run `pgnotion webhook reset` and send the token again from Notion' },
      'a handshake for webhooks was refused: there is a token already',
    );
    return { status: 409, message: 'there is a token already' };
  }
  if (kept === null)
    tell(
      { remedy: 'run `pgnotion webhook token` and paste it into Notion' },
      'Notion asks to verify webhooks',
    );
  return { status: 200, message: 'the token is kept' };
}

type Known = {
  readonly token: string | null;
  readonly sources: readonly KnownSource[];
  /** The data source of a probe that wants to know whether its edits are told of. */
  readonly probed: string | null;
};
type Knowledge = { readonly of: (target: WebhookTarget) => Promise<Known>; readonly forget: () => void };

function createKnowledge(): Knowledge {
  let known: { readonly store: Store; readonly at: number; readonly what: Promise<Known> } | null = null;
  return {
    of: (target) => {
      if (known?.store !== target.store || performance.now() - known.at > FRESH_MS) {
        known = { store: target.store, at: performance.now(), what: look(target) };
        // A failure is its callers', and the next one asks again.
        known.what.catch(() => {
          known = null;
        });
      }
      return known.what;
    },
    forget: () => {
      known = null;
    },
  };
}

async function look({ store, tables }: WebhookTarget): Promise<Known> {
  const sources = [...(await readSources(store)).values()].filter((source) => tables.has(source.table));
  return {
    token: await webhookToken(store),
    probed: await watchedSource(store),
    sources: sources.map(({ table, dataSource, database, properties }) => ({
      table,
      dataSource,
      database,
      relations: (tables.get(table)?.fields ?? [])
        .filter((field) => field.type === 'relation')
        .flatMap((field) => properties[field.property] ?? []),
    })),
  };
}

/** Warns of each thing once a minute: nobody may fill the log from outside. */
function rarely(log: Log): Tell {
  const last = new Map<string, number>();
  return (details, message) => {
    if (performance.now() - (last.get(message) ?? Number.NEGATIVE_INFINITY) < TELL_MS) return;
    last.set(message, performance.now());
    log.warn(details, message);
  };
}
