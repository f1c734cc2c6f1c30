import { createServer, type Server, Socket } from 'node:net';
import { freePort } from '../../src/sandbox/postgres-server.ts';

/** `up` is what the daemon says, `down` what it hears. */
export type Way = 'up' | 'down';

/**
 * What becomes of the bytes of one way: they pass, stay where they are until they may pass again, vanish, or come a few
 * at a time.
 */
export type Flow = 'pass' | 'stall' | 'swallow' | { readonly bytes: number; readonly everyMs: number };

/** A stretch of network between the daemon and one side, with every way in which a network fails. */
export type TcpProxy = {
  readonly port: number;
  /** The same address by way of the proxy. */
  readonly through: (url: string) => string;
  /** Holds for connections that exist and for those that come, until `heal` or another flow. */
  readonly flow: (flow: Flow, ways?: readonly Way[]) => void;
  /** Ends all connections, in an orderly way (FIN) or not (RST). */
  readonly cut: (how?: 'end' | 'reset') => void;
  /** The far side goes away and nobody is told: the daemon's connections stay open and never hear again. */
  readonly halfOpen: () => void;
  /** Refuses new connections. */
  readonly refuse: (on: boolean) => void;
  /** Lets everything pass that still can. */
  readonly heal: () => void;
  readonly connections: () => number;
  readonly close: () => Promise<void>;
};

type Lane = { readonly from: Socket; readonly to: Socket; readonly way: Way; dead: boolean };

const WAYS: readonly Way[] = ['up', 'down'];

/** Starts a proxy on a port of its own. */
export async function startProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<TcpProxy> {
  const flows: Record<Way, Flow> = { up: 'pass', down: 'pass' };
  const lanes = new Set<Lane>();
  let refusing = false;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    near.on('error', () => near.destroy());
    if (refusing) return void near.resetAndDestroy();
    const far = new Socket({ allowHalfOpen: true });
    far.on('error', () => near.destroy());
    far.connect(target.port, target.host);
    for (const lane of [
      { from: near, to: far, way: 'up', dead: false },
      { from: far, to: near, way: 'down', dead: false },
    ] as const satisfies readonly Lane[])
      carry({ ...lane }, flows, lanes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  const sockets = (): Socket[] => [...lanes].map(({ from }) => from);
  const set = (flow: Flow, ways: readonly Way[] = WAYS): void => {
    for (const way of ways) flows[way] = flow;
    for (const lane of lanes) if (flows[lane.way] !== 'stall') lane.from.resume();
  };
  return {
    port,
    through: (url) => {
      const way = new URL(url);
      way.hostname = '127.0.0.1';
      way.port = String(port);
      // A URL of the web gets a path that the original may not have.
      return way.href.replace(/\/$/, '');
    },
    flow: set,
    cut: (how = 'end') => {
      for (const socket of sockets()) how === 'end' ? socket.end() : socket.resetAndDestroy();
    },
    halfOpen: () => {
      for (const lane of lanes) {
        lane.dead = true;
        if (lane.way === 'down') lane.from.resetAndDestroy();
      }
    },
    refuse: (on) => {
      refusing = on;
    },
    heal: () => {
      refusing = false;
      set('pass');
    },
    connections: () => lanes.size / 2,
    close: () => closeAll(server, sockets()),
  };
}

/** Carries one way of one connection, as the flow of the moment says. */
function carry(lane: Lane, flows: Readonly<Record<Way, Flow>>, lanes: Set<Lane>): void {
  const { from, to, way } = lane;
  lanes.add(lane);
  let tail = Promise.resolve();
  from.on('data', (chunk) => {
    const flow = flows[way];
    if (lane.dead || flow === 'swallow') return;
    if (flow === 'stall') {
      from.pause();
      from.unshift(chunk);
      return;
    }
    from.pause();
    tail = tail.then(() => deliver(to, chunk, flow)).then(() => void from.resume());
  });
  from.on('end', () => {
    if (!lane.dead && flows[way] !== 'swallow') void tail.then(() => to.end());
  });
  from.on('error', () => from.destroy());
  from.on('close', () => {
    lanes.delete(lane);
    if (!lane.dead && flows[way] !== 'swallow' && !to.destroyed) to.destroySoon();
  });
}

async function deliver(to: Socket, chunk: Buffer, flow: Flow): Promise<void> {
  if (typeof flow === 'string') {
    if (!to.destroyed) await new Promise<void>((resolve) => void to.write(chunk, () => resolve()));
    return;
  }
  for (let at = 0; at < chunk.length && !to.destroyed; at += flow.bytes) {
    to.write(chunk.subarray(at, at + flow.bytes));
    await new Promise((resolve) => setTimeout(resolve, flow.everyMs));
  }
}

function closeAll(server: Server, sockets: readonly Socket[]): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

/** A port for a server that is to be started behind a proxy, and the proxy. */
export async function startProxyAhead(): Promise<{ readonly proxy: TcpProxy; readonly port: number }> {
  const port = await freePort();
  return { port, proxy: await startProxy({ host: '127.0.0.1', port }) };
}
