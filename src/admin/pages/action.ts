import { html } from 'hono/html';
import type { Html, View } from './parts.ts';

export type ActionName =
  | 'retry'
  | 'resolve'
  | 'approve'
  | 'reject'
  | 'pair'
  | 'pause'
  | 'resume'
  | 'undo'
  | 'resync'
  | 'verify';

type Action = {
  readonly name: ActionName;
  /** What the button says. */
  readonly label: string;
  /** What it is about, for those who do not see what stands around the button. */
  readonly about: string;
  /** Null is left out. */
  readonly parameters: Readonly<Record<string, string | null>>;
  /** The usual choice among several. */
  readonly main?: boolean;
};

/** A button that does one thing; nothing where nothing may be changed, which the head of the page says. */
export function action(view: View, { name, label, about, parameters, main }: Action): Html {
  if (view.session.readOnly) return html``;
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== null);
  return html`<form class="inline" method="post" action="/actions/${name}">
    ${hidden(view)}
    ${given.map(([key, value]) => html`<input type="hidden" name="${key}" value="${value}">`)}
    <button${main ? html` class="main"` : ''}>${label}<span class="hidden"> ${about}</span></button>
  </form>`;
}

/** What every form that changes something sends along. */
export const hidden = ({ session, here }: View): Html =>
  html`<input type="hidden" name="_csrf" value="${session.csrf}"><input type="hidden" name="back" value="${here}">`;
