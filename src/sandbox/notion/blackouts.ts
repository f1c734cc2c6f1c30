import { randomInt } from 'node:crypto';
import type { Page } from './types.ts';

/** For how long after a schema PATCH queries miss rows of that data source, and which share of them (0 to 1). */
export type Blackout = { readonly ms: number; readonly share: number };

export type Blackouts = {
  /** From now on every schema PATCH starts one; null ends all. */
  readonly set: (blackout: Blackout | null) => void;
  /** Tells of a schema PATCH. */
  readonly begin: (dataSourceId: string, now: number) => void;
  /** Whether queries miss the page at the moment. Pages made since the PATCH are not concerned. */
  readonly hides: (page: Page, now: number) => boolean;
  /** Whether one is going on, so that what queries miss changes with time. */
  readonly isAny: (dataSourceId: string, now: number) => boolean;
};

type Running = {
  readonly from: number;
  readonly until: number;
  readonly share: number;
  readonly salt: number;
};

export function makeBlackouts(): Blackouts {
  let wanted: Blackout | null = null;
  const running = new Map<string, Running>();
  return {
    set: (blackout) => {
      wanted = blackout;
      if (blackout === null) running.clear();
    },
    begin: (dataSourceId, now) => {
      if (wanted === null) return;
      const { ms, share } = wanted;
      running.set(dataSourceId, { from: now, until: now + ms, share, salt: randomInt(2 ** 31) });
    },
    isAny: (dataSourceId, now) => now < (running.get(dataSourceId)?.until ?? 0),
    hides: (page, now) => {
      const blackout =
        page.parent.type === 'data_source_id' ? running.get(page.parent.dataSourceId) : undefined;
      if (blackout === undefined || now >= blackout.until || page.createdTime > blackout.from) return false;
      return drawn(page.id, blackout.salt) < blackout.share;
    },
  };
}

/** A number from 0 to 1 that stays the same for a page during one blackout. */
function drawn(id: string, salt: number): number {
  let hash = salt;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193) >>> 0;
  return hash / 2 ** 32;
}
