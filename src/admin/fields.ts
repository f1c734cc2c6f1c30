import type { Context } from 'hono';

/** What a form or a JSON object of texts says, by name. Of a name that comes twice, the first counts. */
export async function readFields(c: Context): Promise<Readonly<Record<string, string>>> {
  if (!(c.req.header('content-type') ?? '').startsWith('application/json')) {
    const form = new URLSearchParams(await c.req.text());
    return Object.fromEntries([...form].reverse());
  }
  const body: unknown = JSON.parse((await c.req.text()) || '{}');
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new SyntaxError('the body is no JSON object');
  return Object.fromEntries(
    Object.entries(body).flatMap(([name, value]) =>
      value === null || value === undefined
        ? []
        : [[name, typeof value === 'string' ? value : JSON.stringify(value)]],
    ),
  );
}
