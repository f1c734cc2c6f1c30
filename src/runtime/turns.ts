/** Which of a bounded number of places a piece of work may take. */
export type Claim = {
  /** Works of one group never take all places. */
  readonly group: string;
  /** Known to take long: these never take all places together, either. */
  readonly slow: boolean;
};

type Limits = { readonly all: number; readonly perGroup: number; readonly slow: number };

/** Runs works side by side within limits, each as soon as one may: those that wait for a full group hold up no other. */
type Turns = { readonly run: <T>(claim: Claim, work: () => Promise<T>) => Promise<T> };

export function createTurns(limits: Limits): Turns {
  const running = new Set<Claim>();
  const waiting: { readonly claim: Claim; readonly start: () => void }[] = [];
  const count = (test: (claim: Claim) => boolean): number => [...running].filter(test).length;
  const may = ({ group, slow }: Claim): boolean =>
    running.size < limits.all &&
    count((each) => each.group === group) < limits.perGroup &&
    (!slow || count((each) => each.slow) < limits.slow);
  const startNext = (): void => {
    for (let at = waiting.findIndex(({ claim }) => may(claim)); at >= 0; ) {
      const [next] = waiting.splice(at, 1);
      if (next !== undefined) {
        running.add(next.claim);
        next.start();
      }
      at = waiting.findIndex(({ claim }) => may(claim));
    }
  };
  return {
    run: async (given, work) => {
      // One of its own: the same claim may be made twice.
      const claim = { ...given };
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ claim, start: resolve });
      startNext();
      await promise;
      try {
        return await work();
      } finally {
        running.delete(claim);
        startNext();
      }
    },
  };
}
