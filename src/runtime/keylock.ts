/** One record, one hand: work under the same name runs one after the other, different names side by side. */
export type KeyLock = {
  readonly run: <T>(name: string, work: () => Promise<T>) => Promise<T>;
  /** Under all of these names at once. One such work at a time, and never by who holds one of them. */
  readonly runAll: <T>(names: readonly string[], work: () => Promise<T>) => Promise<T>;
};

export function createKeyLock(): KeyLock {
  const tails = new Map<string, Promise<unknown>>();
  const run: KeyLock['run'] = async (name, work) => {
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
  };
  const runAll: KeyLock['runAll'] = async (names, work) => {
    const over = Promise.withResolvers<void>();
    const holds: Promise<void>[] = [];
    const entered = names.map(
      (name) =>
        new Promise<void>((enter) => {
          const hold = run(name, () => {
            enter();
            return over.promise;
          });
          holds.push(hold);
        }),
    );
    try {
      await Promise.all(entered);
      return await work();
    } finally {
      over.resolve();
      await Promise.all(holds);
    }
  };
  return { run, runAll };
}
