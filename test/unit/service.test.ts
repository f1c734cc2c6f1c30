import { expect, test } from 'vitest';
import { silentLog } from '../../src/runtime/log.ts';
import { runTogether, type Service } from '../../src/runtime/service.ts';

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Runs until it is stopped, then finishes what it had in flight. */
const patient = (seen: string[], name: string): Service => ({
  name,
  run: async (signal) => {
    seen.push(`${name} begins`);
    await aborted(signal);
    await Promise.resolve();
    seen.push(`${name} drained`);
  },
});

const failing = (message: string, after: Promise<void> = Promise.resolve()): Service => ({
  name: message,
  run: async () => {
    await after;
    throw new Error(message);
  },
});

test('the signal stops all, and each finishes what it has in flight', async () => {
  const seen: string[] = [];
  const stop = new AbortController();
  const running = runTogether([patient(seen, 'a'), patient(seen, 'b')], stop.signal, silentLog());
  expect(seen).toEqual(['a begins', 'b begins']);
  stop.abort();
  await running;
  expect(seen).toEqual(['a begins', 'b begins', 'a drained', 'b drained']);
});

test('the first failure stops all, is waited out, and comes out', async () => {
  const seen: string[] = [];
  const services = [patient(seen, 'a'), failing('broken'), patient(seen, 'b')];
  await expect(runTogether(services, new AbortController().signal, silentLog())).rejects.toThrow('broken');
  expect(seen).toEqual(['a begins', 'b begins', 'a drained', 'b drained']);
});

test('of several failures the first one comes out', async () => {
  const late = Promise.withResolvers<void>();
  const stops: Service = { name: 'stops', run: (signal) => aborted(signal).then(late.resolve) };
  const services = [failing('second', late.promise), failing('first'), stops];
  await expect(runTogether(services, new AbortController().signal, silentLog())).rejects.toThrow('first');
});

test('a service that throws before its first await is a failure like any other', async () => {
  const seen: string[] = [];
  const rude: Service = {
    name: 'rude',
    run: () => {
      throw new Error('at once');
    },
  };
  const running = runTogether([patient(seen, 'a'), rude], new AbortController().signal, silentLog());
  await expect(running).rejects.toThrow('at once');
  expect(seen).toEqual(['a begins', 'a drained']);
});

test('a service that ends by itself ends the others without an error', async () => {
  const seen: string[] = [];
  const short: Service = { name: 'short', run: async () => undefined };
  await runTogether([patient(seen, 'a'), short], new AbortController().signal, silentLog());
  expect(seen).toEqual(['a begins', 'a drained']);
});

test('a failure while stopping is not lost', async () => {
  const stop = new AbortController();
  const sore: Service = {
    name: 'sore',
    run: async (signal) => {
      await aborted(signal);
      throw new Error('could not drain');
    },
  };
  const running = runTogether([sore], stop.signal, silentLog());
  stop.abort();
  await expect(running).rejects.toThrow('could not drain');
});
