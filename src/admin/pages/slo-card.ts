import { html } from 'hono/html';
import { type Slo, TARGETS } from '../../model/slo.ts';
import { badge, type Html, numberText, plural, secondsText, shareText } from './parts.ts';

type Criterion = {
  readonly name: string;
  readonly measured: string;
  readonly wanted: string;
  readonly isMet: boolean | null;
};

/** How the success criteria were met, as the command `status` tells it with `--slo`. */
export function sloCard(slo: Slo, days: number): Html {
  return html`<h2 id="criteria">Success criteria</h2>
    <div class="scroll" role="region" aria-labelledby="criteria" tabindex="0"><table class="stack">
      <caption>The last ${plural(days, 'day')}</caption>
      <thead><tr><th scope="col">Criterion</th><th scope="col">Measured</th><th scope="col">Wanted</th><th scope="col">Result</th></tr></thead>
      <tbody>${criteriaOf(slo).map(
        ({ name, measured, wanted, isMet }) =>
          html`<tr data-key="${name}"><th scope="row">${name}</th><td data-name="Measured">${measured}</td><td data-name="Wanted">${wanted}</td><td data-name="Result">${verdict(isMet)}</td></tr>`,
      )}</tbody>
    </table></div>`;
}

function criteriaOf({ success, latency, conflicts, lost }: Slo): readonly Criterion[] {
  return [
    {
      name: 'Success rate',
      measured:
        success.rate === null
          ? 'no data'
          : `${shareText(success.rate)} of ${numberText(success.done + success.failed)} changes`,
      wanted: `at least ${shareText(TARGETS.successRate)}`,
      isMet: success.isMet,
    },
    {
      name: 'Latency (p99)',
      measured: latency.p99 === null ? 'no data' : secondsText(latency.p99),
      wanted: `under ${secondsText(TARGETS.latencySeconds)}`,
      isMet: latency.isMet,
    },
    {
      name: 'Conflict rate',
      measured:
        conflicts.rate === null
          ? 'no data'
          : `${shareText(conflicts.rate)}, ${plural(conflicts.conflicts, 'conflict')}`,
      wanted: `under ${shareText(TARGETS.conflictRate)}`,
      isMet: conflicts.isMet,
    },
    {
      name: 'Lost changes',
      measured:
        lost.changes === null
          ? 'both sides were not compared'
          : `${numberText(lost.changes)} in ${plural(lost.comparisons, 'comparison')}`,
      wanted: String(TARGETS.lostChanges),
      isMet: lost.isMet,
    },
  ];
}

const verdict = (isMet: boolean | null): Html =>
  isMet === null ? badge('plain', 'no data') : isMet ? badge('good', 'met') : badge('bad', 'missed');
