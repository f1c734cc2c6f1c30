import { get } from 'node:http';
import { resolve } from 'node:path';
import { invalidConfig } from '../config/invalid-config.ts';
import { ADMIN_ADDRESS, hostAndPort, hostToAsk, readAdminPort } from '../model/admin-address.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { listeningPorts } from '../runtime/listening-ports.ts';
import { readEnvFiles } from './env-files.ts';

/** Less than the health check of the image waits. */
const ANSWER_MS = 3_000;
const PATH = '/livez';

/**
 * Whether the daemon beside this process is alive, asked where the environment says that it answers. A health check runs
 * every few seconds in the daemon's own memory, so this loads neither the configuration nor what reads it.
 */
export async function healthCommand(config: string, asJson: boolean): Promise<string> {
  readEnvFiles(resolve(config));
  // What is set to nothing counts as not set.
  const { ADMIN_HOST, ADMIN_PORT } = process.env;
  const host = hostToAsk(ADMIN_HOST?.trim() || ADMIN_ADDRESS.host);
  const port = ADMIN_PORT ? readAdminPort(ADMIN_PORT) : ADMIN_ADDRESS.port;
  if (port === null) throw invalidConfig([BAD_PORT]);
  if (port === 'off')
    return asJson
      ? JSON.stringify({ alive: null, address: null })
      : 'ADMIN_PORT is off, so there is nothing to ask: the process counts as alive while it runs';
  const ports = port === 0 ? await listeningPorts() : [port];
  const answers = await Promise.all(ports.map((each) => ask(host, each)));
  const alive = answers.find(({ failure }) => failure === null);
  if (alive === undefined) throw unanswered(answers[0] ?? { address: host, failure: NO_PORT });
  return asJson
    ? JSON.stringify({ alive: true, address: alive.address })
    : `${alive.address} answers: the daemon is alive`;
}

type Answer = { readonly address: string; readonly failure: string | null };

function ask(host: string, port: number): Promise<Answer> {
  const address = `http://${hostAndPort(host, port)}${PATH}`;
  return new Promise((done) => {
    const request = get({ host, port, path: PATH, agent: false, signal: AbortSignal.timeout(ANSWER_MS) });
    request.once('response', (response) => {
      response.resume();
      const { statusCode } = response;
      done({ address, failure: statusCode === 200 ? null : `it answers ${statusCode}` });
    });
    request.on('error', (error) =>
      done({
        address,
        failure: error.name === 'AbortError' ? `nothing within ${ANSWER_MS / 1_000} s` : messageOf(error),
      }),
    );
  });
}

const NO_PORT =
  process.platform === 'linux'
    ? 'no process beside this one listens'
    : 'ADMIN_PORT is 0, and only Linux tells which port that became';

const BAD_PORT = {
  path: 'ADMIN_PORT',
  message: 'must be a port from 0 to 65535, or off',
  remedy: 'set the environment variable ADMIN_PORT, or leave it out',
};

const unanswered = ({ address, failure }: Omit<Answer, 'failure'> & { readonly failure: string | null }) =>
  new PgnotionError({
    code: 'health_unanswered',
    message: `${address} does not answer as a daemon that is alive: ${failure}`,
    remedy:
      'start the daemon with `pgnotion start`, with the same ADMIN_HOST and ADMIN_PORT; if it runs, its log says why it does not answer',
  });
