/** One record, one hand: work under the same name runs one after the other, different names side by side. */
export type KeyLock = { readonly run: <T>(name: string, work: () => Promise<T>) => Promise<T> };

export function createKeyLock(): KeyLock {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run: async (name, work) => {
      const before = tails.get(name) ?? Promise.resolve();
      // The next in line must not inherit this one's failure.
      const mine = before.then(work, work);
      const tail = mine.catch(() => undefined);
      tails.set(name, tail);
      try {
        return await mine;
      } finally {
        if (tails.get(name) === tail) tails.delete(name);
      }
    },
  };
}
