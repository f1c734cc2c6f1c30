import { html } from 'hono/html';
import type { Evidence } from '../../model/probe/evidence.ts';
import { answerLines } from '../../model/probe/texts.ts';
import type { SettingsView, ShownTable, ShownVariable } from '../dashboard-parts.ts';
import { badge, content, empty, type Html, marked, timeText, type View } from './parts.ts';

/** The configuration as it was understood. Secrets only say whether they are set. */
export function settingsPage(view: View, settings: SettingsView, evidence: Evidence | null): Html {
  const { slot, publication, plugin, guards } = settings;
  return html`<h1>Settings</h1>
    <p class="quiet">As the daemon understood the configuration and its environment when it started. Change them there, and start it again.</p>
    <dl class="facts">
      <dt>Replication slot</dt><dd><code>${slot}</code></dd>
      <dt>Publication</dt><dd><code>${publication}</code></dd>
      <dt>Output plug-in</dt><dd><code>${plugin}</code></dd>
      ${Object.entries(guards).map(([kind, guard]) => html`<dt>Guard of ${kind}s</dt><dd>${guardText(guard)}</dd>`)}
    </dl>
    <h2>Tables</h2>
    ${settings.tables.map(tableOf)}
    <h2>Environment</h2>
    ${environment(settings.environment)}
    <h2>Evidence of the workspace</h2>
    ${evidence === null ? noEvidence() : evidenceOf(view, evidence)}`;
}

const guardText = (guard: object | null): string =>
  guard === null
    ? 'off'
    : Object.entries(guard)
        .map(([name, value]) => `${name.replaceAll(/([A-Z])/g, ' $1').toLowerCase()} ${value}`)
        .join(', ');

const tableOf = ({
  name,
  source,
  key,
  direction,
  fields,
  rules,
}: ShownTable): Html => html`<details data-key="${name}">
  <summary><strong>${content(name)}</strong> ${content(source)}, ${fields.length} properties, ${direction}</summary>
  <dl class="facts">
    <dt>Key</dt><dd><code>${key.join(', ')}</code></dd>
    ${Object.entries(rules).map(([rule, value]) => html`<dt>${rule}</dt><dd>${content(value)}</dd>`)}
  </dl>
  <div class="scroll" role="region" aria-label="Properties of ${name}" tabindex="0"><table class="stack">
    <caption class="hidden">Properties of ${name}</caption>
    <thead><tr><th scope="col">Property</th><th scope="col">Type</th><th scope="col">From</th><th scope="col">Direction</th><th scope="col">Conflict</th></tr></thead>
    <tbody>${fields.map(
      (field) =>
        html`<tr><th scope="row">${content(field.property)}</th><td data-name="Type">${field.type}</td><td data-name="From"><code>${field.from}</code></td><td data-name="Direction">${field.direction}</td><td data-name="Conflict">${field.conflict}</td></tr>`,
    )}</tbody>
  </table></div>
</details>`;

const environment = (
  variables: readonly ShownVariable[],
): Html => html`<div class="scroll" role="region" aria-label="Environment" tabindex="0"><table class="stack">
  <caption class="hidden">Variables of the environment</caption>
  <thead><tr><th scope="col">Variable</th><th scope="col">Value</th><th scope="col">What it is</th></tr></thead>
  <tbody>${variables.map(
    ({ name, value, isSet, help }) => html`<tr><th scope="row" class="mono">${name}</th>
      <td data-name="Value">${value !== null ? html`<code>${value}</code>` : isSet ? badge('plain', 'set') : html`<span class="quiet">not set</span>`}</td>
      <td class="quiet">${marked(help)}</td></tr>`,
  )}</tbody>
</table></div>`;

const noEvidence = (): Html =>
  empty(
    'Nothing was measured in this workspace.',
    'The daemon assumes the careful case. Run `pgnotion doctor --probe` to find out what this workspace does.',
  );

const evidenceOf = (
  view: View,
  evidence: Evidence,
): Html => html`<p>Measured ${timeText(new Date(evidence.at), view)}${
  evidence.workspace === null ? '' : html` in ${content(evidence.workspace)}`
}${evidence.plan === null ? '' : ` (${evidence.plan} plan)`}, API ${evidence.apiVersion}.</p>
  <dl class="facts">${answerLines(evidence.answers).map(([question, answer]) => html`<dt>${question}</dt><dd>${answer}</dd>`)}</dl>`;
