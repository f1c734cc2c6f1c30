import { html } from 'hono/html';
import type { DaemonStatus, NotionStatus } from '../../state/daemon-status.ts';
import { action, hidden } from './action.ts';
import { badge, type Html, numberText, type Tone, type View } from './parts.ts';

/** What stands around every page. */
export type Frame = View & {
  readonly daemon: DaemonStatus['state'];
  readonly notion: NotionStatus['state'];
  /** How many things wait for a person. */
  readonly waiting: number;
  /** How many of how many tables are paused. */
  readonly paused: { readonly count: number; readonly of: number };
  /** What the last action led to. */
  readonly said: string | null;
  readonly failed: string | null;
};

/** The addresses of the static files, each with the hash of its content. */
export type Assets = (name: string) => string;

type Page = { readonly title: string; readonly body: Html; readonly charts?: boolean };

const STYLES = ['dashboard.css', 'parts.css', 'narrow.css'];

const PAGES = [
  ['/', 'Overview'],
  ['/inbox', 'Inbox'],
  ['/activity', 'Activity'],
  ['/runs', 'Runs'],
  ['/settings', 'Settings'],
] as const;

const head = (title: string, assets: Assets, files: readonly string[], scripts: readonly string[]): Html =>
  html`<head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <link rel="icon" href="data:,">
    <title>${title} · pgnotion</title>
    ${files.map((file) => html`<link rel="stylesheet" href="${assets(file)}">`)}
    ${scripts.map((file) => html`<script src="${assets(file)}" defer></script>`)}
  </head>`;

/** A whole page of somebody who has logged in. */
export function layout(frame: Frame, assets: Assets, { title, body, charts = false }: Page): Html {
  const scripts = ['dashboard.js', ...(charts ? ['uplot.js', 'charts.js'] : [])];
  return html`<!doctype html>
<html lang="en">
  ${head(title, assets, [...STYLES, ...(charts ? ['uplot.css'] : [])], scripts)}
  <body>
    <a class="skip" href="#main">Skip to the content</a>
    <header class="top"><div>
      ${bar(frame)}
      <nav aria-label="Pages"><ul id="navigation">${PAGES.map(([path, name]) => entry(frame, path, name))}</ul></nav>
    </div></header>
    <main id="main" tabindex="-1" data-live="true">
      <div id="messages">${messages(frame)}</div>
      <div id="content">${body}</div>
    </main>
    ${foot(frame)}
  </body>
</html>`;
}

function bar(frame: Frame): Html {
  return html`<div class="bar">
    <a class="brand" href="/">pgnotion</a>
    <div id="state" class="actions">${state(frame)}</div>
    <form class="search actions push" action="/records" role="search">
      <label class="hidden" for="find">Find a record by its key, page id or address in Notion</label>
      <input id="find" type="search" name="find" placeholder="Key or page of a record">
      <button>Find</button>
    </form>
  </div>`;
}

function entry({ here, waiting }: Frame, path: string, name: string): Html {
  const current = new URL(here, 'http://localhost').pathname === path;
  const count =
    path === '/inbox' && waiting > 0
      ? html` <span class="count">${numberText(waiting)}<span class="hidden"> waiting</span></span>`
      : '';
  return html`<li><a href="${path}"${current ? html` aria-current="page"` : ''}>${name}${count}</a></li>`;
}

const DAEMON: Readonly<Record<DaemonStatus['state'], readonly [Tone, string]>> = {
  syncing: ['good', 'syncing'],
  starting: ['warn', 'starting'],
  silent: ['bad', 'no sign of life'],
  stopped: ['bad', 'not running'],
};

const NOTION: Readonly<Record<NotionStatus['state'], readonly [Tone, string] | null>> = {
  reachable: null,
  unknown: null,
  limited: ['warn', 'Notion asks to wait'],
  silent: ['bad', 'Notion does not answer'],
  refused: ['bad', 'Notion refuses'],
};

function state(frame: Frame): Html {
  const [tone, text] = DAEMON[frame.daemon];
  const notion = NOTION[frame.notion];
  const { count, of } = frame.paused;
  return html`${badge(tone, text)}
    ${notion === null ? '' : badge(...notion)}
    ${count === 0 ? '' : badge('warn', count === of ? 'paused' : `${count} of ${of} tables paused`)}
    ${count < of ? action(frame, { name: 'pause', label: 'Pause all', about: 'tables', parameters: {} }) : ''}
    ${count > 0 ? action(frame, { name: 'resume', label: 'Resume all', about: 'tables', parameters: {} }) : ''}`;
}

const messages = ({ said, failed, session }: Frame): Html => html`
  ${said === null ? '' : html`<p class="message" role="status">${said}</p>`}
  ${failed === null ? '' : html`<p class="message bad" role="alert">${failed}</p>`}
  ${
    session.readOnly
      ? html`<p class="message warn">Read-only: this daemon was started with <code>--read-only</code>, so nothing can be changed here.</p>`
      : ''
  }`;

const foot = (frame: Frame): Html => html`<footer class="actions">
  <span>Logged in as ${frame.session.actor}.</span>
  <span>This page is <span id="liveness">as it was loaded</span>.</span>
  <form class="inline" method="post" action="/logout">${hidden(frame)}<button>Log out</button></form>
</footer>`;

/** A page for those who have not logged in, or where nothing can be read: that one may be loaded `again` by itself. */
export const barePage = (
  title: string,
  body: Html,
  assets: Assets,
  again = false,
): Html => html`<!doctype html>
<html lang="en"${again ? html` data-again="true"` : ''}>
  ${head(title, assets, STYLES, again ? ['dashboard.js'] : [])}
  <body><main id="main" class="login"><a class="brand" href="/">pgnotion</a>${body}</main></body>
</html>`;
