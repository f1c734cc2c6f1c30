import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Context, Hono } from 'hono';
import type { AdminVariables } from './session.ts';

type Asset = { readonly body: string; readonly hash: string; readonly type: string };

/** Files of this package, and of uPlot as it is published. */
const FILES: Readonly<Record<string, string>> = {
  'dashboard.css': new URL('static/dashboard.css', import.meta.url).href,
  'parts.css': new URL('static/parts.css', import.meta.url).href,
  'narrow.css': new URL('static/narrow.css', import.meta.url).href,
  'dashboard.js': new URL('static/dashboard.js', import.meta.url).href,
  'charts.js': new URL('static/charts.js', import.meta.url).href,
  'uplot.js': import.meta.resolve('uplot/dist/uPlot.iife.min.js'),
  'uplot.css': import.meta.resolve('uplot/dist/uPlot.min.css'),
};

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};
const FOR_EVER = 'public, max-age=31536000, immutable';

const kept = new Map<string, Asset>();

/** Read once: the files of a running program do not change. Null if there is no such file. */
function assetOf(name: string): Asset | null {
  const known = kept.get(name);
  if (known !== undefined) return known;
  const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
  if (file === undefined) return null;
  const body = readFileSync(new URL(file), 'utf8');
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 16);
  const asset = { body, hash, type: TYPES[name.split('.').at(-1) ?? ''] ?? 'text/plain' };
  kept.set(name, asset);
  return asset;
}

/** The address of a file, which changes with its content. */
export const assetPath = (name: string): string => `/assets/${name}?v=${assetOf(name)?.hash ?? ''}`;

/** `GET /assets/NAME`. Under the address that names its content a file may be kept for ever. */
export function assetRoutes(): Hono<AdminVariables> {
  const app = new Hono<AdminVariables>();
  app.get('/assets/:name', (c: Context) => {
    const asset = assetOf(c.req.param('name') ?? '');
    if (asset === null) return c.text('There is nothing here.', 404);
    const etag = `"${asset.hash}"`;
    const lasting = new URL(c.req.url).searchParams.get('v') === asset.hash;
    const headers = { etag, 'cache-control': lasting ? FOR_EVER : 'no-cache', 'content-type': asset.type };
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
    return c.body(asset.body, 200, headers);
  });
  return app;
}
