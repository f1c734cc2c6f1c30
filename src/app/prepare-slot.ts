import { PgnotionError } from '../model/errors.ts';
import { judgeSlot, type SlotVerdict } from '../model/slot-verdict.ts';
import { publicationFingerprint } from '../postgres/publication-fingerprint.ts';
import { currentDatabase } from '../postgres/server-identity.ts';
import {
  dropSlot,
  endReader,
  identifySystem,
  inspectSlot,
  type SlotState,
  type SystemIdentity,
} from '../postgres/slot.ts';
import { makeSlot } from '../postgres/slot-making.ts';
import { isAnotherPublication, preparePublication, publishedTables } from '../reconcile/publication.ts';
import {
  announceSlot,
  type Checkpoint,
  forgetCheckpoint,
  isSlotAnnounced,
  raiseAcknowledged,
  readCheckpoint,
  resetCheckpoint,
} from '../state/checkpoint.ts';
import { publishedAs, saveFingerprint } from '../state/publication-fingerprint.ts';
import { forgetWait, noteRenewal, noteWait, type SlotWait } from '../state/slot-notes.ts';
import { forgetRenewal, renewalAsked } from '../state/slot-renewal.ts';
import { forgetProgress } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import type { Installation } from './connections.ts';

type PrepareSlot = {
  readonly installation: Installation;
  readonly store: Store;
  /** PostgreSQL's direct address. */
  readonly url: string;
  readonly signal: AbortSignal;
  /** Told while the making of a slot waits for transactions, and null once it does not any more. */
  readonly onWait: (wait: SlotWait | null) => void;
  /** A person said that the installation which had the databases and the slot is gone. */
  readonly takeOver: boolean;
};

/**
 * Publication before slot, because a table that is published later gives only later changes. A slot that may lack changes
 * since the checkpoint (lost, moved, or of a restored or branched database) is made anew, and everything is compared:
 * never a silent skip. Gives why it was made anew, or null. If the signal comes while a slot is made, there is none
 * afterwards. Throws `slot_foreign` for somebody else's slot, before anything is done to it.
 */
export async function prepareSlot(options: PrepareSlot): Promise<string | null> {
  const { installation, store } = options;
  const { pool, config, tables, log } = installation;
  const { system, checkpoint, found, verdict } = await look(options);
  await preparePublication({ store, pool, publication: config.publication, tables, log });
  // We hold the lease: whoever reads our slot still is a daemon that was frozen or cut off, or has no business there.
  if (found.exists && found.activePid !== null) await endReader(pool, config.slot, log);
  if (verdict.kind === 'keep') {
    await keepSlot(store, config.slot, found, checkpoint);
    return null;
  }
  const reason = verdict.kind === 'renew' ? verdict.reason : null;
  // A crash from here on must not leave a new slot beside an old checkpoint, as if nothing had been missed.
  await store.transaction(async (sql) => {
    await announceSlot(sql, config.slot);
    await forgetCheckpoint(sql, config.slot);
    // Told even if this start does not come to its end.
    if (reason !== null) await noteRenewal(sql, config.slot, reason);
  });
  if (reason !== null) {
    log.warn({ slot: config.slot, reason }, 'a new slot is made; every row and page is compared');
    await dropSlot(pool, config.slot);
  }
  await makeAndCompare(options, system);
  return reason;
}

/** Throws `slot_foreign` if the slot's name is somebody else's. Changes nothing. */
export async function assertSlotFree(options: PrepareSlot): Promise<void> {
  await look(options);
}

async function look(options: PrepareSlot) {
  const { installation, store, url } = options;
  const { slot } = installation.config;
  const system = await identifySystem(url);
  const checkpoint = await readCheckpoint(store, slot);
  const found = await inspectSlot(installation.pool, slot);
  const verdict = await slotVerdict(options, { found, checkpoint, system });
  if (verdict.kind === 'foreign') throw foreignSlot(slot, verdict.what, installation);
  return { system, checkpoint, found, verdict };
}

/** Whether the slot can be read on, has to be made anew, or is somebody else's. Changes nothing. */
export async function slotVerdict(
  {
    installation,
    store,
    takeOver,
  }: Pick<PrepareSlot, 'store' | 'takeOver'> & {
    readonly installation: Pick<Installation, 'pool'> & {
      readonly config: Pick<Installation['config'], 'slot' | 'publication' | 'plugin'>;
    };
  },
  facts: {
    readonly found: SlotState;
    readonly checkpoint: Checkpoint | null;
    readonly system: SystemIdentity;
  },
): Promise<SlotVerdict> {
  const { pool, config } = installation;
  const { found, checkpoint, system } = facts;
  const database = await currentDatabase(pool);
  const lost = found.exists
    ? (found.invalidationReason ??
      (found.walStatus === 'lost' ? 'the server has removed WAL that it needed' : null))
    : null;
  return judgeSlot({
    found: found.exists ? { ...found, lost } : null,
    known: checkpoint,
    system,
    database,
    plugin: config.plugin,
    asked: await renewalAsked(store, config.slot),
    isAnotherPublication:
      checkpoint !== null && (await isAnotherPublication({ store, pool, publication: config.publication })),
    isAnnounced: await isSlotAnnounced(store, config.slot),
    takeOver,
  });
}

/** Of a slot that an older version read it is not known how far it was acknowledged: so far, it was by us. */
async function keepSlot(
  store: Store,
  slot: string,
  found: SlotState,
  checkpoint: Checkpoint | null,
): Promise<void> {
  if (checkpoint?.acknowledged !== null || !found.exists || found.confirmedFlush === null) return;
  const { confirmedFlush } = found;
  await store.transaction((sql) => raiseAcknowledged(sql, slot, confirmedFlush));
}

async function makeAndCompare(options: PrepareSlot, system: SystemIdentity): Promise<void> {
  const { installation, store, url, signal } = options;
  const { pool, config, tables, log } = installation;
  const there = await inspectSlot(pool, config.slot);
  const lsn =
    there.exists && there.confirmedFlush !== null
      ? there.confirmedFlush
      : await makeSlot({
          db: pool,
          url,
          name: config.slot,
          plugin: config.plugin,
          log,
          signal,
          onWait: tellWait(options),
        });
  options.onWait(null);
  const published = await publishedAs(store, config.publication);
  await store.transaction(async (sql) => {
    await forgetWait(sql);
    if (lsn === null) return;
    const { systemId, timeline } = system;
    await resetCheckpoint(sql, config.slot, { systemId, timeline, lsn });
    await forgetRenewal(sql);
    await forgetProgress(sql);
    await saveFingerprint(sql, {
      ...(await publicationFingerprint(pool, config.publication, publishedTables(tables))),
      published,
    });
  });
}

const tellWait =
  ({ store, onWait }: PrepareSlot) =>
  async (since: Date, transactions: readonly string[]): Promise<void> => {
    const wait = { since: since.toISOString(), transactions };
    onWait(wait);
    await store.transaction((sql) => noteWait(sql, wait));
  };

const foreignSlot = (slot: string, what: string, { config }: Installation): PgnotionError =>
  new PgnotionError({
    code: 'slot_foreign',
    message: `the replication slot ${slot} is ${what}, and pgnotion leaves it alone`,
    remedy:
      `set \`slot\` in the configuration to a name that is free (SELECT slot_name, database, plugin, active FROM pg_replication_slots), for instance ${JSON.stringify(`${config.slot}_2`)}; ` +
      `only if nobody needs that slot: SELECT pg_drop_replication_slot('${slot.replaceAll("'", "''")}') in its database, then start again`,
  });
