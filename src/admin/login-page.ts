import { html } from 'hono/html';

/** Where the token of the port is asked for. It works without a script. */
export const loginPage = ({
  failed,
  back,
  logSaysToken,
}: {
  readonly failed: string | null;
  readonly back: string;
  /** The token was made by the daemon, which wrote it to its log. */
  readonly logSaysToken: boolean;
}) => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in · pgnotion</title>
<link rel="stylesheet" href="/assets/dashboard.css">
<link rel="icon" href="data:,">
</head>
<body class="login">
<main>
<h1>pgnotion</h1>
${failed === null ? '' : html`<p role="alert" class="failed">${failed}</p>`}
<form method="post" action="/login">
<input type="hidden" name="back" value="${back}">
<p>
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
</p>
<p>
<label for="name">Your name, for the record of what you do (may be left out)</label>
<input id="name" name="name" type="text" autocomplete="name" maxlength="60">
</p>
<p><button type="submit">Log in</button></p>
</form>
<p class="hint">${
  logSaysToken
    ? 'The daemon made a token when it started, and wrote it to its log. Set ADMIN_TOKEN to one of your own.'
    : 'The token is what ADMIN_TOKEN is set to.'
}</p>
</main>
</body>
</html>`;
