import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, readlink, rmdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Dockerfile, parseDockerfile, type Stage, type Step } from './dockerfile.ts';
import { eventually } from './eventually.ts';

// The image without an engine: the steps of the Dockerfile make a folder, and namespaces of Linux make it the root of a process.

const ROOT = resolve(import.meta.dirname, '../..');
/** What the base image has, as far as anything in the image uses it: taken from this machine. */
const BORROWED = ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'usr/share', 'etc'];
const LINKS = ['bin', 'sbin', 'lib', 'lib64'];
const MOUNTED = ['dev', 'proc'];
const NODE = 'usr/local/bin/node';
const CONFIG = 'config';

type Result = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

const run = (file: string, args: readonly string[], cwd: string): Promise<{ readonly stdout: string }> =>
  promisify(execFile)(file, [...args], { cwd, maxBuffer: 1 << 26 });

/** Why no container can be made here; null if it can. */
export async function whyNoContainers(): Promise<string | null> {
  if (process.platform !== 'linux') return 'only Linux has namespaces';
  if (process.getuid?.() !== 0) return 'only root may make namespaces';
  return run('unshare', ['--mount', '--pid', '--fork', 'mount', '-t', 'tmpfs', 'none', '/mnt'], '/').then(
    () => null,
    () => 'this machine does not allow namespaces',
  );
}

export type Image = Dockerfile & { readonly root: string; readonly hasInit: boolean };

/** Carries out the Dockerfile in `folder`. */
export async function buildImage(folder: string): Promise<Image> {
  const dockerfile = parseDockerfile(await readFile(join(ROOT, 'Dockerfile'), 'utf8'));
  const roots = new Map<string, string>();
  for (const [at, stage] of dockerfile.stages.entries()) {
    const root = join(folder, `stage-${at}`);
    await furnish(root);
    await carryOut(stage, root, roots);
    roots.set(stage.name, root);
  }
  const root = roots.get('') ?? '';
  const hasInit = existsSync(`/usr/bin/${dockerfile.entrypoint[0]}`);
  return { ...dockerfile, root, hasInit };
}

/** The empty folders and links that this machine's own are mounted on. */
async function furnish(root: string): Promise<void> {
  for (const name of [...BORROWED, ...MOUNTED, 'tmp', 'usr/local/bin'])
    await mkdir(join(root, name), { recursive: true });
  for (const name of LINKS)
    await symlink(await readlink(`/${name}`).catch(() => `usr/${name}`), join(root, name));
  await writeFile(join(root, NODE), '');
  await chmod(root, 0o755);
}

async function carryOut(stage: Stage, root: string, roots: ReadonlyMap<string, string>): Promise<void> {
  let at = root;
  for (const step of stage.steps) {
    switch (step.name) {
      case 'WORKDIR':
        at = join(root, step.text);
        await mkdir(at, { recursive: true });
        break;
      case 'COPY':
        await copy(step, at, roots);
        break;
      case 'RUN':
        await runStep(step, { stage, root, at });
        break;
      default:
        // What concerns the process and not the files.
        if (!['ENV', 'USER', 'EXPOSE', 'HEALTHCHECK', 'ENTRYPOINT', 'CMD'].includes(step.name))
          throw new Error(`the tests do not know the instruction ${step.name}`);
    }
  }
}

async function copy({ text }: Step, at: string, roots: ReadonlyMap<string, string>): Promise<void> {
  const words = text.split(/\s+/);
  const from = /^--from=(.+)$/.exec(words[0] ?? '')?.[1];
  const names = from === undefined ? words : words.slice(1);
  const target = names.at(-1) ?? '';
  const ignored = (await readFile(join(ROOT, '.dockerignore'), 'utf8')).split('\n');
  for (const name of names.slice(0, -1)) {
    if (from === undefined && ignored.includes(name)) throw new Error(`.dockerignore leaves out ${name}`);
    const source = join(from === undefined ? ROOT : (roots.get(from) ?? ''), name);
    const into = join(at, target.endsWith('/') ? join(target, name) : target);
    // As Docker does: the content of a folder, and links as they are.
    await cp(source, into, { recursive: true, verbatimSymlinks: true });
  }
}

type Place = { readonly stage: Stage; readonly root: string; readonly at: string };

async function runStep({ text }: Step, { stage, root, at }: Place): Promise<void> {
  // What Debian's packages bring is on this machine, or its test is left out.
  const parts = text.split(' && ').filter((part) => !/^(?:apt-get |rm -rf \/var\/lib\/apt)/.test(part));
  for (const part of parts) {
    const [program = '', ...args] = part.split(' ');
    // Compilers and their like have been installed from the same file.
    if (stage.name === 'build' && part.startsWith('npm ci'))
      await symlink(join(ROOT, 'node_modules'), join(at, 'node_modules'));
    else if (program === 'npm') await run('npm', [...args, '--prefer-offline'], at);
    else
      await promisify(execFile)('unshare', [
        ...['--mount', 'sh', '-ec', `${borrow(root)}\nexec chroot ${root} sh -ec 'cd "$1"; ${part}' sh "$1"`],
        ...['sh', at.slice(root.length)],
      ]);
  }
}

/** Commands that give a process of a mount namespace this folder as its root. */
const borrow = (root: string): string =>
  [
    `mount --bind ${root} ${root}`,
    ...BORROWED.map((name) => `[ ! -e /${name} ] || mount --bind /${name} ${root}/${name}`),
    `mount --bind ${process.execPath} ${root}/${NODE}`,
    `mount --rbind /dev ${root}/dev`,
  ].join('\n');

export type Container = {
  /** Of the container's first process, as this machine counts. */
  readonly pid: () => Promise<number>;
  readonly signal: (signal: NodeJS.Signals) => Promise<void>;
  readonly output: () => string;
  readonly exit: Promise<Result>;
  /** As an engine carries out a health check: beside the first process, with the container's environment. */
  readonly exec: (command: readonly string[]) => Promise<Result>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type ContainerOptions = {
  /** Instead of the image's. */
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  /** The folder that is mounted as /config. */
  readonly config: string;
  /** A control group that the container's processes belong to. */
  readonly group?: string | null;
};

/** Runs the image with a root that nobody can write to, as its user, as the first process of a PID namespace. */
export function runImage(image: Image, options: ContainerOptions): Container {
  const { entrypoint = initOf(image), command = image.command, group = null } = options;
  const variables: Readonly<Record<string, string>> = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/home/node',
    ...image.variables,
    ...options.variables,
  };
  const [user = '', own = user] = image.user.split(':');
  const inside = `cd ${image.workdir}; exec setpriv --reuid=${user} --regid=${own} --clear-groups --no-new-privs --bounding-set=-all "$@"`;
  const script = `${group === null ? '' : `echo $$ > ${group}/cgroup.procs`}
    ${borrow(image.root)}
    mount -t proc proc ${image.root}/proc
    mount --bind ${options.config} ${image.root}/${CONFIG}
    mount -o remount,bind,ro ${image.root}/${CONFIG}
    mount -o remount,bind,ro ${image.root}
    exec chroot ${image.root} sh -ec '${inside}' sh "$@"`;
  const child = spawn(
    'unshare',
    [...['--mount', '--pid', '--fork', '--kill-child', 'sh', '-ec', script, 'sh'], ...entrypoint, ...command],
    { env: variables, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  const exit = new Promise<Result>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => done({ code, ...output }));
  });
  const pid = (): Promise<number> =>
    firstProcess(child.pid ?? 0, () => `${output.stdout}${output.stderr}` || 'it says nothing');
  return {
    pid,
    signal: async (signal) => void process.kill(await pid(), signal),
    output: () => `${output.stdout}${output.stderr}`,
    exit,
    exec: async (words) => {
      const place = ['--target', `${await pid()}`, '--mount', '--pid', '--root', '--wd'];
      const args = [...place, '--setuid', user, '--setgid', own, ...words];
      return promisify(execFile)('nsenter', args, { env: variables }).then(
        ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
        ({ code, stdout, stderr }: Result) => ({ code, stdout, stderr }),
      );
    },
    [Symbol.asyncDispose]: async () => {
      // With the first process of its namespace all others end; before it is there, its parent takes it along.
      const first = await childrenOf(child.pid ?? 0);
      for (const each of [...first, child.pid ?? 0]) endNow(each);
      await exit;
    },
  };
}

/** The image's own entry point; without the init where this machine does not have it. */
const initOf = ({ entrypoint, hasInit }: Image): readonly string[] =>
  hasInit ? entrypoint : entrypoint.slice(entrypoint.indexOf('--') + 1);

/** What a shell goes through before it is the program that it is to be. */
const ON_THE_WAY = ['unshare', 'sh', 'mount', 'chroot', 'setpriv'];

/** The child of `unshare`, once it runs what it is to run. */
const firstProcess = (parent: number, said: () => string): Promise<number> =>
  eventually(async () => {
    const [found] = await childrenOf(parent);
    if (found === undefined) throw new Error(`the container has no first process: ${said()}`);
    const command = await readFile(`/proc/${found}/comm`, 'utf8');
    return ON_THE_WAY.includes(command.trim()) ? null : found;
  });

const childrenOf = (parent: number): Promise<readonly number[]> =>
  readFile(`/proc/${parent}/task/${parent}/children`, 'utf8').then(
    (text) => text.trim().split(' ').filter(Boolean).map(Number),
    () => [],
  );

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** A control group with a limit on memory, or null where none can be made. */
export async function memoryGroup(name: string, bytes: number): Promise<string | null> {
  // The first version's, and the second's where its groups may limit memory.
  for (const [parent, limit] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const group = join(parent, name);
    try {
      await mkdir(group);
      // The file is the kernel's: where it is missing, this is an ordinary folder.
      await writeFile(join(group, limit), `${bytes}`, { flag: 'r+' });
      return group;
    } catch {
      await rmdir(group).catch(() => undefined);
    }
  }
  return null;
}
