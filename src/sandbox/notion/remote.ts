import type { SandboxControl } from './control.ts';

type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

/** The control of a sandbox that runs in another process. */
export type RemoteControl = Remote<Omit<SandboxControl, 'faults' | 'webhooks' | 'botId' | 'personId'>> & {
  readonly faults: Remote<SandboxControl['faults']>;
  readonly webhooks: Remote<SandboxControl['webhooks']>;
};

/** Talks to the control plane of the sandbox at `url`. Refusals throw with their message. */
export function remoteControl(url: string): RemoteControl {
  const call =
    (name: string) =>
    async (...args: unknown[]): Promise<unknown> => {
      const response = await fetch(`${url}/_sandbox/call/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(args),
      });
      const body = (await response.json()) as { result?: unknown; message?: string };
      if (!response.ok) throw new Error(body.message ?? `control call failed: ${response.status}`);
      return body.result;
    };
  const group = (prefix: string): unknown =>
    new Proxy({}, { get: (_, name) => (typeof name === 'string' ? call(prefix + name) : undefined) });
  return new Proxy({} as RemoteControl, {
    get: (_, name) => {
      // An object with a `then` would be awaited as a promise.
      if (typeof name !== 'string' || name === 'then') return undefined;
      return name === 'faults' || name === 'webhooks' ? group(`${name}.`) : call(name);
    },
  });
}
