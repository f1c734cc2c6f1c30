import { durationText } from '../model/duration-text.ts';
import { PgnotionError } from '../model/errors.ts';
import { type Slo, TARGETS } from '../model/slo.ts';
import { readSlo } from '../state/slo.ts';
import { type Loaded, withState } from './commands.ts';
import { formatTable } from './table.ts';
import { timeOf } from './time.ts';

const DEFAULT_SINCE = '7d';

/** How the success criteria were met. `isMet` is false if one of them was missed. */
export async function sloCommand(
  loaded: Loaded,
  since: string | undefined,
  asJson: boolean,
): Promise<{ readonly text: string; readonly isMet: boolean }> {
  const now = new Date();
  const from = timeOf(since ?? DEFAULT_SINCE, now);
  if (from >= now)
    throw new PgnotionError({
      code: 'time_invalid',
      message: `${JSON.stringify(since)} is not in the past`,
      remedy: 'write it as 2026-03-01T12:00:00Z, or as 90s, 15m, 2h or 3d for so long ago',
    });
  const slo = await withState(loaded, (sql) => readSlo(sql, from, now));
  return {
    text: asJson ? JSON.stringify(sloData(slo), null, 2) : sloText(slo),
    isMet: slo.isMet !== false,
  };
}

const NO_DATA = 'no data';

function sloText({ since, until, success, latency, conflicts, lost }: Slo): string {
  const rows = [
    [
      'success rate',
      percent(success.rate),
      `at least ${percent(TARGETS.successRate)}`,
      verdict(success.isMet),
      success.rate === null ? '' : `${success.done} changes carried out, ${success.failed} failed`,
    ],
    [
      'latency (p99)',
      seconds(latency.p99),
      `under ${durationText(TARGETS.latencySeconds)}`,
      verdict(latency.isMet),
      latency.share === null
        ? ''
        : `${percent(latency.share)} of ${latency.changes} changes in time; p50 ${seconds(latency.p50)}, p95 ${seconds(latency.p95)}`,
    ],
    [
      'conflict rate',
      percent(conflicts.rate),
      `under ${percent(TARGETS.conflictRate)}`,
      verdict(conflicts.isMet),
      conflicts.rate === null ? '' : `${conflicts.conflicts} conflicts`,
    ],
    [
      'lost changes',
      lost.changes ?? NO_DATA,
      TARGETS.lostChanges,
      verdict(lost.isMet),
      lost.changes === null
        ? 'no comparison ended within this time: run `pgnotion verify`'
        : `the most differences that one of ${lost.comparisons} comparisons found`,
    ],
  ];
  const span = `${since.toISOString()} to ${until.toISOString()}`;
  return [span, '', formatTable(['', 'measured', 'wanted', '', ''], rows)].join('\n');
}

const verdict = (isMet: boolean | null): string => (isMet === null ? '-' : isMet ? 'met' : 'missed');

const percent = (rate: number | null): string =>
  rate === null ? NO_DATA : `${Number((Math.floor(rate * 1e6) / 1e4).toFixed(4))} %`;

const seconds = (value: number | null): string =>
  value === null
    ? NO_DATA
    : value < 120
      ? `${Number(value.toPrecision(2))} s`
      : durationText(Math.round(value));

const sloData = ({ since, until, success, latency, conflicts, lost, isMet }: Slo): object => ({
  since,
  until,
  met: isMet,
  success: {
    met: success.isMet,
    rate: success.rate,
    target: success.target,
    done: success.done,
    failed: success.failed,
  },
  latency: {
    met: latency.isMet,
    p50_seconds: latency.p50,
    p95_seconds: latency.p95,
    p99_seconds: latency.p99,
    share: latency.share,
    target_seconds: latency.target,
    changes: latency.changes,
  },
  conflicts: {
    met: conflicts.isMet,
    rate: conflicts.rate,
    target: conflicts.target,
    conflicts: conflicts.conflicts,
  },
  lost: { met: lost.isMet, changes: lost.changes, target: lost.target, comparisons: lost.comparisons },
});
