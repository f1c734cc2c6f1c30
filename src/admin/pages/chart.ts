import { html } from 'hono/html';
import type { Html } from './parts.ts';

type Chart = {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  /** One or two names. */
  readonly series: readonly string[];
  readonly rows: readonly (readonly [at: Date, values: readonly (number | null)[]])[];
};

/** A table of numbers, which the script draws: without it, or for whoever does not see the drawing, the table is the chart. */
export function chart({ id, title, unit, series, rows }: Chart): Html {
  return html`<figure class="chart" id="${id}">
    <figcaption>${title} <span class="quiet">${unit}</span></figcaption>
    <p class="quiet">${series.map(
      (name, at) => html`<span class="key${at === 0 ? '' : ' second'}"></span>${name}: ${summary(rows, at)} `,
    )}</p>
    <div class="plot" data-keep aria-hidden="true" id="${id}-plot"></div>
    <details><summary>${title} as a table</summary>
      <table><caption class="hidden">${title}, ${unit}</caption>
        <thead><tr><th scope="col">Time (UTC)</th>${series.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
        <tbody>${rows.map(([at, values]) => line(at, values))}</tbody>
      </table>
    </details>
  </figure>`;
}

const line = (at: Date, values: readonly (number | null)[]): Html =>
  html`<tr data-key="${at.getTime()}"><td data-value="${at.getTime() / 1_000}">${at.toISOString().slice(11, 16)}</td>${values.map(
    (value) =>
      html`<td class="number" data-value="${value ?? ''}">${value === null ? '–' : shown(value)}</td>`,
  )}</tr>`;

const shown = (value: number): string => String(Math.round(value * 100) / 100);

/** What a glance at the line would tell. */
function summary(rows: Chart['rows'], at: number): string {
  const values = rows.map(([, each]) => each[at] ?? null).filter((value) => value !== null);
  const last = values.at(-1);
  if (last === undefined) return 'nothing yet';
  return `${shown(last)} (up to ${shown(Math.max(...values))})`;
}
