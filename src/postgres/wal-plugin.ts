import pg from 'pg';
import { formatLsn, type Lsn, lsn, type QualifiedName, splitQualified } from '../model/ids.ts';
import { TAG_PREFIX } from './origin-tag.ts';
import { createPgoutputDecoder, type WalDecoder } from './pgoutput.ts';
import { createWal2jsonDecoder, wal2jsonOptions } from './wal2json.ts';

/** The output plug-in of a slot, and what it is to tell of. */
export type WalPlugin =
  | { readonly name: 'pgoutput'; readonly publication: string }
  | { readonly name: 'wal2json'; readonly tables: readonly QualifiedName[] };

export const decoderOf = (plugin: WalPlugin): WalDecoder =>
  plugin.name === 'pgoutput' ? createPgoutputDecoder() : createWal2jsonDecoder();

/** In replication commands a backslash is an ordinary character, which `escapeLiteral` does not know. */
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Streams the slot from `startAt`, or from its own position. */
export function startCommand(slot: string, plugin: WalPlugin, startAt: Lsn | undefined): string {
  const options = Object.entries(optionsOf(plugin)).map(
    ([name, value]) => `${pg.escapeIdentifier(name)} ${literal(value)}`,
  );
  return `START_REPLICATION SLOT ${pg.escapeIdentifier(slot)} LOGICAL ${formatLsn(startAt ?? lsn(0n))} (${options.join(', ')})`;
}

function optionsOf(plugin: WalPlugin): Readonly<Record<string, string>> {
  switch (plugin.name) {
    case 'pgoutput':
      return {
        proto_version: '1',
        publication_names: pg.escapeIdentifier(plugin.publication),
        messages: 'true',
      };
    case 'wal2json':
      return wal2jsonOptions(plugin.tables.map(splitQualified), TAG_PREFIX);
    default:
      return plugin satisfies never;
  }
}
