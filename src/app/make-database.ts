import type { DataSourceId } from '../model/ids.ts';
import { ABSENT, type Seen } from '../model/unanswered.ts';
import type { Ask } from '../notion/call.ts';
import type { NotionClient } from '../notion/client.ts';
import { type MakeDatabase, notMade, parentHidden } from '../notion/create-database.ts';
import { createOnce } from '../notion/create-once.ts';
import { isGone } from '../notion/error-classification.ts';
import { pause } from '../runtime/retry.ts';
import {
  forgetMade,
  knownDatabases,
  noteMade,
  noteSending,
  type Owner,
  sentDatabase,
} from '../state/made-databases.ts';
import type { Sql } from '../state/sql.ts';

type Ends = {
  readonly store: Sql;
  readonly notion: NotionClient;
  /** For how long after its request has left a database may still appear. */
  readonly graceMs: number;
  /** Tells whoever waits for it. */
  readonly tell: (text: string) => void;
};

type Place = { readonly dataSource: DataSourceId; readonly database: string };

const NEVER = new AbortController().signal;

/** Notion's clock and ours may be apart, and Notion's tells minutes only. */
const CLOCKS_APART_MS = 180_000;

/**
 * Makes a database once, whatever stops `apply` in between: its request is written down before it leaves, and one that nobody
 * has answered is looked for on the parent page before another one leaves (invariant 3).
 */
export const makeOnce =
  ({ store, notion, graceMs, tell }: Ends, owner: Owner): MakeDatabase =>
  async (wanted, ask) => {
    const { variable: _, ...database } = wanted;
    for (;;) {
      const sent = await sentDatabase(store, owner);
      const made = await createOnce<Place>({
        intent: {
          sentAgoMs: sent?.sentAgoMs ?? null,
          begin: () => noteSending(store, owner, database),
          failed: async (_failure, isOver) => {
            if (isOver) await forgetMade(store, owner);
          },
        },
        find: async (sentAgoMs) =>
          sent === null ? ABSENT : findDatabase({ store, notion }, { ...sent, sentAgoMs }, { database, ask }),
        send: async (beforeLeaving) => {
          const { dataSourceId, databaseId } = await notion.createDatabase(database, {
            ...ask,
            beforeLeaving,
          });
          return { kind: 'made', thing: { dataSource: dataSourceId, database: databaseId } };
        },
        byId: async (id) => placeOf(await notion.retrieveDatabase(id, ask)),
        graceMs,
      });
      switch (made.kind) {
        case 'found':
        case 'made':
          await noteMade(store, owner, made.thing);
          return made.thing.dataSource;
        case 'waits':
          tell(
            `nobody answered an earlier request for the database ${JSON.stringify(database.title)}, which may still appear: it is looked for again in ${Math.ceil(made.ms / 1_000)} s`,
          );
          await pause(made.ms, NEVER);
          break;
        case 'failed':
          throw notMade(wanted, made.failure);
        default:
          made satisfies never;
      }
    }
  };

const placeOf = ({ id, dataSources }: Awaited<ReturnType<NotionClient['retrieveDatabase']>>): Place => {
  const [source] = dataSources;
  if (source === undefined) throw new TypeError(`the database ${id} has no data source`);
  return { dataSource: source.id, database: id };
};

/** The database that an unanswered request has made: ours, of this title, not older than the request, and nobody's yet. */
async function findDatabase(
  { store, notion }: Pick<Ends, 'store' | 'notion'>,
  sent: NonNullable<Awaited<ReturnType<typeof sentDatabase>>>,
  { database, ask }: { readonly database: { readonly parentPageId: string }; readonly ask: Ask },
): Promise<Seen<Place>> {
  const since = Date.now() - sent.sentAgoMs - CLOCKS_APART_MS;
  const { id: self } = await notion.me(ask);
  const known = await knownDatabases(store);
  const below = await notion.listChildDatabases(sent.parentPage, ask).catch((error: unknown) => {
    if (!isGone(error)) throw error;
    if (sent.parentPage === database.parentPageId) throw parentHidden(sent.parentPage);
    // A page that is not used any more, and that nobody is shown: whatever was made there is as good as gone.
    return [];
  });
  const [first] = below
    .filter(
      ({ id, title, createdBy, createdTime }) =>
        title.trim() === sent.title.trim() &&
        createdBy === self &&
        createdTime.getTime() >= since &&
        !known.has(id),
    )
    .sort((a, b) => a.createdTime.getTime() - b.createdTime.getTime());
  if (first === undefined) return ABSENT;
  return { kind: 'found', thing: placeOf(await notion.retrieveDatabase(first.id, ask)) };
}
