import { isObject } from './check.ts';
import type { SandboxControl } from './control.ts';

type AnyFunction = (...args: unknown[]) => unknown;

/**
 * Runs one control function for another process: `POST /_sandbox/call/editPage` with the arguments as a JSON array,
 * `faults.add` and the like by their dotted names. Answers `{"result": ...}` or 400 with `{"message"}`. A brief answer
 * is no more than the id of what was changed.
 */
export async function controlCall(
  control: SandboxControl,
  name: string,
  { body, brief }: { readonly body: string; readonly brief: boolean },
): Promise<{ readonly status: number; readonly body: string }> {
  const run = findFunction(control, name);
  if (run === undefined) return reply(404, { message: `no such control function: ${name}` });
  try {
    const args: unknown = body === '' ? [] : JSON.parse(body);
    if (!Array.isArray(args)) return reply(400, { message: 'the body must be a JSON array of arguments' });
    const result = (await run(...args)) ?? null;
    return reply(200, { result: brief && isObject(result) ? { id: result.id } : result });
  } catch (error) {
    return reply(400, { message: error instanceof Error ? error.message : String(error) });
  }
}

const reply = (status: number, body: unknown) => ({ status, body: JSON.stringify(body) });

const dotted = (name: string, group: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(group).map(([key, value]) => [`${name}.${key}`, value]));

function findFunction(control: SandboxControl, name: string): AnyFunction | undefined {
  const flat: Readonly<Record<string, unknown>> = {
    ...control,
    ...dotted('faults', control.faults),
    ...dotted('webhooks', control.webhooks),
  };
  const found = Object.hasOwn(flat, name) ? flat[name] : undefined;
  return typeof found === 'function' ? (found as AnyFunction) : undefined;
}
