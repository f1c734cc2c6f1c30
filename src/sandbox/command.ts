import { once } from 'node:events';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { startSandbox } from './notion/server.ts';

type SandboxCommand = {
  readonly host: string;
  readonly port: string;
  readonly journal: string | null;
  readonly json: boolean;
};

/** The sandbox by itself, until the signal comes. Throws `sandbox_port_invalid` and `sandbox_port_taken`. */
export async function runSandbox(
  options: SandboxCommand,
  print: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const port = portOf(options.port);
  const { host, journal } = options;
  const sandbox = await startSandbox({ host, port, journal }).catch((error: unknown) => {
    throw isPortFault(error) ? portTaken(port, error) : error;
  });
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

const ANOTHER =
  'name another port with `pgnotion sandbox --port NUMBER`, or leave the option out for a free one';

function portOf(given: string): number {
  if (/^\d{1,5}$/.test(given) && Number(given) <= 65_535) return Number(given);
  throw new PgnotionError({
    code: 'sandbox_port_invalid',
    message: `${JSON.stringify(given)} is not a port: it must be a whole number from 0 to 65535`,
    remedy: ANOTHER,
  });
}

const isPortFault = (error: unknown): error is Error =>
  error instanceof Error &&
  'code' in error &&
  ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EAFNOSUPPORT'].includes(
    String(error.code),
  );

const portTaken = (port: number, cause: Error): PgnotionError =>
  new PgnotionError({
    code: 'sandbox_port_taken',
    message: `port ${port} cannot be had: ${messageOf(cause)}`,
    remedy:
      'name another port with `pgnotion sandbox --port NUMBER`, or leave the option out for a free one; `--host` takes an address of this machine',
    cause,
  });
