import type { Lsn } from './ids.ts';

/** What the server says of the slot that has our slot's name. */
export type FoundSlot = {
  readonly kind: 'logical' | 'physical';
  readonly plugin: string | null;
  readonly database: string | null;
  readonly temporary: boolean;
  readonly twoPhase: boolean;
  /** Why the server has given it up; null if it has not. */
  readonly lost: string | null;
  readonly confirmedFlush: Lsn | null;
};

/** What we know of the slot that we have read so far. */
export type KnownSlot = {
  readonly systemId: string;
  readonly timeline: number;
  readonly lsn: Lsn;
  readonly acknowledged: Lsn | null;
};

export type SlotVerdict =
  /** It has every change since the checkpoint. */
  | { readonly kind: 'keep' }
  /** None was read before. `made`: it stands there already, left by a start that did not end. */
  | { readonly kind: 'first'; readonly made: boolean }
  /** Changes may be missing from it. */
  | { readonly kind: 'renew'; readonly reason: string }
  /** Another program's, which must be left alone. */
  | { readonly kind: 'foreign'; readonly what: string };

export type SlotFacts = {
  readonly found: FoundSlot | null;
  readonly known: KnownSlot | null;
  readonly system: { readonly systemId: string; readonly timeline: number; readonly position: Lsn };
  /** The database that we are in. */
  readonly database: string;
  /** The one that the configuration names. */
  readonly plugin: string;
  /** Why capture wants another slot, because nobody gets past what this one comes to; null if it does not. */
  readonly asked: string | null;
  readonly isAnotherPublication: boolean;
  /** A start of ours said that it would make this slot, and did not come to record it. */
  readonly isAnnounced: boolean;
  /** A person said that whoever had it is gone. */
  readonly takeOver: boolean;
};

/** Whether a slot can be read on, has to be made anew, or belongs to somebody else. */
export function judgeSlot(facts: SlotFacts): SlotVerdict {
  const { found, known } = facts;
  if (found === null)
    return known === null ? { kind: 'first', made: false } : { kind: 'renew', reason: 'there is no slot' };
  const other = otherThanOurs(found, facts);
  if (other !== null) return { kind: 'foreign', what: other };
  if (known === null) return unknownSlot(facts);
  const reason = whyIncomplete(found, known, facts);
  return reason === null ? { kind: 'keep' } : { kind: 'renew', reason };
}

function otherThanOurs(found: FoundSlot, { database, plugin, known }: SlotFacts): string | null {
  if (found.kind === 'physical') return 'a physical slot, which a standby or a backup uses';
  if (found.temporary) return 'a temporary slot of another session';
  if (found.database !== database) return `a slot of the database ${found.database}`;
  if (found.plugin === plugin || isOfFormerPlugin(found, known)) return null;
  return `a slot with the plug-in ${found.plugin}`;
}

const PLUGINS: readonly (string | null)[] = ['pgoutput', 'wal2json'];

/** A slot that we have read stands where we left it; one that another program has made since stands further. */
const isOfFormerPlugin = ({ plugin, confirmedFlush }: FoundSlot, known: KnownSlot | null): boolean =>
  PLUGINS.includes(plugin) &&
  known !== null &&
  known.acknowledged !== null &&
  confirmedFlush !== null &&
  !isMoved(confirmedFlush, known.acknowledged);

function unknownSlot({ isAnnounced, takeOver }: SlotFacts): SlotVerdict {
  if (takeOver) return { kind: 'renew', reason: 'it was taken over' };
  if (isAnnounced) return { kind: 'first', made: true };
  return { kind: 'foreign', what: 'a slot that this installation did not make' };
}

function whyIncomplete(found: FoundSlot, known: KnownSlot, facts: SlotFacts): string | null {
  const { system, isAnotherPublication, plugin, asked } = facts;
  if (found.plugin !== plugin)
    return `the configuration names the plug-in ${plugin}, and the slot has ${found.plugin}`;
  if (found.lost !== null) return `the slot was lost: ${found.lost}`;
  if (known.systemId !== system.systemId) return 'the database is on another server';
  if (known.timeline !== system.timeline)
    return `the server goes on with timeline ${system.timeline}, after ${known.timeline}: a standby was promoted, or a backup restored`;
  if (known.lsn > system.position) return 'the database was restored to an earlier time';
  if (isAnotherPublication) return 'the publication was made anew';
  if (asked !== null) return asked;
  if (found.confirmedFlush === null) return 'the slot was never finished';
  if (isMoved(found.confirmedFlush, known.acknowledged))
    return 'the slot was moved: somebody else read it, advanced it, or dropped it and made it again';
  return found.twoPhase ? 'somebody has set two_phase on it' : null;
}

/** Whether a slot stands further than we ever said that we have read. */
export const isMoved = (confirmed: Lsn, acknowledged: Lsn | null): boolean =>
  acknowledged !== null && confirmed > acknowledged;
