import { html } from 'hono/html';
import { assetPath } from '../assets.ts';
import { barePage } from './layout.ts';
import type { Html } from './parts.ts';

type Login = {
  /** Why the last attempt was refused. */
  readonly failed: string | null;
  /** Where the login leads. */
  readonly back: string;
  /** The token was made by the daemon, which wrote it to its log. */
  readonly logSaysToken: boolean;
};

/** Where the token of the port is asked for. */
export function loginPage({ failed, back, logSaysToken }: Login): Html {
  const body = html`<h1>Log in</h1>
    <p class="quiet">${
      logSaysToken
        ? html`The daemon made a token when it started, and wrote it to its log. Set <code>ADMIN_TOKEN</code> to one of your own.`
        : html`The token is the value of <code>ADMIN_TOKEN</code> in the environment of the daemon.`
    }</p>
    ${failed === null ? '' : html`<p class="message bad" role="alert" id="failed">${failed}</p>`}
    <form method="post" action="/login">
      <input type="hidden" name="back" value="${back}">
      <label>Token
        <input type="password" name="token" autocomplete="current-password" required autofocus${failed === null ? '' : html` aria-invalid="true" aria-describedby="failed"`}>
      </label>
      <label>Your name, for the record of what you do (optional)
        <input name="name" autocomplete="name" maxlength="60">
      </label>
      <button class="main">Log in</button>
    </form>`;
  return barePage('Log in', body, assetPath);
}

/** Instead of a page that cannot be shown. */
export const faultPage = (title: string, text: string): Html =>
  barePage(
    title,
    html`<h1>${title}</h1><p>${text}</p><p><a href="/">Go to the overview</a></p>`,
    assetPath,
    true,
  );
