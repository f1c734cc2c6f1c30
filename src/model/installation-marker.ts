import type { DataSourceId } from './ids.ts';
import { TEXT_LIMITS } from './texts.ts';

/**
 * What says in Notion to which installation a database belongs. It stands at the end of the description of the property
 * that holds the record's key, after whatever people have written there:
 *
 *     [pgnotion INSTALLATION DATA-SOURCE]
 *
 * both ids as 32 hexadecimal digits. Notion copies descriptions with a database that is duplicated; the copy's own id is
 * another one, so that there it says nothing.
 */
const OWNER = /\s*\[pgnotion ([0-9a-f]{32}) ([0-9a-f]{32})\]/g;
const BY_DEFAULT = "The row's key, written by pgnotion.";

export type InstallationId = string & { readonly installation: unique symbol };

const bare = (id: string): string => id.replaceAll('-', '').toLowerCase();

export const installationId = (text: string): InstallationId => bare(text) as InstallationId;

/** The installation that a data source belongs to; null if its description names none. */
export function ownerIn(description: string, dataSource: DataSourceId): InstallationId | null {
  const found = [...description.matchAll(OWNER)].findLast(([, , source]) => source === bare(dataSource));
  return found?.[1] === undefined ? null : installationId(found[1]);
}

/** The description with its owner; null if what people wrote leaves no room. */
export function withOwner(
  description: string,
  owner: InstallationId,
  dataSource: DataSourceId,
): string | null {
  const people = description.replaceAll(OWNER, '').trim();
  const text = `${people === '' ? BY_DEFAULT : people} [pgnotion ${owner} ${bare(dataSource)}]`;
  return text.length > TEXT_LIMITS.propertyDescription ? null : text;
}

/**
 * Which start of an installation was the last to use its databases: in the description of the database of its first
 * table, also after people's own words:
 *
 *     [pgnotion start NUMBER of INSTALLATION, TOKEN]
 *
 * Whoever holds an older copy of the installation's state does not know the token.
 */
const START = /\s*\[pgnotion start (\d+) of ([0-9a-f]{32}), ([0-9a-f]{16})\]/g;

export type StartMark = { readonly number: number; readonly token: string };

/** The last start of this installation that a description tells of. */
export function startIn(description: string, owner: InstallationId): StartMark | null {
  const found = [...description.matchAll(START)].findLast(([, , id]) => id === owner);
  if (found === undefined) return null;
  const [, number = '', , token = ''] = found;
  return { number: Number(number), token };
}

export const startText = (owner: InstallationId, { number, token }: StartMark): string =>
  `[pgnotion start ${number} of ${owner}, ${token}]`;

/** A run of text without an installation's mark of a start. */
export const withoutStart = (text: string, owner: InstallationId): string =>
  text.replaceAll(START, (mark: string, _number: string, id: string) => (id === owner ? '' : mark));

/** Where an installation was made, as far as a copy of its database can be told from it by PostgreSQL alone. */
export type Binding = {
  /** Null if the role may not see it. */
  readonly systemId: string | null;
  readonly databaseOid: string;
  readonly database: string;
};

/** Why a database is not the one that its installation was made in, or null. A renamed one is. */
export function whyCopied(bound: Binding, present: Binding): string | null {
  const isOtherServer =
    bound.systemId !== null && present.systemId !== null && bound.systemId !== present.systemId;
  if (isOtherServer)
    return `its installation was made in the database ${bound.database} of another server (system identifier ${bound.systemId}; this one has ${present.systemId})`;
  if (bound.databaseOid === present.databaseOid) return null;
  return `its installation was made in another database of this server (${bound.database}, oid ${bound.databaseOid}; this one is ${present.database}, oid ${present.databaseOid})`;
}
