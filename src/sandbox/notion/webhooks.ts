import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { eventsOf, type WebhookEvent } from './events.ts';
import { BOT, workspaceOf } from './people.ts';
import type { Store } from './store.ts';

const ATTEMPTS = 8;

/** How a round of deliveries goes wrong, since Notion promises neither order nor arrival. */
type Mishaps = {
  /** Newest first. */
  readonly reverse?: boolean;
  /** Sends each twice. */
  readonly duplicate?: boolean;
  /** Loses this many, from the first on. */
  readonly drop?: number;
};

export type Webhooks = {
  /** Sends the handshake to the address and gives the token that it held, which signs all that follows. */
  readonly subscribe: (url: string) => Promise<string>;
  readonly unsubscribe: () => void;
  /** Sends what has gathered since the last time, and gives how many were taken. Refused ones are kept for 8 attempts. */
  readonly deliver: (mishaps?: Mishaps) => Promise<number>;
  /** Delivers by itself from now on; null stops that. */
  readonly deliverEvery: (ms: number | null) => void;
  readonly pending: () => readonly {
    readonly type: string;
    readonly entityId: string;
    readonly attempts: number;
  }[];
};

type Waiting = {
  readonly event: WebhookEvent;
  readonly id: string;
  readonly at: string;
  readonly authors: readonly string[];
  readonly properties: readonly string[];
  readonly attempts: number;
};

export function makeWebhooks(store: Store, now: () => Date): Webhooks & { readonly close: () => void } {
  let target: { readonly url: string; readonly token: string; readonly id: string } | null = null;
  let waiting: readonly Waiting[] = [];
  let timer: NodeJS.Timeout | undefined;
  store.onCommit((changes) => {
    if (target !== null)
      for (const event of eventsOf(store, changes)) waiting = gather(waiting, event, now());
  });
  const deliver = async (mishaps: Mishaps = {}): Promise<number> => {
    const { url, token, id } = target ?? { url: null, token: '', id: '' };
    const batch = (mishaps.reverse ? [...waiting].reverse() : waiting).slice(mishaps.drop ?? 0);
    waiting = [];
    if (url === null) return 0;
    let taken = 0;
    for (const one of batch) {
      const body = JSON.stringify(payload(store, one, id));
      const ok = await post(url, body, token);
      if (mishaps.duplicate) await post(url, body, token);
      if (ok) taken += 1;
      else if (one.attempts + 1 < ATTEMPTS) waiting = [...waiting, { ...one, attempts: one.attempts + 1 }];
    }
    return taken;
  };
  const deliverEvery = (ms: number | null): void => {
    clearInterval(timer);
    if (ms !== null) timer = setInterval(() => void deliver(), ms).unref();
  };
  return {
    subscribe: async (url) => {
      const token = `secret_${randomBytes(24).toString('base64url')}`;
      const taken = await post(url, JSON.stringify({ verification_token: token }), token);
      if (!taken) throw new Error(`${url} did not accept the verification request.`);
      target = { url, token, id: randomUUID() };
      return token;
    },
    unsubscribe: () => {
      target = null;
      waiting = [];
    },
    deliver,
    deliverEvery,
    pending: () =>
      waiting.map(({ event, attempts }) => ({ type: event.type, entityId: event.entity.id, attempts })),
    close: () => deliverEvery(null),
  };
}

/** Joins an event with one of its kind that still waits; what was made and trashed meanwhile is not told of. */
function gather(waiting: readonly Waiting[], event: WebhookEvent, now: Date): readonly Waiting[] {
  const same = (one: Waiting): boolean => one.event.entity.id === event.entity.id;
  const made = waiting.some((one) => same(one) && one.event.type.endsWith('.created'));
  if (made && event.type.endsWith('.deleted')) return waiting.filter((one) => !same(one));
  const old = waiting.find((one) => same(one) && one.event.type === event.type);
  const joined: Waiting = {
    event,
    id: old?.id ?? randomUUID(),
    at: now.toISOString(),
    authors: [...new Set([...(old?.authors ?? []), event.author])],
    properties: [...new Set([...(old?.properties ?? []), ...event.properties])],
    attempts: 0,
  };
  return old === undefined ? [...waiting, joined] : waiting.map((one) => (one === old ? joined : one));
}

function payload(store: Store, one: Waiting, subscription: string): unknown {
  const { event } = one;
  const updated = event.type === 'page.properties_updated' ? { updated_properties: one.properties } : {};
  const content = event.type === 'page.content_updated' ? { updated_blocks: [] } : {};
  return {
    id: one.id,
    timestamp: one.at,
    workspace_id: workspaceOf(store),
    workspace_name: 'Sandbox',
    subscription_id: subscription,
    integration_id: BOT,
    authors: one.authors.map((id) => ({ id, type: store.users.get(id)?.kind ?? 'person' })),
    attempt_number: one.attempts + 1,
    api_version: '2026-03-11',
    entity: event.entity,
    type: event.type,
    data: { ...event.data, ...updated, ...content },
  };
}

async function post(url: string, body: string, token: string): Promise<boolean> {
  const signature = `sha256=${createHmac('sha256', token).update(body).digest('hex')}`;
  const headers = { 'content-type': 'application/json', 'x-notion-signature': signature };
  try {
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(10_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
