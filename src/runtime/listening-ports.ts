import { readdir, readFile, readlink } from 'node:fs/promises';

/**
 * The TCP ports that the other processes of this user listen on, as far as /proc shows both: in a container those of its
 * processes alone. Empty where there is no /proc.
 */
export async function listeningPorts(): Promise<readonly number[]> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(textOf));
  const ports = new Map(tables.flatMap(listenersIn));
  const processes = (await readdir('/proc').catch(() => [])).filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
  );
  const sockets = (await Promise.all(processes.map(socketsOf))).flat();
  return [...new Set(sockets.flatMap((socket) => ports.get(socket) ?? []))];
}

const textOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

const LISTEN = '0A';

/** The inode and the port of each socket that listens; the columns are those of proc_net_tcp(5). */
function listenersIn(table: string): (readonly [inode: string, port: number])[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    const port = Number.parseInt(local.split(':')[1] ?? '', 16);
    return state === LISTEN && Number.isInteger(port) ? [[inode, port] as const] : [];
  });
}

/** The inodes of a process's sockets; none of a process that is another user's or has ended. */
async function socketsOf(process: string): Promise<readonly string[]> {
  const folder = `/proc/${process}/fd`;
  const files = await readdir(folder).catch(() => []);
  const targets = await Promise.all(files.map((file) => readlink(`${folder}/${file}`).catch(() => '')));
  return targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);
}
