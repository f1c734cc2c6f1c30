import { expect, test } from 'vitest';
import { onAbort } from '../../src/runtime/signal.ts';

test('reacts when the signal comes, and to one that has come already, each time once', () => {
  const seen: string[] = [];
  const later = new AbortController();
  using _later = onAbort(later.signal, () => seen.push('later'));
  expect(seen).toEqual([]);
  later.abort();
  later.abort();
  expect(seen).toEqual(['later']);
  using _before = onAbort(AbortSignal.abort(), () => seen.push('before'));
  expect(seen).toEqual(['later', 'before']);
});

test('reacts no more once it is disposed of', () => {
  const seen: string[] = [];
  const stop = new AbortController();
  onAbort(stop.signal, () => seen.push('too late'))[Symbol.dispose]();
  stop.abort();
  expect(seen).toEqual([]);
});
