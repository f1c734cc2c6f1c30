import { sentences } from '../model/sentences.ts';
import { ageText, bytesText } from '../model/units.ts';
import type { DaemonStatus, NotionStatus, SlotStatus, SystemStatus } from '../state/daemon-status.ts';

/** What `status` says before it comes to the tables: who syncs, how Notion answers, how far the log has been read. */
export function headLines({ daemon, notion, slot }: SystemStatus, now: Date): readonly string[] {
  return [
    `daemon  ${daemonText(daemon)}`,
    `Notion  ${notionText(notion, daemon.state === 'syncing', now)}`,
    `slot    ${slotText(slot)}`,
  ];
}

function daemonText(daemon: DaemonStatus): string {
  const { standbys } = daemon;
  const others = standbys.length === 0 ? [] : [`standing by: ${standbys.map(standbyText).join('; ')}`];
  return [stateText(daemon), ...others].join('; ');
}

function stateText({
  state,
  host,
  process,
  since,
  last_seen: seen,
  silent_seconds: silent,
}: DaemonStatus): string {
  const who = host === null ? '' : ` on ${host}, process ${process}`;
  const ago = silent === null ? '' : ` ${ageText(silent)} ago`;
  switch (state) {
    case 'syncing':
      return `syncing${who}, since ${timeText(since)}, seen${ago}`;
    case 'starting':
      return `starting, or not able to sync: see its log; it runs${who}, since ${timeText(since)}, seen${ago}`;
    case 'silent':
      return `no sign of life for ${ageText(silent ?? 0)}: it is frozen or cut off${who === '' ? '' : `; it runs${who}`}, last seen ${timeText(seen)}`;
    case 'stopped':
      return seen === null
        ? 'not running, and none has run yet'
        : `not running; the last one was${who}, seen${ago} (${timeText(seen)})`;
    default:
      return state satisfies never;
  }
}

const standbyText = (standby: string): string => standby.replace(/^(\d+) on (.*)$/, 'on $2, process $1');

function notionText(notion: NotionStatus, isCurrent: boolean, now: Date): string {
  const { state, since, last_answer: answer, code, remedy } = notion;
  const last = answer === null ? 'it has not answered yet' : `last answer ${agoText(answer, now)}`;
  switch (state) {
    case 'refused':
      return sentences(`refuses every request since ${timeText(since)} (${code})`, remedy);
    case 'silent':
      return `does not answer, since ${timeText(since)}; ${last}`;
    case 'limited':
      return `asks to wait (rate limit), since ${timeText(since)}; ${last}`;
    case 'reachable':
      return isCurrent ? `reachable, ${last}` : `was reachable, ${last}`;
    case 'unknown':
      return 'was not asked yet';
    default:
      return state satisfies never;
  }
}

function slotText(slot: SlotStatus | null): string {
  if (slot === null) return 'not made yet';
  const { slot: name, exists, active, wal_status: wal } = slot;
  if (!exists) return `${name} does not exist: the next start makes it and compares everything`;
  const behind = [
    ...(slot.lag_seconds === null ? [] : [ageText(slot.lag_seconds)]),
    ...(slot.lag_bytes === null ? [] : [bytesText(slot.lag_bytes)]),
  ].join(', ');
  const kept = slot.retained_bytes === null ? '' : `, ${bytesText(slot.retained_bytes)} of WAL retained`;
  const lost =
    wal === 'lost' ? '; it has lost WAL: the next start makes it anew and compares everything' : '';
  return `${name} ${active ? 'is read' : 'is not read by anybody'}${behind === '' ? '' : `, ${behind} behind`}${kept}${lost}`;
}

const timeText = (time: Date | null): string => time?.toISOString() ?? 'an unknown time';

const agoText = (time: Date, now: Date): string =>
  `${ageText(Math.max(0, (now.getTime() - time.getTime()) / 1_000))} ago`;
