import type { Installation } from './installation.ts';
import { publicationSeal } from './postgres/publication-seal.ts';
import { dropSlot, endReader, ensureSlot, identifySystem, inspectSlot } from './postgres/slot.ts';
import { isAnotherPublication, preparePublication, publishedTables } from './reconcile/publication.ts';
import { forgetCheckpoint, readCheckpoint, resetCheckpoint } from './state/checkpoint.ts';
import { saveSeal } from './state/seal.ts';
import { forgetProgress } from './state/sources.ts';
import type { Store } from './state/sql.ts';

/**
 * Publication before slot, because a table that is published later gives only later changes. A slot that cannot have
 * every change since the checkpoint (lost, or of a restored or branched database) is made anew, and everything is
 * compared: never a silent skip. Gives why it was made anew, or null.
 */
export async function prepareSlot(
  installation: Installation,
  store: Store,
  url: string,
): Promise<string | null> {
  const { pool, config, tables, log } = installation;
  const { publication } = config;
  await preparePublication({ store, pool, publication, tables, log });
  const system = await identifySystem(url);
  const checkpoint = await readCheckpoint(store, config.slot);
  const slot = await inspectSlot(pool, config.slot);
  const reason = !slot.exists
    ? 'there is no slot'
    : slot.walStatus === 'lost'
      ? 'the slot was lost'
      : checkpoint === null
        ? null
        : checkpoint.systemId !== system.systemId || checkpoint.timeline !== system.timeline
          ? 'the database is a copy'
          : checkpoint.lsn > system.position
            ? 'the database was restored to an earlier time'
            : (await isAnotherPublication({ store, pool, publication }))
              ? 'the publication was made anew'
              : null;
  // We hold the lease: whoever reads the slot still is a daemon that was frozen or cut off.
  if (slot.exists && slot.activePid !== null) await endReader(pool, config.slot, log);
  // A crash from here on must not leave a new slot beside an old checkpoint, as if nothing had been missed.
  if (reason !== null) await store.transaction((sql) => forgetCheckpoint(sql, config.slot));
  if (reason !== null && slot.exists) await dropSlot(pool, config.slot);
  const ensured = await ensureSlot({ db: pool, url, name: config.slot, log });
  if (reason === null && checkpoint !== null) return null;
  if (checkpoint !== null) log.warn({ reason }, 'a new slot was made; every row and page is compared');
  await store.transaction(async (sql) => {
    const { systemId, timeline } = system;
    await resetCheckpoint(sql, config.slot, { systemId, timeline, lsn: ensured.position });
    await forgetProgress(sql);
    await saveSeal(sql, await publicationSeal(pool, publication, publishedTables(tables)));
  });
  return checkpoint === null ? null : reason;
}
