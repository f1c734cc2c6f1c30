import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { SandboxControl } from '../../src/sandbox/notion/control.ts';
import type { Exchange } from '../../src/sandbox/notion/server.ts';
import type { Landing } from './history/history.ts';

const EXCHANGES = 'pgnotion:sandbox:exchange';

/** How many commits the journal has: each makes the version grow by one. */
export const commitsOf = (control: SandboxControl): number => control.version() - 1;

export type Landings = ReadonlyMap<number, Landing> & Disposable;

/** Notes of each write to a page, under its commit, when it came and whether another one came before it took effect. */
export function noteLandings(control: SandboxControl): Landings {
  const landings = new Map<number, Landing>();
  const hear = (message: unknown): void => {
    const { path, operation, status } = message as Exchange;
    if (operation !== 'pages.update' || status !== 200) return;
    const writes = control.requests().filter((each) => each.operation === operation && each.path === path);
    // Ids of pages are one sandbox's own: what another one of this process tells of is not here.
    const underWay = writes.filter((each) => each.status === null);
    const [first] = underWay;
    if (first === undefined) return;
    const overtaken = writes.some(({ seq }) => seq > first.seq);
    landings.set(commitsOf(control) - 1, { came: first.at, overtaken });
  };
  subscribe(EXCHANGES, hear);
  return Object.assign(landings, { [Symbol.dispose]: () => void unsubscribe(EXCHANGES, hear) });
}
