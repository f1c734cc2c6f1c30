import { PgnotionError } from '../model/errors.ts';
import { type Binding, type InstallationId, whyCopied } from '../model/installation-marker.ts';
import { readServerIdentity } from '../postgres/server-identity.ts';
import { announceSlot, forgetCheckpoint } from '../state/checkpoint.ts';
import {
  formerSystem,
  newInstallation,
  readInstallation,
  type StoredInstallation,
  saveInstallation,
  wasReset,
} from '../state/installation.ts';
import { createStore, inTransaction, type Sql } from '../state/sql.ts';
import type { Installation } from './connections.ts';

/**
 * Who this installation is. One that has no id yet gets it here. Throws PgnotionError `installation_copied` if its state
 * came here with a copy of another database, before anything is done outside of our schema, unless a person said that the
 * original is gone: then it is bound to this database, and everything is compared.
 */
export async function ownInstallation(
  installation: Installation,
  takeOver: boolean,
): Promise<StoredInstallation> {
  const { pool, config } = installation;
  const present = await presentBinding(installation);
  const sql = createStore(pool, 0);
  const stored = (await readInstallation(sql)) ?? (await unnamed(installation, present));
  const why = whyCopied(stored.bound, present);
  if (why !== null && !takeOver) throw copied(stored.id, `this database is a copy: ${why}`, installation);
  const bound = { ...present, systemId: present.systemId ?? (why === null ? stored.bound.systemId : null) };
  const own: StoredInstallation = { ...stored, bound };
  await inTransaction(pool, async (inner) => {
    await saveInstallation(inner, own);
    if (!takeOver) return;
    // Without a checkpoint everything is compared, whatever becomes of the slot.
    await forgetCheckpoint(inner, config.slot);
    await announceSlot(inner, config.slot);
  });
  return own;
}

/** The same without keeping anything. Throws PgnotionError `installation_copied`. */
export async function lookAtInstallation(
  installation: Installation,
  sql: Sql,
  takeOver = false,
): Promise<StoredInstallation> {
  const present = await presentBinding(installation);
  const stored = (await readInstallation(sql)) ?? newInstallation(present, await wasReset(sql));
  const why = whyCopied(stored.bound, present);
  if (why !== null && !takeOver) throw copied(stored.id, `this database is a copy: ${why}`, installation);
  return stored;
}

export async function presentBinding({ pool }: Pick<Installation, 'pool'>): Promise<Binding> {
  const { systemId, databaseOid, database } = await readServerIdentity(pool);
  return { systemId, databaseOid, database };
}

/** Of an installation that an older version made, only the server is known that it read last. */
async function unnamed({ pool }: Installation, present: Binding): Promise<StoredInstallation> {
  const sql = createStore(pool, 0);
  const systemId = (await formerSystem(sql)) ?? present.systemId;
  return newInstallation({ ...present, systemId }, await wasReset(sql));
}

/** What stops whoever finds that the databases, or its own state, are somebody else's. */
export function copied(
  id: InstallationId,
  why: string,
  { config }: Pick<Installation, 'config'>,
): PgnotionError {
  return new PgnotionError({
    code: 'installation_copied',
    message: `${why}. Nothing was written to Notion or to your tables (installation ${id})`,
    remedy:
      'if the original is gone for good (it was restored, moved, or upgraded to this one): run `pgnotion start --take-over` once, which compares everything and goes on with its databases (`pgnotion apply --take-over` first if the databases lack something); ' +
      `if this is a copy beside it (for tests, for staging): run \`pgnotion reset --yes\`, which forgets the original's pages; then set another \`slot\` than ${JSON.stringify(config.slot)} in the configuration and another NOTION_PARENT_PAGE_ID, take NOTION_DATABASE_..._ID out of the environment, and run \`pgnotion apply\``,
  });
}
