import { once } from 'node:events';
import { startSandbox } from './notion/server.ts';

/** The sandbox by itself, until the signal comes. */
export async function runSandbox(
  options: { readonly port: number; readonly journal: string | null; readonly json: boolean },
  print: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const sandbox = await startSandbox({ port: options.port, journal: options.journal });
  const variables = {
    NOTION_BASE_URL: sandbox.url,
    NOTION_API_KEY: sandbox.token,
    NOTION_PARENT_PAGE_ID: sandbox.parentPageId,
  };
  print(
    options.json
      ? JSON.stringify(variables)
      : [
          `The Notion sandbox is at ${sandbox.url} (open it in a browser to edit).`,
          '',
          ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
        ].join('\n'),
  );
  // Only the socket keeps the process alive otherwise, and the signal is what ends it.
  if (!signal.aborted) await once(signal, 'abort');
  await sandbox.close();
}
